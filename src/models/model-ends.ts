/** Runs the ends of loaded models, one for each model at a time, and lets others wait for them. It chooses no model to end. */
import type { Clock } from '../core/clock.ts';
import { isThenable } from '../core/is-thenable.ts';
import type { UnloadCause } from '../events/guard-events.ts';
import type { HeldModel } from './held-model.ts';
import type { RunningEnd } from './model-life.ts';

/** After so long an end is waited for no more. Engines free dozens of GiB in less. */
export const END_PATIENCE_MS = 10_000;

export interface ModelEndsParts {
  readonly clock: Clock;
  /** Headroom before a model goes, to compare with what it is after. `undefined` if it can't be read. */
  readonly freeBytes: () => number | undefined;
  /** A model is gone. Resolves when its memory is seen to be back. */
  readonly gone: (held: HeldModel, cause: UnloadCause, beforeBytes: number | undefined) => Promise<void>;
  /** An end has failed, and its model lives on. */
  readonly kept: (held: HeldModel, cause: UnloadCause) => void;
  /** An end that the guard chose has failed, or takes too long. */
  readonly unevicted: (held: HeldModel, error: unknown) => void;
}

interface Run extends RunningEnd {
  readonly models: readonly HeldModel[];
  readonly sinceMs: number;
  readonly settle: () => void;
  /** What the caller was given, if that is a promise. */
  result?: Promise<unknown>;
}

export class ModelEnds {
  readonly #parts: ModelEndsParts;
  /** Until the memory of their models is seen to be back. */
  readonly #runs = new Set<Run>();
  readonly #watchers = new Set<() => void>();
  /** Ways to give up the timers that tell of an end that takes too long. */
  readonly #timers = new Set<() => void>();

  constructor(parts: ModelEndsParts) {
    this.#parts = parts;
  }

  /** Whether an end runs that is worth waiting for. */
  get running(): boolean {
    return this.#listRecent().length > 0;
  }

  /** Ends `models` by one call of the SDK, and gives its caller what that returns or throws. */
  run(models: readonly HeldModel[], cause: UnloadCause, call: () => unknown): unknown {
    if (models.length === 0) return call();
    const run = this.#begin(models, cause);
    let result: unknown;
    try {
      result = call();
    } catch (error) {
      this.#fail(run);
      throw error;
    }
    if (!isThenable(result)) {
      this.#finish(run);
      return result;
    }
    run.result = Promise.resolve(result).then(
      (value) => {
        this.#finish(run);
        return value;
      },
      (error) => {
        this.#fail(run);
        throw error;
      },
    );
    return run.result;
  }

  /** The same for a model that the guard itself ends: nobody is there to hear of an error. */
  runOwn(held: HeldModel, cause: UnloadCause, call: () => unknown): void {
    const { clock, unevicted } = this.#parts;
    const seconds = END_PATIENCE_MS / 1000;
    const late = () =>
      unevicted(held, new Error(`its disposal is not done after ${seconds} s, and is waited for no more`));
    const cancel = clock.schedule(late, END_PATIENCE_MS);
    this.#timers.add(cancel);
    new Promise((resolve) => resolve(this.run([held], cause, call)))
      .catch((error) => unevicted(held, error))
      .finally(() => {
        this.#timers.delete(cancel);
        cancel();
      });
  }

  /** Tells no more of ends that take too long. */
  close(): void {
    for (const cancel of this.#timers) cancel();
  }

  /** Waits for the end of this model that runs, and gives what it gave; if that was the guard's own and failed, `again` runs. */
  join({ life }: HeldModel, again: () => unknown): unknown {
    const end = life.end as Run;
    if (!life.evicted) return end.result;
    return end.over.then(() => (life.gone ? undefined : again()));
  }

  /** Whether an end of one of these models runs that is worth waiting for. */
  runsFor(models: readonly HeldModel[]): boolean {
    return this.#listRecent().some((run) => models.some(({ life }) => life.end === run));
  }

  /** Resolves when these are over, or were waited for long enough. */
  async whenOver(models: readonly HeldModel[]): Promise<void> {
    const runs = this.#listRecent().filter((run) => models.some(({ life }) => life.end === run));
    const sinceMs = Math.max(...runs.map((run) => run.sinceMs));
    const late = this.#schedule(sinceMs);
    await Promise.race([late.promise, Promise.all(runs.map(({ over }) => over))]);
    late.cancel();
  }

  /** Resolves when one of the ends that run is over and its memory seen, or was waited for long enough. Rejects as the signal does. */
  async waitForOne(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const recent = this.#listRecent();
    if (recent.length === 0) return;
    const late = this.#schedule(Math.min(...recent.map(({ sinceMs }) => sinceMs)));
    await new Promise<void>((resolve, reject) => {
      const rise = () => {
        this.#watchers.delete(rise);
        late.cancel();
        signal.removeEventListener('abort', rise);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      void late.promise.then(rise);
      signal.addEventListener('abort', rise);
      this.#watchers.add(rise);
    });
  }

  /** Resolves when an end that began then was waited for long enough. */
  #schedule(sinceMs: number): { readonly promise: Promise<void>; readonly cancel: () => void } {
    const { clock } = this.#parts;
    let cancel = () => {};
    const promise = new Promise<void>((resolve) => {
      cancel = clock.schedule(resolve, sinceMs + END_PATIENCE_MS - clock.nowMs(), true);
    });
    return { promise, cancel };
  }

  #listRecent(): readonly Run[] {
    const nowMs = this.#parts.clock.nowMs();
    return [...this.#runs].filter(({ sinceMs }) => nowMs - sinceMs < END_PATIENCE_MS);
  }

  #begin(models: readonly HeldModel[], cause: UnloadCause): Run {
    const { clock, freeBytes } = this.#parts;
    let settle = () => {};
    const over = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const run: Run = { models, cause, beforeBytes: freeBytes(), sinceMs: clock.nowMs(), over, settle };
    for (const { life } of models) life.begin(run);
    this.#runs.add(run);
    return run;
  }

  #finish(run: Run): void {
    this.#close(run, listOf(run));
  }

  /** A model of which the SDK has told that it ended is gone all the same. */
  #fail(run: Run): void {
    const models = listOf(run);
    const kept = models.filter(({ life }) => !life.told);
    for (const { life } of kept) life.survive();
    this.#close(
      run,
      models.filter(({ life }) => life.told),
    );
    for (const held of kept) this.#parts.kept(held, run.cause);
  }

  /** Nothing of this end runs any more, and these models are gone. */
  #close(run: Run, gone: readonly HeldModel[]): void {
    const seen = gone.map((held) => this.#parts.gone(held, run.cause, run.beforeBytes));
    run.settle();
    void Promise.allSettled(seen).then(() => {
      this.#runs.delete(run);
      for (const rise of [...this.#watchers]) rise();
    });
  }
}

/** The models that it ends. One that was begun anew is another end's. */
function listOf(run: Run): readonly HeldModel[] {
  return run.models.filter(({ life }) => life.end === run);
}
