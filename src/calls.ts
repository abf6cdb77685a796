/** Follows a call on a model from its start to its end, whatever it returns: a value, a promise or a stream. */
import { type Takeover, wrapObject } from './wrap.ts';

/** Told when work that outlives the call begins and ends. `end` comes once for each `begin`. */
export interface CallWatch {
  begin(): void;
  /** `completed` is false where it failed or was given up. */
  end(completed: boolean): void;
}

/** Returns what the caller gets in place of `result`; the watch is told of promises and streams only. */
export function followResult(result: unknown, watch: CallWatch): unknown {
  if (typeof result !== 'object' || result === null) return result;
  if (result instanceof Promise) return followPromise(result, watch);
  if (Symbol.asyncIterator in result) return followStream(result, watch);
  if ('then' in result && typeof result.then === 'function') {
    watch.begin();
    result.then(
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
      watch.end(true);
      return value;
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

  constructor(watch: CallWatch) {
    this.#watch = watch;
  }

  next(reader: object, step: unknown): Promise<unknown> {
    if (this.#state === 'idle') {
      this.#state = 'running';
      this.#watch.begin();
      dropped.register(reader, this);
    }
    return Promise.resolve(step).then(
      (result) => {
        if ((result as IteratorResult<unknown>).done) this.end(true);
        return result;
      },
      (error) => {
        this.end(false);
        throw error;
      },
    );
  }

  giveUp(step: unknown): unknown {
    return step instanceof Promise ? step.finally(() => this.end(false)) : step;
  }

  end(completed: boolean): void {
    if (this.#state === 'running') this.#watch.end(completed);
    this.#state = 'ended';
  }
}

function followStream(stream: object, watch: CallWatch): object {
  if (isPlainGenerator(stream)) return new FollowedGenerator(stream, new StreamWatch(watch));
  const streamWatch = new StreamWatch(watch);

  const next: Takeover = (invoke, args) => streamWatch.next(wrapped, invoke(args));
  const giveUp: Takeover = (invoke, args) => streamWatch.giveUp(invoke(args));
  const iterate: Takeover = (invoke, args) => {
    const iterator = invoke(args) as object;
    // Returning the raw stream itself would be turned into the wrapped one.
    return iterator === stream ? iterator : wrapObject(iterator, { takeover });
  };

  function takeover(key: PropertyKey): Takeover | undefined {
    if (key === 'next') return next;
    if (key === 'return' || key === 'throw') return giveUp;
    return key === Symbol.asyncIterator ? iterate : undefined;
  }

  const wrapped = wrapObject(stream, { takeover });
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
    return this.#watch.next(this, this.#raw.next(...args)) as Promise<IteratorResult<unknown>>;
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    return this.#watch.giveUp(this.#raw.return(value)) as Promise<IteratorResult<unknown>>;
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    return this.#watch.giveUp(this.#raw.throw(error)) as Promise<IteratorResult<unknown>>;
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
