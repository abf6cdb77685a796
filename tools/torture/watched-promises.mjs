/** Every promise that the guard gave out, what it waits for inside the SDK, and how it ended. It judges nothing. */
import { SdkFault } from './sdk-faults.mjs';

/** @typedef {'load' | 'call' | 'dispose' | 'read'} WatchedKind */
/** @typedef {import('./model-records.mjs').SdkPart} SdkPart */
/**
 * @typedef {object} LoadFacts what bounds a load
 * @property {number | undefined} timeoutMs
 * @property {AbortController | undefined} controller
 * @property {boolean} forced
 * @property {number} needBytes
 */

export class Watched {
  /** @type {SdkPart[]} */
  parts = [];
  /** @type {'running' | 'fulfilled' | 'rejected'} */
  state = 'running';
  /** @type {unknown} */
  value;
  /** When its signal was aborted. @type {number | undefined} */
  abortedMs;
  /** The least that other programs have held since it began. */
  leastOthersBytes = Number.POSITIVE_INFINITY;

  /** @param {WatchedKind} kind @param {string} name of the model @param {number} startedMs @param {LoadFacts | undefined} load */
  constructor(kind, name, startedMs, load) {
    this.kind = kind;
    this.name = name;
    this.startedMs = startedMs;
    this.load = load;
  }
}

export class WatchedPromises {
  /** Those that have not settled. @type {Set<Watched>} */
  running = new Set();
  #records;
  #nowMs;
  #violate;

  #expects;

  /**
   * @param {import('./model-records.mjs').ModelRecords} records @param {() => number} nowMs @param {import('./model-records.mjs').Violate} violate
   * @param {(error: unknown) => boolean} expects whether an error without a code is the SDK's own
   */
  constructor(records, nowMs, violate, expects) {
    this.#expects = expects;
    this.#records = records;
    this.#nowMs = nowMs;
    this.#violate = violate;
  }

  /**
   * Calls the guard and watches what it gives.
   * @param {WatchedKind} kind @param {string} name @param {() => unknown} call @param {(watched: Watched) => void} [settled] @param {LoadFacts} [load]
   */
  begin(kind, name, call, settled = () => {}, load = undefined) {
    const watched = new Watched(kind, name, this.#nowMs(), load);
    this.running.add(watched);
    const end = (/** @type {'fulfilled' | 'rejected'} */ state, /** @type {unknown} */ value) => {
      this.running.delete(watched);
      Object.assign(watched, { state, value });
      if (state === 'rejected') this.#checkError(watched, value);
      settled(watched);
    };
    this.#records.within = watched.parts;
    /** @type {unknown} */
    let result;
    try {
      result = call();
    } catch (error) {
      this.#records.within = undefined;
      end('rejected', error);
      return watched;
    }
    this.#records.within = undefined;
    if (isThenable(result)) {
      // What is read of a stream comes later; it is not awaited as a promise unless it is one.
      Promise.resolve(result).then(
        (value) => end('fulfilled', value),
        (error) => end('rejected', error),
      );
    } else end('fulfilled', result);
    return watched;
  }

  /** An error is the SDK's own, one with a code, or the reason of an abort; anything else is a fault of the guard. @param {Watched} watched @param {unknown} error */
  #checkError({ kind, name }, error) {
    const { code } = /** @type {{ code?: unknown }} */ (Object(error));
    if (
      error instanceof SdkFault ||
      error instanceof GivenUp ||
      this.#expects(error) ||
      (typeof code === 'string' && code.startsWith('ERR_'))
    )
      return;
    const found = error instanceof Error ? (error.stack ?? error.message).split('\n', 3).join(' ') : String(error);
    this.#violate('unexpected-error', `the ${kind} of ${name} failed with ${found}`);
  }
}

/** The reason that a user gives a load up for. */
export class GivenUp extends Error {}

/** @param {unknown} value */
function isThenable(value) {
  return typeof (/** @type {{ then?: unknown }} */ (Object(value)).then) === 'function';
}
