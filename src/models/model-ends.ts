/** Runs the ends of loaded models, one for each model at a time, and lets others wait for them. It chooses no model to end. */
import type { Clock } from '../core/clock.ts';
import { isThenable } from '../core/is-thenable.ts';
import type { UnloadCause } from '../events/guard-events.ts';
import type { HeldModel } from './held-model.ts';
import type { CountKept } from './kept-memory.ts';
import type { RunningEnd } from './model-life.ts';

/** After so long an end is waited for no more. Engines free dozens of GiB in less. */
export const END_PATIENCE_MS = 10_000;

export interface ModelEndsParts {
  readonly clock: Clock;
  /** Headroom before a model goes, to compare with what it is after. `undefined` if it can't be read. */
  readonly freeBytes: () => number | undefined;
  /** Looks at the process of a model before it goes. */
  readonly watchKept: (held: HeldModel) => CountKept;
  /** A model is gone. Resolves when its memory is seen to be back. */
  readonly gone: (held: HeldModel, cause: UnloadCause, before: BeforeEnd) => Promise<void>;
  /** An end has failed, and its model lives on. */
  readonly kept: (held: HeldModel, cause: UnloadCause) => void;
  /** An end that the guard chose has failed, or takes too long. */
  readonly unevicted: (held: HeldModel, error: unknown) => void;
}

/** What was seen before a model went. */
export interface BeforeEnd {
  /** Headroom. `undefined` if it could not be read. */
  readonly beforeBytes: number | undefined;
  /** Counts what it did not give back. Absent if nobody looked before. */
  readonly countKept?: CountKept | undefined;
}

/** One call of the SDK that ends models. */
class Run implements RunningEnd {
  /** None any more once it is over: a model that was registered meanwhile knows this end, and must not keep those. */
  models: readonly HeldModel[];
  readonly cause: UnloadCause;
  readonly beforeBytes: number | undefined;
  readonly sinceMs: number;
  readonly over: Promise<void>;
  /** What its caller was given, if that is a promise. */
  result: Promise<unknown> | undefined;
  readonly #clock: Clock;
  readonly #kept: Map<HeldModel, CountKept>;
  #settle!: () => void;
  isOver = false;

  constructor(models: readonly HeldModel[], cause: UnloadCause, { clock, freeBytes, watchKept }: ModelEndsParts) {
    this.models = models;
    this.cause = cause;
    this.beforeBytes = freeBytes();
    this.#kept = new Map(models.map((held) => [held, watchKept(held)]));
    this.sinceMs = clock.nowMs();
    this.#clock = clock;
    this.over = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get young(): boolean {
    return this.#clock.nowMs() - this.sinceMs < END_PATIENCE_MS;
  }

  get recent(): boolean {
    return !this.isOver && this.young;
  }

  listBefore(held: HeldModel): BeforeEnd {
    return { beforeBytes: this.beforeBytes, countKept: this.#kept.get(held) };
  }

  finish(): void {
    this.isOver = true;
    this.#kept.clear();
    this.#settle();
  }
}

export class ModelEnds {
  readonly #parts: ModelEndsParts;
  /** Until the memory of their models is seen to be back. */
  readonly #runs = new Set<Run>();
  /** Calls that end whatever the SDK has loaded. */
  readonly #wholes = new Set<Run>();
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
    return this.#run(new Run(models, cause, this.#parts), call);
  }

  /** The same for a call that ends whatever the SDK has loaded, `models` and others that nobody knows of yet. */
  runWhole(models: readonly HeldModel[], call: () => unknown): unknown {
    const run = new Run(models, 'unloaded', this.#parts);
    this.#wholes.add(run);
    void run.over.then(() => this.#wholes.delete(run));
    return this.#run(run, call);
  }

  /** Ends of the SDK as a whole that run. */
  listWholes(): readonly RunningEnd[] {
    return [...this.#wholes];
  }

  #run(run: Run, call: () => unknown): unknown {
    for (const { life } of run.models) life.begin(run);
    if (run.models.length > 0) this.#runs.add(run);
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

  /** The same for a model that the guard itself ends, and what ends with it: nobody is there to hear of an error. */
  runOwn(held: HeldModel, cause: UnloadCause, call: () => unknown, contexts: readonly HeldModel[] = []): void {
    const { clock, unevicted } = this.#parts;
    const seconds = END_PATIENCE_MS / 1000;
    const late = () =>
      unevicted(held, new Error(`its disposal is not done after ${seconds} s, and is waited for no more`));
    const cancel = clock.schedule(late, END_PATIENCE_MS);
    this.#timers.add(cancel);
    new Promise((resolve) => resolve(this.run([held, ...contexts], cause, call)))
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

  /**
   * Waits for the end of this model that runs, and gives what it gave, or nothing if another end was done first; if that was the guard's
   * own and failed, `again` runs.
   */
  join({ life }: HeldModel, again: () => unknown): unknown {
    const end = life.end as Run;
    if (life.evicted) return life.whenOver(end).then(() => (life.gone ? undefined : again()));
    return end.result && Promise.race([end.result, life.whenGone().then(() => undefined)]);
  }

  /** Resolves when these are over, or were waited for long enough. */
  async whenOver(ends: readonly RunningEnd[]): Promise<void> {
    const runs = (ends as readonly Run[]).filter(({ recent }) => recent);
    if (runs.length === 0) return;
    const late = this.#schedule(Math.max(...runs.map(({ sinceMs }) => sinceMs)));
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
    let cancel!: () => void;
    const promise = new Promise<void>((resolve) => {
      cancel = clock.schedule(resolve, sinceMs + END_PATIENCE_MS - clock.nowMs(), true);
    });
    return { promise, cancel };
  }

  #listRecent(): readonly Run[] {
    return [...this.#runs].filter(({ young }) => young);
  }

  /** Its models are gone, also those that another end was begun for since it took so long. */
  #finish(run: Run): void {
    this.#close(
      run,
      run.models.filter(({ life }) => !life.gone),
    );
  }

  /** A model of which the SDK has told that it ended is gone all the same. One that an earlier end still runs for is that one's again. */
  #fail(run: Run): void {
    const models = run.models.filter(({ life }) => life.end === run);
    const kept = models.filter(({ life }) => !life.told);
    for (const held of kept) {
      const earlier = [...this.#runs].find((other) => other !== run && !other.isOver && other.models.includes(held));
      if (earlier) held.life.begin(earlier);
      else held.life.survive();
    }
    this.#close(
      run,
      models.filter(({ life }) => life.told),
    );
    for (const held of kept) if (held.life.alive) this.#parts.kept(held, run.cause);
  }

  /** Nothing of this end runs any more, and these models are gone. */
  #close(run: Run, gone: readonly HeldModel[]): void {
    const seen = gone.map((held) => this.#parts.gone(held, run.cause, run.listBefore(held)));
    run.models = [];
    run.finish();
    void Promise.allSettled(seen).then(() => {
      this.#runs.delete(run);
      for (const rise of [...this.#watchers]) rise();
    });
  }
}
