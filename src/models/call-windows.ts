/**
 * Which calls and loads run beside each other. What the process grows by while exactly one runs is that one's own. It reads no
 * memory.
 */
import type { HeldModel } from './held-model.ts';

/** What ran beside a load so far. */
export interface BesideLoad {
  /** What `changes` were when it began, if nothing else has begun since; else `undefined`. */
  ranAlone(): number | undefined;
  /** Whether a call on a model has run. */
  wasCalled(): boolean;
}

export class CallWindows {
  readonly #held: ReadonlySet<HeldModel>;
  /** Those who wait for calls to end. */
  readonly #waiting = new Set<() => void>();
  #callsInFlight = 0;
  #callsBegun = 0;
  #changes = 0;

  constructor(held: ReadonlySet<HeldModel>) {
    this.#held = held;
  }

  /** Loads, unloads and calls that have begun. What grows between two equal counts is one model's own. */
  get changes(): number {
    return this.#changes;
  }

  /** Calls that run now. */
  get callsInFlight(): number {
    return this.#callsInFlight;
  }

  /** A load begins, and disturbs every running call. */
  beginLoad(): BesideLoad {
    this.#disturb();
    this.#changes += 1;
    const called = this.#callsInFlight > 0;
    const [changes, calls] = [this.#changes, this.#callsBegun];
    return {
      ranAlone: () => (!called && changes === this.#changes ? changes : undefined),
      wasCalled: () => called || calls !== this.#callsBegun,
    };
  }

  beginCall(held: HeldModel): void {
    if (this.#callsInFlight > 0) {
      this.#disturb();
      held.disturbed = true;
    }
    this.#changes += 1;
    this.#callsBegun += 1;
    held.callsBegun += 1;
    held.callsInFlight += 1;
    this.#callsInFlight += 1;
  }

  endCall(held: HeldModel): void {
    // One that ends after its model does is no longer counted.
    if (held.callsInFlight > 0) this.#takeOff(held, 1);
  }

  /** Resolves when no call runs on any of these models. */
  whenDone(models: readonly HeldModel[]): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (models.some(({ callsInFlight }) => callsInFlight > 0)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** A model is gone, and what still runs on it with it: engines leave promises of such calls open for ever. */
  forget(held: HeldModel): void {
    this.#changes += 1;
    this.#takeOff(held, held.callsInFlight);
  }

  #takeOff(held: HeldModel, calls: number): void {
    held.callsInFlight -= calls;
    this.#callsInFlight -= calls;
    for (const look of this.#waiting) look();
  }

  /** Marks every running call: a load or another call runs beside it. */
  #disturb(): void {
    for (const held of this.#held) if (held.callsInFlight > 0) held.disturbed = true;
  }
}
