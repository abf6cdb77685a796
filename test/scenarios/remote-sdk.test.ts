/** An SDK that lives in another thread, behind Comlink: every key of such a proxy answers with a proxy that can be called. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Endpoint, expose, proxy, releaseProxy, wrap } from 'comlink';
import { afterEach, describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';

interface Remote {
  loadModel(
    name: string,
    options?: { readonly threads?: number },
    listener?: unknown,
  ): Promise<{ generate(prompt: string): Promise<string>; dispose(): void }>;
}

const ports: MessagePort[] = [];

/** Comlink's own adapter for a port of Node, `comlink/dist/umd/node-adapter`, has no types. */
function endpoint(port: MessagePort): Endpoint {
  const listeners = new WeakMap<object, (data: unknown) => void>();
  ports.push(port);
  return {
    postMessage: port.postMessage.bind(port) as Endpoint['postMessage'],
    start: () => port.start(),
    addEventListener(_type, listener) {
      const listen = (data: unknown) => (listener as (event: object) => void)({ data });
      listeners.set(listener, listen);
      port.on('message', listen);
    },
    removeEventListener(_type, listener) {
      const listen = listeners.get(listener);
      if (listen) port.off('message', listen);
    },
  };
}

function openRemote() {
  const asked: unknown[] = [];
  const disposed: string[] = [];
  const { port1, port2 } = new MessageChannel();
  expose(
    {
      async loadModel(name: string, options: object) {
        asked.push([name, options]);
        return proxy({ generate: (prompt: string) => `${prompt}!`, dispose: () => void disposed.push(name) });
      },
    },
    endpoint(port1),
  );
  return { remote: wrap<Remote>(endpoint(port2)), asked, disposed };
}

afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

const sensor = () => ({ totalBytes: 16 * GiB, availableBytes: 8 * GiB });

describe('an SDK behind a message channel', () => {
  it('loads, runs and disposes through the guard', async () => {
    const { remote, asked, disposed } = openRemote();
    const guarded = withMemoryGuard(remote as unknown as Remote, { sensor });
    const model = await guarded.loadModel('remote', { threads: 2, memoryGuard: { footprint: MiB } });
    expect(asked).toEqual([['remote', { threads: 2 }]]);
    expect(guarded.guard.models()).toMatchObject([{ name: 'remote' }]);
    expect(await model.generate('hello')).toBe('hello!');
    await model.dispose();
    expect(disposed).toEqual(['remote']);
    expect(guarded.guard.models()).toEqual([]);
    guarded.guard.close();
  });

  it('is refused what does not fit before the other thread hears of it', async () => {
    const { remote, asked } = openRemote();
    const guarded = withMemoryGuard(remote as unknown as Remote, { sensor });
    await expect(guarded.loadModel('remote', { memoryGuard: { footprint: 9 * GiB } })).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(asked).toEqual([]);
    guarded.guard.close();
  });

  it('may be an argument of an SDK, which gets the identical proxy', async () => {
    const { remote } = openRemote();
    const seen: unknown[] = [];
    const sdk: Remote = {
      async loadModel(_name, _options, listener) {
        seen.push(listener);
        return { generate: async () => '', dispose() {} };
      },
    };
    const guarded = withMemoryGuard(sdk, { sensor });
    await guarded.loadModel('local', { memoryGuard: { footprint: MiB } }, remote);
    expect(seen[0] === remote).toBe(true);
    expect(typeof remote[releaseProxy]).toBe('function');
    guarded.guard.close();
  });
});
