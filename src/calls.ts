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
const dropped = new FinalizationRegistry<() => void>((giveUp) => giveUp());

/** A stream runs from its first `next` to its end; one that is never read never begins. */
function followStream(stream: object, watch: CallWatch): object {
  let state: 'idle' | 'running' | 'ended' = 'idle';

  function end(completed: boolean): void {
    if (state === 'running') watch.end(completed);
    state = 'ended';
  }

  const next: Takeover = (invoke, args) => {
    if (state === 'idle') {
      state = 'running';
      watch.begin();
      dropped.register(wrapped, () => end(false));
    }
    return Promise.resolve(invoke(args)).then(
      (result) => {
        if ((result as IteratorResult<unknown>).done) end(true);
        return result;
      },
      (error) => {
        end(false);
        throw error;
      },
    );
  };

  const giveUp: Takeover = (invoke, args) => {
    const result = invoke(args);
    return result instanceof Promise ? result.finally(() => end(false)) : result;
  };

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
