/** Lets a bounded number of loads in at a time, first come first served. It knows nothing of what they load. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../core/clock.ts';

/** A load that runs for longer holds up no other: it may never be done. What is reserved for it stays. */
export const LOAD_PATIENCE_MS = 30_000;

/** A load's place among those that run. */
export interface LoadPlace {
  /** Does the load's work. What `work` loads itself, while it runs, needs no place of its own. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** The next one in line comes in. Does nothing the second time. */
  leave(): void;
}

interface Waiting {
  admit(): void;
  refuse(reason: unknown): void;
}

/** A load within a load: the outer one waits for it. */
const WITHIN: LoadPlace = { run: (work) => work(), leave() {} };

export class LoadQueue {
  readonly #places: number;
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  /** Whether the load still runs, within which the caller is. */
  readonly #within = new AsyncLocalStorage<{ runs: boolean }>();
  #taken = 0;

  constructor(places: number, clock: Clock) {
    this.#places = places;
    this.#clock = clock;
  }

  /** Resolves once a place is free, `first` before all others that wait for one. Rejects as the signal does. */
  async enter(signal: AbortSignal, first = false): Promise<LoadPlace> {
    signal.throwIfAborted();
    if (this.#within.getStore()?.runs) return WITHIN;
    if (this.#taken < this.#places) this.#taken += 1;
    else await this.#turn(signal, first);
    let left = false;
    const leave = () => {
      if (!left) this.#leave();
      left = true;
    };
    return { leave, run: (work) => this.#run(work, leave) };
  }

  async #run<T>(work: () => Promise<T>, leave: () => void): Promise<T> {
    const load = { runs: true };
    const cancel = this.#clock.schedule(leave, LOAD_PATIENCE_MS);
    try {
      return await this.#within.run(load, work);
    } finally {
      load.runs = false;
      cancel();
      leave();
    }
  }

  #turn(signal: AbortSignal, first: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        admit() {
          signal.removeEventListener('abort', aborted);
          resolve();
        },
        refuse: reject,
      };
      const aborted = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.refuse(signal.reason);
      };
      signal.addEventListener('abort', aborted, { once: true });
      if (first) this.#waiting.unshift(waiting);
      else this.#waiting.push(waiting);
    });
  }

  /** The place goes straight to the next in line, so nobody can slip in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.admit();
    else this.#taken -= 1;
    // It costs every promise of the process a little as long as it is in use.
    if (this.#taken === 0) this.#within.disable();
  }
}
