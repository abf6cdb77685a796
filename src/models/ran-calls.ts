/** Knows which sizes of calls a loaded model has run, and what they made its engine keep. It reads no memory. */
import type { SeenCall } from '../footprint/call-memory.ts';
import type { TakenByCall } from './call-meter.ts';

/**
 * How often calls of one size take more. ONNX Runtime lays out the second one anew, by what the first one showed it: a detector took 498 MiB at 1600
 * pixels, 366 more when that was run again, and no more then.
 */
const RUNS_THAT_TAKE = 2;
/** So much smaller, and what a larger call left is room for any block of it. */
const SURELY_SMALLER = 0.5;

export class RanCalls {
  readonly #keeps: boolean;
  readonly #runs = new Map<number, number>();
  readonly #seen = new Map<number, SeenCall>();
  #largest = 0;
  /** What they left for later ones, with what they may have taken that was not seen. */
  #keptBytes = 0;
  #nativeBytes = 0;

  /** `keeps`: what a call took is kept for later ones. */
  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  /** What native code was seen to keep of these calls. */
  get nativeBytes(): number {
    return Math.max(0, this.#nativeBytes);
  }

  get seen(): readonly SeenCall[] {
    return [...this.#seen.values()];
  }

  /** Whether a call of this size takes nothing more. */
  isKnown(elements: number): boolean {
    return this.#keeps && (this.#runs.get(elements) ?? 0) >= RUNS_THAT_TAKE;
  }

  /** What a call still takes that takes `bytes` by itself. */
  countMissing(elements: number, bytes: number): number {
    return this.#keeps && elements <= this.#largest * SURELY_SMALLER ? 0 : bytes;
  }

  /** Notes a call that was run. Returns what is to be remembered of its size, if that is news. `taken` is absent if that could not be seen. */
  add(elements: number, taken: TakenByCall | undefined, reservedBytes: number): SeenCall | undefined {
    const first = elements > this.#largest;
    const beforeBytes = this.#keptBytes;
    this.#runs.set(elements, (this.#runs.get(elements) ?? 0) + 1);
    this.#largest = Math.max(this.#largest, elements);
    this.#keptBytes += taken?.keptBytes ?? reservedBytes;
    if (!taken) return undefined;
    this.#nativeBytes += taken.nativeBytes;
    // What smaller calls left may have been used, and won't be there next time.
    const bytes = taken.peakBytes(this.#keeps, reservedBytes) + (first || !this.#keeps ? beforeBytes : 0);
    const known = this.#seen.get(elements);
    // Into what a larger one left a smaller one fits, and seems to take nothing.
    if (elements < this.#largest || (known && bytes <= known.bytes)) return undefined;
    const seen = { elements, bytes };
    this.#seen.set(elements, seen);
    return seen;
  }
}
