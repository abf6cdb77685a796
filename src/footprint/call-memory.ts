/** Knows what a call of some size takes, by what calls of other sizes took. It must not read memory or files. */
import { MiB } from '../core/bytes.ts';
import type { CallInput } from '../core/call-input.ts';
import type { Observation } from './apply-observations.ts';

/** What a call of a size took at its most, with nothing of an earlier one to use again. */
export interface SeenCall {
  readonly elements: number;
  readonly bytes: number;
}

/** What a call is expected to take. */
export interface PredictedCall {
  readonly bytes: number;
  /** `measured`: such a call was seen, or a smaller one that it follows from. `unknown`: none was, and this is assumed. */
  readonly basis: 'measured' | 'unknown';
}

/**
 * Assumed of a model of which no call was seen: a network of convolutions took 12 to 16 times its input (PP-OCRv4's detector at 320 to 1600 pixels), and
 * layers that widen take more. It is no bound.
 */
const INPUT_FACTOR = 32;
const OUTPUT_FACTOR = 4;
const LEAST_ASSUMED_BYTES = 32 * MiB;

/** From one size alone the largest growth is taken that layers have: that of attention, with the square of its input. */
const STEEPEST = 2;
/** Two sizes tell the growth only if they differ so much, and by more than an allocator rounds. */
const APART = 1.5;
const MARGIN = 1.25;

/** `seen` in any order. More input never counts as taking less. */
export function predictCall(
  { elements, inputBytes, outputBytes }: CallInput,
  seen: readonly SeenCall[],
): PredictedCall {
  const below = raise(seen.filter((each) => each.elements <= elements));
  const above = seen.filter((each) => each.elements >= elements).map(({ bytes }) => bytes);
  const largest = below.at(-1);
  if (!largest) {
    if (above.length > 0) return { bytes: Math.min(...above), basis: 'measured' };
    const assumedBytes = INPUT_FACTOR * inputBytes + OUTPUT_FACTOR * outputBytes;
    return { bytes: Math.max(LEAST_ASSUMED_BYTES, assumedBytes), basis: 'unknown' };
  }
  if (largest.elements === elements) return { bytes: largest.bytes, basis: 'measured' };
  const ratio = elements / Math.max(1, largest.elements);
  // A small call may have fitted into what was free already, and seem to take nothing.
  const scaledBytes = Math.max(largest.bytes * ratio ** findGrowth(below), OUTPUT_FACTOR * (inputBytes + outputBytes));
  return { bytes: Math.ceil(Math.min(scaledBytes, ...above, Number.MAX_SAFE_INTEGER)), basis: 'measured' };
}

/** In order of size, each with at least what the ones before it took. */
function raise(seen: readonly SeenCall[]): readonly SeenCall[] {
  let most = 0;
  return [...seen]
    .sort((a, b) => a.elements - b.elements)
    .map(({ elements, bytes }) => {
      most = Math.max(most, bytes);
      return { elements, bytes: most };
    });
}

/** The exponent by which calls grow, from the two largest that are far enough apart; a margin stands in it for the ratio of two. */
function findGrowth(seen: readonly SeenCall[]): number {
  const last = seen.at(-1)!;
  const before = seen.findLast(({ elements, bytes }) => elements * APART <= last.elements && bytes > 0 && elements > 0);
  if (!before) return STEEPEST;
  const grown = Math.log((last.bytes / before.bytes) * MARGIN) / Math.log(last.elements / before.elements);
  return Math.min(STEEPEST, Math.max(1, grown));
}

/** Names what calls are kept under that have from 2^n to 2^(n+1) elements. */
export function nameCallKey(loadKey: string, elements: number): string {
  return `${loadKey} calls ${Math.floor(Math.log2(Math.max(1, elements)))}`;
}

/** The names of all sizes. */
export function listCallKeys(loadKey: string): readonly string[] {
  return Array.from({ length: 53 }, (_, power) => nameCallKey(loadKey, 2 ** power));
}

/** How a call is kept: calls of one size take the place of each other. */
export function writeCall({ elements, bytes }: SeenCall): Observation {
  return {
    load: `call of ${elements}`,
    mappedBytes: 0,
    anonymousAfterLoadBytes: 0,
    anonymousAfterCallBytes: Math.ceil(bytes),
    full: true,
    heard: false,
    elements,
  };
}

export function readCall({ elements, anonymousAfterCallBytes }: Observation): readonly SeenCall[] {
  return elements === undefined || anonymousAfterCallBytes === undefined
    ? []
    : [{ elements, bytes: anonymousAfterCallBytes }];
}
