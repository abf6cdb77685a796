/** When models were used last, kept by their names beyond their end, so that one that is loaded again is no stranger. It judges nothing. */
import { noteUse, noteUseEnd, rateUse, type UseTimes } from '../policy/recent-use.ts';

/** Names that are kept of each SDK. What was used longest ago is forgotten first. */
const KEPT_NAMES = 1024;

/** The uses of one model, whichever of its quantizations was loaded. */
export class ModelUses {
  #times: UseTimes = [];

  /** `ends`: no new use, but the end of the last one. */
  note(atMs: number, ends = false): void {
    this.#times = ends ? noteUseEnd(this.#times, atMs) : noteUse(this.#times, atMs);
  }

  /** Uses per millisecond, recent ones counting more. */
  rate(nowMs: number): number {
    return rateUse(this.#times, nowMs);
  }

  /** Milliseconds since the last use. */
  idleMs(nowMs: number): number {
    return nowMs - (this.#times[0] ?? nowMs);
  }
}

export class UseHistory {
  readonly #names = new WeakMap<object, Map<string, ModelUses>>();

  /** The uses of the model of this name and SDK. */
  find(sdk: object, name: string): ModelUses {
    const names = this.#names.get(sdk) ?? new Map<string, ModelUses>();
    this.#names.set(sdk, names);
    const uses = names.get(name) ?? new ModelUses();
    names.delete(name);
    names.set(name, uses);
    const [oldest] = names.keys();
    if (names.size > KEPT_NAMES) names.delete(oldest!);
    return uses;
  }
}
