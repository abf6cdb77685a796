// Compares what was said of one load with what it took, and all of them with what they are to reach. It measures and prints nothing.
import { findMedian } from '../../tools/timing.mjs';
import { sumSaid } from './said-buffers.mjs';

/** @typedef {import('nexa-memory-guard').Footprint} Footprint */
/** `ms` cold and from disk. @typedef {{ footprint: Footprint, coldMs: number, diskMs?: number }} Predicted */
/** `basis` is what the estimate goes by. @typedef {{ asked?: Predicted, own?: Predicted, problem?: string }} Predictions */
/** `embeds`: outputs of all tokens are kept. @typedef {{ name: string, engine: string, embeds: boolean, predictions: Predictions, row: import('./rows.mjs').Row }} Loaded */
/** As ratios less one; undefined where nothing can be compared. @typedef {{ off?: number, anonymous?: number, mapped?: number }} Deviation */
/** @typedef {{ asked: Deviation, own: Deviation, theirs: Deviation }} Judged */

/** What is measured of one load differs by so much from one run to the next. */
const PEAK_TOLERANCE = 0.01;
/** The kernel maps sixteen pages of a file around the one that is touched, so those at both ends may be of other tensors. */
const MAPPED_AROUND_BYTES = 64 * 1024;
const CLOSE = 0.01;
const LOOSE = 0.03;
/** This share of all shapes must be close. */
const CLOSE_SHARE = 0.99;

/** @param {Loaded} loaded @returns {Judged} */
export function judgeLoad({ embeds, predictions: { asked, own }, row }) {
  const { said, measured } = row;
  if (!said || !measured) return { asked: {}, own: {}, theirs: {} };
  // Outputs of all tokens are made room for at the first text, and of that no engine prints anything.
  const outputs = embeds ? said.output : 0;
  const saidBytes = sumSaid({ ...said, output: said.output - outputs });
  const judge = (/** @type {Predicted | undefined} */ predicted) => {
    if (!predicted) return {};
    const { outputBytes, anonymousBytes, mappedBytes } = predicted.footprint;
    const buffersBytes = sumBuffers(predicted.footprint) - (embeds ? outputBytes : 0);
    return {
      ...(saidBytes > 0 && { off: buffersBytes / saidBytes - 1 }),
      anonymous: anonymousBytes / measured.peakAnonymousBytes - 1,
      ...(measured.mappedBytes > 0 && { mapped: countMappedOff(mappedBytes, measured.mappedBytes) }),
    };
  };
  const { theirs } = measured;
  const taken = measured.peakAnonymousBytes + measured.mappedBytes;
  const ofTheirs = typeof theirs === 'number' ? { off: theirs / sumSaid(said) - 1, anonymous: theirs / taken - 1 } : {};
  return { asked: judge(asked), own: judge(own), theirs: ofTheirs };
}

/** What the engine says of itself: it reports neither what it holds beside, nor what a picture or a sound takes. @param {Footprint} footprint */
export function sumBuffers({ totalBytes, runtimeBytes, laterBytes, audioBytes, imageBytes }) {
  return totalBytes - runtimeBytes - laterBytes - audioBytes - imageBytes;
}

/** @param {number} predictedBytes @param {number} takenBytes */
function countMappedOff(predictedBytes, takenBytes) {
  const isAround = Math.abs(predictedBytes - takenBytes) <= MAPPED_AROUND_BYTES;
  return isAround ? 0 : predictedBytes / takenBytes - 1;
}

/** @param {Deviation} deviation */
export function isBelowPeak({ anonymous = 0, mapped = 0 }) {
  return Math.min(anonymous, mapped) < -PEAK_TOLERANCE;
}

/** Whether the engine's own answer is as close as it is to be, and nothing is below the peak. @param {Loaded} loaded */
export function misses(loaded) {
  const { asked, own } = judgeLoad(loaded);
  if (loaded.row.problem !== undefined) return false;
  const unasked = loaded.predictions.asked?.footprint.basis !== 'engine';
  return unasked || Math.abs(asked.off ?? 0) > CLOSE || isBelowPeak(asked) || isBelowPeak(own);
}

/** @typedef {ReturnType<typeof summarize>} Summary */

/** @param {readonly Deviation[]} deviations @param {readonly number[]} ms */
export function summarize(deviations, ms) {
  const offs = deviations.flatMap(({ off }) => (off === undefined ? [] : [off]));
  const least = (/** @type {'anonymous' | 'mapped'} */ part) =>
    Math.min(...deviations.flatMap((each) => (each[part] === undefined ? [] : [each[part]])));
  const share = (/** @type {number} */ bound) =>
    offs.filter((off) => Math.abs(off) <= bound).length / Math.max(1, offs.length);
  return {
    count: offs.length,
    close: share(CLOSE),
    loose: share(LOOSE),
    highest: Math.max(...offs),
    lowest: Math.min(...offs),
    anonymous: least('anonymous'),
    mapped: least('mapped'),
    belowPeak: deviations.filter(isBelowPeak).length,
    medianMs: findMedian(ms),
  };
}

/** @param {readonly Loaded[]} all @param {Summary} asked @param {Summary} own */
export function isGood(all, asked, own) {
  const everyAsked = all.every(
    ({ predictions, row }) => row.problem !== undefined || predictions.asked?.footprint.basis === 'engine',
  );
  return everyAsked && asked.close >= CLOSE_SHARE && asked.loose === 1 && asked.belowPeak + own.belowPeak === 0;
}
