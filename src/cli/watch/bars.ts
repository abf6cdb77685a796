/** Numbers as bars and lines of blocks, or of plain letters where the terminal has no blocks. Pure. */

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LETTERS = ['_', '.', ':', '-', '=', '+', '*', '#'];

/** What is used for good, what would be given back, what is free: together as wide as the limit. */
export function bar(
  { usedBytes, reclaimableBytes, limitBytes }: { usedBytes: number; reclaimableBytes: number; limitBytes: number },
  width: number,
  unicode: boolean,
): { readonly kept: string; readonly reclaimable: string; readonly free: string } {
  const keptBytes = Math.max(0, usedBytes - reclaimableBytes);
  const kept = cells(keptBytes / limitBytes, width);
  const taken = Math.max(kept, cells(usedBytes / limitBytes, width));
  const [full, half, empty] = unicode ? ['█', '▒', '░'] : ['#', '=', '.'];
  return {
    kept: (full as string).repeat(kept),
    reclaimable: (half as string).repeat(taken - kept),
    free: (empty as string).repeat(width - taken),
  };
}

/** A swing of less than this share of the largest value is drawn as small as it is. */
const SMALLEST_SPAN = 0.05;

/** The last values that fit, from the smallest of them to the largest. */
export function sparkline(values: readonly number[], width: number, unicode: boolean): string {
  const shown = values.slice(-width);
  const most = Math.max(...shown);
  const span = Math.max(most - Math.min(...shown), Math.abs(most) * SMALLEST_SPAN, 1);
  const steps = unicode ? BLOCKS : LETTERS;
  const stepOf = (value: number) => Math.round((1 - (most - value) / span) * (steps.length - 1));
  return shown.map((value) => steps[stepOf(value)]).join('');
}

/** At least one cell for what is not nothing. */
function cells(share: number, width: number): number {
  if (!(share > 0)) return 0;
  return Math.min(width, Math.max(1, Math.round(share * width)));
}
