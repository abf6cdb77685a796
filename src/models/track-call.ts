/** Follows a call on a model from its start to its end, whatever it returns: a value, a promise or a stream. */
import { type Takeover, wrapObject } from '../core/wrap-object.ts';

/** Told when work that outlives the call begins and ends. `end` comes once for each `begin`. */
export interface CallWatch {
  begin(): void;
  /** Told once of a stream that has given something: what it gave is computed. */
  gave?(): void;
  /** `completed` is false if it failed or was given up. */
  end(completed: boolean): void;
}

/** Returns what the caller gets in place of `result`; the watch is told of promises and streams only. */
export function trackCall(result: unknown, watch: CallWatch): unknown {
  if (typeof result !== 'object' || result === null) return result;
  if (result instanceof Promise) return followPromise(result, watch);
  if (Symbol.asyncIterator in result) return followStream(result, watch);
  if ('then' in result && typeof result.then === 'function') {
    watch.begin();
    // A promise of its own takes no second answer from it, and catches what `then` throws.
    Promise.resolve(result).then(
      () => watch.end(true),
      () => watch.end(false),
    );
  }
  return result;
}

function followPromise(promise: Promise<unknown>, watch: CallWatch): Promise<unknown> {
  watch.begin();
  // The derived promise is handed out, so that an unhandled rejection stays unhandled.
  return promise.then(
    (value) => {
      // The work of a promised stream is still to come.
      const streams = typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
      watch.end(!streams);
      return streams ? followStream(value, watch) : value;
    },
    (error) => {
      watch.end(false);
      throw error;
    },
  );
}

/** Streams that were begun and dropped half-way: nothing else would end their watch. */
const dropped = new FinalizationRegistry<StreamWatch>((stream) => stream.end(false));

/** A stream runs from its first `next` to its end; one that is never read never begins. */
class StreamWatch {
  readonly #watch: CallWatch;
  #state: 'idle' | 'running' | 'ended' = 'idle';
  #gave = false;

  constructor(watch: CallWatch) {
    this.#watch = watch;
  }

  next(reader: object, step: () => unknown): Promise<unknown> {
    if (this.#state === 'idle') {
      this.#state = 'running';
      this.#watch.begin();
      dropped.register(reader, this);
    }
    return this.#follow(step, true);
  }

  /** `return` and `throw`: a stream may catch them and go on. */
  giveUp(step: () => unknown): Promise<unknown> {
    return this.#follow(step, false);
  }

  #give(): void {
    if (!this.#gave) this.#watch.gave?.();
    this.#gave = true;
  }

  end(completed: boolean): void {
    if (this.#state === 'running') this.#watch.end(completed);
    this.#state = 'ended';
  }

  /** A step may be a plain value, and may throw before it becomes a promise. */
  async #follow(step: () => unknown, completes: boolean): Promise<unknown> {
    try {
      const result = await step();
      if ((result as IteratorResult<unknown> | undefined)?.done) this.end(completes);
      else if (completes) this.#give();
      return result;
    } catch (error) {
      this.end(false);
      throw error;
    }
  }
}

function followStream(stream: object, watch: CallWatch): object {
  return isPlainGenerator(stream) ? new FollowedGenerator(stream, new StreamWatch(watch)) : followReader(stream, watch);
}

/** Each iterator that a stream hands out is read by itself, so each has a watch of its own. */
function followReader(reader: object, watch: CallWatch): object {
  const streamWatch = new StreamWatch(watch);
  const next: Takeover = (invoke, args) => streamWatch.next(wrapped, () => invoke(args));
  const giveUp: Takeover = (invoke, args) => streamWatch.giveUp(() => invoke(args));
  const iterate: Takeover = (invoke, args) => {
    const iterator = invoke(args) as object;
    // Returning the raw reader itself would be turned into the wrapped one.
    return iterator === reader ? iterator : followReader(iterator, watch);
  };

  function takeover(key: PropertyKey): Takeover | undefined {
    if (key === 'next') return next;
    if (key === 'return' || key === 'throw') return giveUp;
    return key === Symbol.asyncIterator ? iterate : undefined;
  }

  const wrapped = wrapObject(reader, { takeover });
  return wrapped;
}

/** What an async generator function returns has nothing but the three methods, so a proxy (2 µs) is not needed. */
class FollowedGenerator implements AsyncGenerator<unknown, unknown, unknown> {
  readonly #raw: AsyncGenerator<unknown, unknown, unknown>;
  readonly #watch: StreamWatch;

  constructor(raw: AsyncGenerator<unknown, unknown, unknown>, watch: StreamWatch) {
    this.#raw = raw;
    this.#watch = watch;
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncGenerator';
  }

  next(...args: [] | [unknown]): Promise<IteratorResult<unknown>> {
    return this.#watch.next(this, () => this.#raw.next(...args)) as Promise<IteratorResult<unknown>>;
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    return this.#watch.giveUp(() => this.#raw.return(value)) as Promise<IteratorResult<unknown>>;
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    return this.#watch.giveUp(() => this.#raw.throw(error)) as Promise<IteratorResult<unknown>>;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

const GENERATOR = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())) as object;

function isPlainGenerator(stream: object): stream is AsyncGenerator<unknown, unknown, unknown> {
  const own = Object.getPrototypeOf(stream) as object | null;
  return own !== null && Object.getPrototypeOf(own) === GENERATOR && Reflect.ownKeys(stream).length === 0;
}
