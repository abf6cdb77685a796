/** A call that can run only later: what its caller is given until then. It knows no models. */

/**
 * Runs what `ready` resolves to, and gives what that returns: as a promise, and as a stream for a call that returns one. If `ready`
 * rejects, that is told to whoever waits or reads. A caller who does neither is left alone, as it is with a stream of the SDK's own.
 */
export function deferCall(ready: Promise<() => unknown>): Promise<unknown> & AsyncIterableIterator<unknown> {
  const result = ready.then((run) => run());
  ready.catch(() => result.catch(() => {}));
  const stream = readLater(result);
  return Object.assign(result, {
    next: (...args: [] | [undefined]) => stream.next(...args),
    return: (value?: unknown) => stream.return(value),
    throw: (error?: unknown) => stream.throw(error),
    [Symbol.asyncIterator]: () => stream,
  });
}

async function* readLater(result: Promise<unknown>): AsyncGenerator<unknown, unknown, undefined> {
  return yield* (await result) as AsyncIterable<unknown>;
}
