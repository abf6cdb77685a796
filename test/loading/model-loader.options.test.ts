/** What a caller does with the options after the call, and what they are made of. */
import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';

const OPEN = { minFreeBytes: 0, minFreeRatioAfterLoad: 0, clock: systemClock };

describe('options that are changed after the call', () => {
  it('reach the SDK as they were judged, however long the load waits', async () => {
    const machine = new FakeMachine(1 * GiB);
    const { nexa, sdk, guard } = guardedFake(machine, OPEN);
    const footprint = { mappedBytes: 0, anonymousBytes: 2 * GiB };
    const options = { threads: 1, memoryGuard: { footprint, wait: true } };
    const loading = nexa.loadModel('a', options);
    options.threads = 64;
    footprint.anonymousBytes = 1;
    await settled();
    machine.availableBytes = 9 * GiB;
    await loading;
    expect(sdk.calls).toEqual([['a', { threads: 1 }]]);
    expect(guard.models()[0]?.need.anonymousBytes).toBe(2 * GiB);
  });

  it('do not change what an evicted model is loaded with again', async () => {
    const { nexa, sdk } = guardedFake(new FakeMachine(10 * GiB), { ...OPEN, evict: 'idle', reload: true });
    const options = { threads: 1, memoryGuard: { footprint: 6 * GiB } };
    const first = await nexa.loadModel('a', options);
    options.threads = 2;
    await nexa.loadModel('b', options);
    await first.generate();
    expect(sdk.calls).toEqual([
      ['a', { threads: 1 }],
      ['b', { threads: 2 }],
      ['a', { threads: 1 }],
    ]);
  });
});

describe('options that are more than their properties', () => {
  it('of a class reach the SDK as an object of that class, without `memoryGuard`', async () => {
    class LoadOptions {
      readonly memoryGuard = { footprint: 1 };
      get threads(): number {
        return 7;
      }
    }
    const { nexa, sdk } = guardedFake(new FakeMachine(10 * GiB));
    await nexa.loadModel('a', new LoadOptions() as never);
    const given = sdk.calls[0]?.[1] as LoadOptions;
    expect(given).toBeInstanceOf(LoadOptions);
    expect([given.threads, 'memoryGuard' in given]).toEqual([7, false]);
  });

  it('such as streams, signals and proxies reach the SDK as the identical objects', async () => {
    const calls: (readonly unknown[])[] = [];
    const sdk = {
      async loadModel(...args: readonly unknown[]) {
        calls.push(args);
        return {};
      },
    };
    const nexa = withMemoryGuard(sdk, { sensor: new FakeMachine(15 * GiB).sensor });
    const { signal } = new AbortController();
    const proxy = new Proxy({}, {});
    const others = [signal, proxy, new Map(), [1]];
    await (nexa.loadModel as (...args: unknown[]) => Promise<unknown>)('qwen2audio', { signal }, ...others);
    const [, options, ...rest] = calls[0] as unknown as [string, { signal: unknown }, ...unknown[]];
    expect(options.signal).toBe(signal);
    for (const [index, other] of others.entries()) expect(rest[index] === other).toBe(true);
  });

  it('that throw when they are read are refused with a code, and only told if loads are observed', async () => {
    const options = {
      get threads(): number {
        throw new Error('not connected');
      },
    };
    const enforcing = guardedFake(new FakeMachine(15 * GiB));
    await expect(enforcing.nexa.loadModel('qwen2audio', options)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(enforcing.sdk.calls).toEqual([]);
    const observing = guardedFake(new FakeMachine(15 * GiB), { mode: 'observe' });
    await observing.nexa.loadModel('qwen2audio', options);
    expect(observing.events[0]).toMatchObject({ type: 'degraded', reason: 'not-understood' });
  });
});
