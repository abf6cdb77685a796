/** Follows a call on a model from its start to its end, whatever it returns: a value, a promise or a stream. */
import { isThenable } from '../core/is-thenable.ts';
import { type Takeover, wrapObject } from '../core/wrap-object.ts';

/** Told when work that outlives the call begins and ends. `end` comes once for each `begin`. It must lead to no stream and no handle. */
export interface CallWatch {
  begin(): void;
  /** Told once of a stream that has given something: what it gave is computed. */
  gave?(): void;
  /** `completed` is false if it failed or was given up. */
  end(completed: boolean): void;
  /** Told of a call whose work is done when it returns, as far as its result tells. */
  done?(): void;
}

/** What is given in place of a result. */
export interface CallStandIn {
  /** For the object itself that was called: that is no work. */
  own(value: unknown): object | undefined;
  /** What is read in place of a stream. It is asked when the first reading begins, and `undefined` for the stream itself. */
  instead(stream: object): AsyncIterator<unknown> | undefined;
}

/** Returns what the caller gets in place of `result`; work that outlives the call is that of promises and streams only. */
export function trackCall(result: unknown, watch: CallWatch, standIn?: CallStandIn): unknown {
  if (typeof result === 'object' && result !== null) {
    const own = standIn?.own(result);
    if (own) return own;
    if (isPromise(result)) return followPromise(result, watch, standIn);
    if (isStream(result)) return followStream(result, watch, standIn);
    if (isThenable(result)) {
      followThenable(result, watch);
      return result;
    }
    const work = findWork(result);
    if (work) return followWork(result, work, watch);
  }
  watch.done?.();
  return result;
}

/** The promise in `{ promise, stop }`, as SDKs return whose work can be stopped. A getter is not asked. */
function findWork(result: object): Promise<unknown> | undefined {
  try {
    const promise: unknown = Object.getOwnPropertyDescriptor(result, 'promise')?.value;
    return promise instanceof Promise ? promise : undefined;
  } catch {
    return undefined; // a proxy that was revoked
  }
}

/** Once it is stopped such work counts as done: engines leave its promise open for ever. */
function followWork(result: object, promise: Promise<unknown>, watch: CallWatch): object {
  let running = true;
  const end = (completed: boolean) => {
    if (running) watch.end(completed);
    running = false;
  };
  watch.begin();
  const followed = promise.then(
    (value) => {
      end(true);
      return value;
    },
    (error) => {
      end(false);
      throw error;
    },
  );
  const stop: Takeover = (invoke, args) => {
    end(false);
    return invoke(args);
  };
  return wrapObject(result, {
    extra: new Map([['promise', followed]]),
    takeover: (key) => (key === 'stop' ? stop : undefined),
  });
}

/** Whether an answer is yet to come: a promise, or something that is read later. */
export function answersLater(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false;
  return isPromise(result) || isStream(result) || isThenable(result) || findWork(result) !== undefined;
}

/** An object that throws when it is asked is none. */
function isPromise(value: object): value is Promise<unknown> {
  try {
    return value instanceof Promise;
  } catch {
    return false;
  }
}

/** The same holds here. */
function isStream(value: object): boolean {
  try {
    return Symbol.asyncIterator in value;
  } catch {
    return false;
  }
}

/** A promise of its own takes no second answer from it, and catches what `then` throws. */
function followThenable(thenable: PromiseLike<unknown>, watch: CallWatch): void {
  watch.begin();
  Promise.resolve(thenable).then(
    () => watch.end(true),
    () => watch.end(false),
  );
}

function followPromise(
  promise: Promise<unknown>,
  watch: CallWatch,
  standIn: CallStandIn | undefined,
): Promise<unknown> {
  watch.begin();
  // The derived promise is handed out, so that an unhandled rejection stays unhandled.
  return promise.then(
    (value) => {
      const own = standIn?.own(value);
      if (own) {
        watch.end(true);
        return own;
      }
      // The work of a promised stream is still to come.
      const streams = typeof value === 'object' && value !== null && isStream(value);
      watch.end(!streams);
      return streams ? followStream(value, watch, standIn) : value;
    },
    (error) => {
      watch.end(false);
      throw error;
    },
  );
}

/** Streams that were begun and dropped half-way: nothing else would end their watch. */
const dropped = new FinalizationRegistry<StreamWatch>((stream) => stream.end(false));

type Step = 'next' | 'return' | 'throw';

/** A stream runs from its first `next` to its end; one that is never read never begins. */
class StreamWatch {
  readonly #watch: CallWatch;
  #state: 'idle' | 'running' | 'ended' = 'idle';
  #gave = false;
  /** What is read in place of the stream. */
  #other: AsyncIterator<unknown> | undefined;

  constructor(watch: CallWatch) {
    this.#watch = watch;
  }

  /**
   * `run` does the step on the stream itself; it may give a plain value, and throw before there is a promise. `return` and `throw` give
   * up: a stream may catch them and go on.
   */
  async step(
    reader: object,
    name: Step,
    args: readonly unknown[],
    run: () => unknown,
    instead: () => AsyncIterator<unknown> | undefined,
  ): Promise<unknown> {
    const completes = name === 'next';
    try {
      if (completes && this.#state === 'idle') this.#begin(reader, instead);
      const result = await (this.#other ? this.#other[name]?.(...(args as [unknown])) : run());
      if ((result as IteratorResult<unknown> | undefined)?.done) this.end(completes);
      else if (completes) this.#give();
      return result;
    } catch (error) {
      this.end(false);
      throw error;
    }
  }

  #begin(reader: object, instead: () => AsyncIterator<unknown> | undefined): void {
    this.#state = 'ended';
    try {
      this.#other = instead();
    } catch (error) {
      this.#other = giveNothing();
      throw error;
    }
    if (this.#other) return;
    this.#state = 'running';
    this.#watch.begin();
    dropped.register(reader, this);
  }

  #give(): void {
    if (!this.#gave) this.#watch.gave?.();
    this.#gave = true;
  }

  end(completed: boolean): void {
    if (this.#state === 'running') this.#watch.end(completed);
    this.#state = 'ended';
  }
}

function followStream(stream: object, watch: CallWatch, standIn: CallStandIn | undefined): object {
  if (!isPlainGenerator(stream)) return followReader(stream, watch, standIn);
  return new FollowedGenerator(stream, new StreamWatch(watch), standIn);
}

/** Each iterator that a stream hands out is read by itself, so each has a watch of its own. */
function followReader(reader: object, watch: CallWatch, standIn: CallStandIn | undefined): object {
  const streamWatch = new StreamWatch(watch);
  const instead = () => standIn?.instead(reader);
  const step =
    (name: Step): Takeover =>
    (invoke, args) =>
      streamWatch.step(wrapped, name, args, () => invoke(args), instead);
  const steps = { next: step('next'), return: step('return'), throw: step('throw') };
  const iterate: Takeover = (invoke, args) => {
    const iterator = invoke(args) as object;
    // Returning the raw reader itself would be turned into the wrapped one.
    return iterator === reader ? iterator : followReader(iterator, watch, standIn);
  };

  function takeover(key: PropertyKey): Takeover | undefined {
    if (key === 'next' || key === 'return' || key === 'throw') return steps[key];
    return key === Symbol.asyncIterator ? iterate : undefined;
  }

  const wrapped = wrapObject(reader, { takeover });
  return wrapped;
}

/** What an async generator function returns has nothing but the three methods, so a proxy (2 µs) is not needed. */
class FollowedGenerator implements AsyncGenerator<unknown, unknown, unknown> {
  readonly #raw: AsyncGenerator<unknown, unknown, unknown>;
  readonly #watch: StreamWatch;
  readonly #instead: () => AsyncIterator<unknown> | undefined;

  constructor(raw: AsyncGenerator<unknown, unknown, unknown>, watch: StreamWatch, standIn: CallStandIn | undefined) {
    this.#raw = raw;
    this.#watch = watch;
    this.#instead = () => standIn?.instead(raw);
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncGenerator';
  }

  next(...args: [] | [unknown]): Promise<IteratorResult<unknown>> {
    return this.#step('next', args, () => this.#raw.next(...args));
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    return this.#step('return', [value], () => this.#raw.return(value));
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    return this.#step('throw', [error], () => this.#raw.throw(error));
  }

  #step(name: Step, args: readonly unknown[], run: () => unknown): Promise<IteratorResult<unknown>> {
    return this.#watch.step(this, name, args, run, this.#instead) as Promise<IteratorResult<unknown>>;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

/** Gives nothing however it is read. Each reader needs one: a generator answers one after the other, and may be kept waiting for ever. */
async function* giveNothing(): AsyncGenerator<never> {}

const GENERATOR = Object.getPrototypeOf(giveNothing.prototype) as object;

function isPlainGenerator(stream: object): stream is AsyncGenerator<unknown, unknown, unknown> {
  const own = Object.getPrototypeOf(stream) as object | null;
  return own !== null && Object.getPrototypeOf(own) === GENERATOR && Reflect.ownKeys(stream).length === 0;
}
