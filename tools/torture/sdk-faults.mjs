/** How a fake SDK answers: at once, late, wrongly, twice or never. It knows no models. */

/** @typedef {'sync' | 'soon' | 'late' | 'throw' | 'reject' | 'hang' | 'twice'} AnswerKind */
/** @typedef {{ kind: AnswerKind, delayMs: number }} Answer */
/** @typedef {{ succeed: () => unknown, fail: () => void }} Outcome what happens inside the SDK */
/** @typedef {{ what: string, settle: (succeeds: boolean) => void }} Hung */
/** @typedef {import('./virtual-clock.mjs').Clock} Clock */
/** @typedef {import('./random-source.mjs').RandomSource} RandomSource */

const SOUND = /** @type {const} */ ({ sync: 1, soon: 6, late: 4 });
const FAULTY = /** @type {const} */ ({ ...SOUND, throw: 1, reject: 1.5, hang: 1, twice: 0.7 });

/** An error of the SDK, which passes through the guard unchanged. */
export class SdkFault extends Error {}

export class SdkFaults {
  /** Off, the SDK is sound: late at the most. */
  enabled = true;
  /** Answers that never come by themselves. @type {Hung[]} */
  hung = [];
  #random;
  #clock;

  #latestMs;

  /** @param {RandomSource} random @param {Clock} clock @param {number} latestMs the latest answer that is no failure */
  constructor(random, clock, latestMs) {
    this.#latestMs = latestMs;
    this.#random = random;
    this.#clock = clock;
  }

  /** @param {{ sync?: boolean }} [may] whether a plain value may be the answer @returns {Answer} */
  choose({ sync = true } = {}) {
    const kind = this.#random.weighted(this.enabled ? FAULTY : SOUND);
    return { kind: kind === 'sync' && !sync ? 'soon' : kind, delayMs: this.#random.whole(1, this.#latestMs) };
  }

  /** What the SDK's caller gets. @param {Answer} answer @param {string} what @param {Outcome} outcome @returns {unknown} */
  give({ kind, delayMs }, what, { succeed, fail }) {
    const refuse = () => {
      fail();
      return new SdkFault(`${what} failed`);
    };
    if (kind === 'sync') return succeed();
    if (kind === 'throw') throw refuse();
    if (kind === 'soon') return Promise.resolve().then(succeed);
    if (kind === 'twice') return answerTwice(succeed);
    return new Promise((resolve, reject) => {
      if (kind === 'hang') {
        this.hung.push({ what, settle: (succeeds) => (succeeds ? resolve(succeed()) : reject(refuse())) });
      } else {
        this.#clock.schedule(() => (kind === 'reject' ? reject(refuse()) : resolve(succeed())), delayMs);
      }
    });
  }

  /** An answer that came never comes late. @param {number} index of `hung` @param {boolean} succeeds */
  answerLate(index, succeeds) {
    const [hung] = this.hung.splice(index, 1);
    hung?.settle(succeeds);
    return hung?.what;
  }
}

/** A thenable that keeps no promise's rules: it answers twice, and then fails. @param {() => unknown} succeed */
function answerTwice(succeed) {
  /** @type {{ value: unknown } | undefined} */
  let done;
  return {
    // biome-ignore lint/suspicious/noThenProperty: that is the fault
    then(/** @type {(value: unknown) => void} */ resolve, /** @type {(error: unknown) => void} */ reject) {
      done ??= { value: succeed() };
      queueMicrotask(() => {
        resolve?.(done?.value);
        resolve?.(done?.value);
        reject?.(new SdkFault('an answer that came after another'));
      });
    },
  };
}
