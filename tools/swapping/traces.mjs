/** Requests over models that don't all fit: seeded traces of several kinds. It knows no memory and no policy. */
import { createRandom } from '../random.mjs';

/** @typedef {{ readonly atMs: number, readonly model: number }} Request one use of a model, by its number */
/** @typedef {{ readonly random: () => number, readonly models: number, readonly requests: number }} TraceParts */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How requests come, each kind as a generator of models and of the time that passes before. */
export const KINDS = {
  /** One model gets most requests, the others the rest. @param {TraceParts} parts */
  *'one hot'({ random, models, requests }) {
    const hot = pick(random, models);
    for (let n = 0; n < requests; n++) {
      yield { model: random() < 0.6 ? hot : pick(random, models), gapMs: exponential(random, 30_000) };
    }
  },

  /** Shares fall as 1, 1/2, 1/3 … @param {TraceParts} parts */
  *zipf({ random, models, requests }) {
    const order = shuffle(random, models);
    const shares = order.map((_, rank) => 1 / (rank + 1));
    for (let n = 0; n < requests; n++) yield { model: order[draw(random, shares)], gapMs: exponential(random, 30_000) };
  },

  /** A hot model, and now and then one pass over all others. @param {TraceParts} parts */
  *'hot and scan'({ random, models, requests }) {
    const [hot, ...cold] = shuffle(random, models);
    for (let n = 0; n < requests; ) {
      for (let hits = 4 + pick(random, 12); hits > 0 && n < requests; hits--, n++) {
        yield { model: hot, gapMs: exponential(random, 20_000) };
      }
      for (const model of cold) if (n++ < requests) yield { model, gapMs: exponential(random, 20_000) };
    }
  },

  /** Two models hot for some time, then two others. @param {TraceParts} parts */
  *phases({ random, models, requests }) {
    for (let n = 0; n < requests; ) {
      const hot = shuffle(random, models).slice(0, 2);
      for (let length = 20 + pick(random, 40); length > 0 && n < requests; length--, n++) {
        const model = random() < 0.85 ? hot[pick(random, 2)] : pick(random, models);
        yield { model, gapMs: exponential(random, 20_000) };
      }
    }
  },

  /** Pairs that take turns, a pair for a while. @param {TraceParts} parts */
  *pairs({ random, models, requests }) {
    for (let n = 0; n < requests; ) {
      const pair = shuffle(random, models).slice(0, 2);
      for (let length = 6 + pick(random, 20); length > 0 && n < requests; length--, n++) {
        yield { model: pair[n % 2], gapMs: exponential(random, 10_000) };
      }
    }
  },

  /** Each model has its own hour of the day. @param {TraceParts} parts */
  *daily({ random, models, requests }) {
    const peaks = shuffle(random, models).map((rank) => (24 * rank) / models);
    let atMs = 0;
    for (let n = 0; n < requests; n++) {
      const gapMs = exponential(random, 6 * MINUTE_MS);
      atMs += gapMs;
      const hour = (atMs / HOUR_MS) % 24;
      const shares = peaks.map((peak) => 0.03 + Math.max(0, Math.cos(((hour - peak) / 24) * 2 * Math.PI)) ** 4);
      yield { model: draw(random, shares), gapMs };
    }
  },

  /** Talks: several requests in a row to one model, drawn by unequal shares. @param {TraceParts} parts */
  *talks({ random, models, requests }) {
    const shares = Array.from({ length: models }, () => random() ** 2 + 0.05);
    for (let n = 0; n < requests; ) {
      const model = draw(random, shares);
      for (let length = 1 + pick(random, 10); length > 0 && n < requests; length--, n++) {
        yield { model, gapMs: exponential(random, length === 1 ? 2 * MINUTE_MS : 8_000) };
      }
    }
  },

  /** All models in turn, again and again: the worst for any rule that goes by the last use. @param {TraceParts} parts */
  *'round robin'({ random, models, requests }) {
    const order = shuffle(random, models);
    for (let n = 0; n < requests; n++) yield { model: order[n % models], gapMs: exponential(random, 20_000) };
  },

  /** Every model as often. @param {TraceParts} parts */
  *even({ random, models, requests }) {
    for (let n = 0; n < requests; n++) yield { model: pick(random, models), gapMs: exponential(random, 30_000) };
  },
};

/** @typedef {keyof typeof KINDS} Kind */

/** The same for the same seed. @param {Kind} kind @param {number} seed @param {{ models: number, requests: number }} size @returns {readonly Request[]} */
export function makeTrace(kind, seed, { models, requests }) {
  const random = createRandom(seed);
  let atMs = 0;
  /** @type {Request[]} */
  const trace = [];
  for (const { model, gapMs } of KINDS[kind]({ random, models, requests })) {
    atMs += gapMs;
    trace.push({ atMs, model: /** @type {number} */ (model) });
  }
  return trace;
}

/** @param {() => number} random @param {number} below */
const pick = (random, below) => Math.floor(random() * below);

/** @param {() => number} random @param {number} meanMs */
const exponential = (random, meanMs) => -meanMs * Math.log(1 - random());

/** @param {() => number} random @param {readonly number[]} shares */
function draw(random, shares) {
  let left = random() * shares.reduce((sum, share) => sum + share, 0);
  for (const [index, share] of shares.entries()) {
    left -= share;
    if (left < 0) return index;
  }
  return shares.length - 1;
}

/** The numbers below `count` in another order. @param {() => number} random @param {number} count */
function shuffle(random, count) {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = pick(random, last + 1);
    [order[last], order[other]] = [/** @type {number} */ (order[other]), /** @type {number} */ (order[last])];
  }
  return order;
}
