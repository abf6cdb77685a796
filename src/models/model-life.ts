/** The life of one model: it lives, one end of it runs, or it is gone. No two ends run. It calls nothing and reads no memory. */
import type { UnloadCause } from '../events/guard-events.ts';

/** An end that runs: one call of the SDK, which may end several models. */
export interface RunningEnd {
  readonly cause: UnloadCause;
  /** Headroom before it began. `undefined` if it could not be read. */
  readonly beforeBytes: number | undefined;
  /** Resolves when the SDK is done, whether its model is gone or lives on. */
  readonly over: Promise<void>;
  /** Whether it is worth waiting for: it runs, and not for too long. */
  readonly recent: boolean;
}

export class ModelLife {
  #end: RunningEnd | undefined;
  #gone = false;
  #tellGone = () => {};
  #whenGone: Promise<void> | undefined;
  #evicted = false;
  /** The SDK has told that the model ended, before the end that runs was done. */
  told = false;

  /** Nobody is ending it, and it is not gone. */
  get alive(): boolean {
    return this.#end === undefined && !this.#gone;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** The end that runs. `undefined` if none does. */
  get end(): RunningEnd | undefined {
    return this.#end;
  }

  /** The guard chose to end it, whoever ended it then: nothing may be called on it any more. */
  get evicted(): boolean {
    return this.#evicted;
  }

  /** An end begins. One that still runs after a long time is left to itself: the new one counts. */
  begin(end: RunningEnd): void {
    this.#end = end;
    this.#evicted ||= end.cause !== 'unloaded';
  }

  /** The end that runs has failed: the model lives on. */
  survive(): void {
    this.#end = undefined;
    this.#evicted = false;
  }

  /** Its process was killed, and the next call loads it again. */
  replace(): void {
    this.#evicted = true;
  }

  /** Resolves when it is gone. */
  whenGone(): Promise<void> {
    this.#whenGone ??= new Promise((resolve) => {
      if (this.#gone) resolve();
      this.#tellGone = resolve;
    });
    return this.#whenGone;
  }

  /** Resolves when this end is over, or another one was done first. */
  whenOver({ over }: RunningEnd): Promise<void> {
    return Promise.race([over, this.whenGone()]);
  }

  finish(cause: UnloadCause): void {
    this.#end = undefined;
    this.#gone = true;
    this.#tellGone();
    this.#evicted ||= cause !== 'unloaded' && cause !== 'killed';
  }
}
