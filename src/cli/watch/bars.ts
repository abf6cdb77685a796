/** Numbers as bars and lines of blocks, or of letters on a terminal without blocks. Pure. */

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LETTERS = ['_', '.', ':', '-', '=', '+', '*', '#'];

export interface Bar {
  readonly kept: string;
  readonly reclaimable: string;
  readonly free: string;
}

/** What is used for good, what would be given back, and what is free: together `width` columns, which stand for the limit. */
export function drawBar(
  { usedBytes, reclaimableBytes, limitBytes }: { usedBytes: number; reclaimableBytes: number; limitBytes: number },
  width: number,
  unicode: boolean,
): Bar {
  const keptBytes = Math.max(0, usedBytes - reclaimableBytes);
  const kept = countCells(keptBytes / limitBytes, width);
  const taken = Math.max(kept, countCells(usedBytes / limitBytes, width));
  const [full, half, empty] = unicode ? (['█', '▒', '░'] as const) : (['#', '=', '.'] as const);
  return {
    kept: full.repeat(kept),
    reclaimable: half.repeat(taken - kept),
    free: empty.repeat(width - taken),
  };
}

/** At least one cell for what is not nothing. */
function countCells(share: number, width: number): number {
  if (!(share > 0)) return 0;
  return Math.min(width, Math.max(1, Math.round(share * width)));
}

/** A swing of less than this share of the largest value is drawn as small as it is. */
const SMALLEST_SPAN = 0.05;

/** The last values that fit, from the smallest of them to the largest. */
export function drawSparkline(values: readonly number[], width: number, unicode: boolean): string {
  const shown = values.slice(-width);
  const most = Math.max(...shown);
  const span = Math.max(most - Math.min(...shown), Math.abs(most) * SMALLEST_SPAN, 1);
  const steps = unicode ? BLOCKS : LETTERS;
  return shown.map((value) => steps[Math.round((1 - (most - value) / span) * (steps.length - 1))]).join('');
}
