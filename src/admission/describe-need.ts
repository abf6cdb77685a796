/** What a need is and how it was found, in a few words. It decides nothing. */
import { formatBytes } from '../core/bytes.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { FootprintBasis, LoadNeed } from '../core/types.ts';

/** How each need was found, as a clause that follows its number. */
const FOUND: Readonly<Record<Exclude<FootprintBasis, 'unknown'>, string>> = {
  table: 'by the documented table, which counts weights only',
  shape: 'by its published shape',
  gguf: "by its file's header",
  onnx: 'by its ONNX file, at the most',
  engine: "by the engine's own simulation",
  measured: 'as measured here before',
  sizes: 'at most, by the sizes of its files',
  given: 'as given',
};

/** A need, and the one that it took the place of. */
export interface ToldNeed {
  readonly need: LoadNeed;
  readonly outgrownNeed?: LoadNeed;
  /** Kept for its first context. */
  readonly roomBytes?: number;
}

/** "8.1 GiB (by its file's header)", "300.0 MiB (as given) and 100.0 MiB for its first context", "5.0 GiB (as measured here before, where 4.0 GiB was given)". */
export function describeNeed({ need, outgrownNeed, roomBytes = 0 }: ToldNeed): string {
  if (need.basis === 'unknown') return 'an amount that nobody knows';
  const before = outgrownNeed === undefined ? '' : `, ${describeOutgrown(outgrownNeed)}`;
  const room = roomBytes > 0 ? ` and ${formatBytes(roomBytes)} for its first context` : '';
  return `${formatBytes(neededBytes(need))} (${FOUND[need.basis]}${before})${room}`;
}

/** "4.0 GiB", or that it is nothing since nobody knew what to reserve. */
export function describeReserved({ anonymousBytes, basis }: LoadNeed): string {
  return basis === 'unknown' ? 'nothing, since nobody knew what it needs,' : formatBytes(anonymousBytes);
}

/** "where 4.0 GiB was given" */
function describeOutgrown(need: LoadNeed): string {
  const bytes = formatBytes(neededBytes(need));
  if (need.basis === 'given') return `where ${bytes} was given`;
  return need.basis === 'sizes' ? `where its files said ${bytes} at most` : `where the documented table has ${bytes}`;
}
