/** The life of one model: it lives, one end of it runs, or it is gone. No two ends run. It calls nothing and reads no memory. */
import type { UnloadCause } from '../events/guard-events.ts';

/** An end that runs: one call of the SDK, which may end several models. */
export interface RunningEnd {
  readonly cause: UnloadCause;
  /** Headroom before it began. `undefined` if it could not be read. */
  readonly beforeBytes: number | undefined;
  /** Resolves when the SDK is done, whether its model is gone or lives on. */
  readonly over: Promise<void>;
}

export class ModelLife {
  #end: RunningEnd | undefined;
  #goneBy: UnloadCause | undefined;
  /** The SDK has told that the model ended, before the end that runs was done. */
  told = false;

  /** Nobody is ending it, and it is not gone. */
  get alive(): boolean {
    return this.#end === undefined && this.#goneBy === undefined;
  }

  get gone(): boolean {
    return this.#goneBy !== undefined;
  }

  /** The end that runs. `undefined` if none does. */
  get end(): RunningEnd | undefined {
    return this.#end;
  }

  /** The guard chose to end it, or has done so: nothing may be called on it any more. */
  get evicted(): boolean {
    const cause = this.#goneBy ?? this.#end?.cause;
    return cause !== undefined && cause !== 'unloaded';
  }

  /** An end begins. One that still runs after a long time is left to itself: the new one counts. */
  begin(end: RunningEnd): void {
    this.#end = end;
  }

  /** The end that runs has failed: the model lives on. */
  survive(): void {
    this.#end = undefined;
  }

  finish(cause: UnloadCause): void {
    this.#end = undefined;
    this.#goneBy = cause;
  }
}
