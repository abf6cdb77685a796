/** The status as a stream: what `for await (const status of guard.watch())` gives. */
import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { MemoryReader } from '../../src/core/memory-reader.ts';
import { readGuardOptions } from '../../src/guard-options.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { describeStatus, type GuardStatus, StatusWatch } from '../../src/monitor/status-watch.ts';
import { FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';
import { ManualClock } from '../support/manual-clock.ts';

const load = { memoryGuard: { footprint: GiB } };
const options = { minFreeBytes: 512 * MiB, minFreeRatioAfterLoad: 0 };

async function watched(signal?: AbortSignal) {
  const fake = guardedFake(new FakeMachine(8 * GiB), options);
  const model = await fake.nexa.loadModel('m', load);
  const seen: GuardStatus[] = [];
  const done = (async () => {
    for await (const status of fake.guard.watch(signal && { signal })) seen.push(status);
    return 'ended';
  })();
  await settled();
  return { ...fake, model, seen, done };
}

describe('a watch', () => {
  it('gives the status now and then each edge, as the events do', async () => {
    const { machine, clock, seen, events, guard, done } = await watched();
    expect(seen.map(({ status }) => status)).toEqual(['ok']);
    expect(Object.isFrozen(seen[0])).toBe(true);
    machine.availableBytes = 1.9 * GiB;
    clock.advance(1000);
    machine.availableBytes = 1.2 * GiB;
    clock.advance(1000);
    await settled();
    expect(seen.map(({ status }) => status)).toEqual(['ok', 'warning', 'critical']);
    const edges = events.filter(({ type }) => type === 'warning' || type === 'critical');
    expect(edges.map((edge) => 'headroomBytes' in edge && edge.headroomBytes)).toEqual(
      seen.slice(1).map(({ headroomBytes }) => headroomBytes),
    );
    guard.close();
    expect(await done).toBe('ended');
  });

  it('ends with its signal, in the middle and before it began', async () => {
    const controller = new AbortController();
    const { done, guard } = await watched(controller.signal);
    controller.abort();
    expect(await done).toBe('ended');
    for await (const _ of guard.watch({ signal: AbortSignal.abort() })) throw new Error('it has ended');
    guard.close();
  });

  it('can be left, and misses no edge while its reader is busy', async () => {
    const { machine, clock, guard } = await watched();
    const seen: string[] = [];
    for await (const { status } of guard.watch()) {
      seen.push(status);
      if (status === 'critical') break;
      if (status !== 'ok') continue;
      for (const gib of [1.9, 1.2]) {
        machine.availableBytes = gib * GiB;
        clock.advance(1000);
      }
    }
    expect(seen).toEqual(['ok', 'warning', 'critical']);
    guard.close();
  });

  it('refuses bad options at once, and a guard that is closed', async () => {
    const { guard } = await watched();
    expect(() => guard.watch({ signal: 5 } as never)).toThrow('Expected `signal` to be an AbortSignal');
    expect(() => guard.watch({ every: 5 } as never)).toThrow('Unknown option `every` of `watch`');
    const before = guard.watch();
    guard.close();
    expect(await before.next()).toEqual({ done: true, value: undefined });
    expect(() => guard.watch()).toThrow(expect.objectContaining({ code: 'ERR_GUARD_CLOSED' }));
  });
});

describe('a reader that can watch', () => {
  it('is asked scope by scope, and its wake-ups are readings', () => {
    const scope = { kind: 'host', path: 'host', usedBytes: 0, reclaimableBytes: 0, availableBytes: 0 } as const;
    const state = { availableBytes: 8 * GiB, woken: () => {}, watched: [] as unknown[] };
    const reader: MemoryReader = {
      source: 'procfs',
      measure: () => ({ totalBytes: 16 * GiB, availableBytes: state.availableBytes, hostBinds: true }),
      snapshot: () => ({
        totalBytes: 16 * GiB,
        availableBytes: state.availableBytes,
        limitedBy: scope,
        scopes: [{ ...scope, availableBytes: state.availableBytes }],
        source: 'procfs',
        precise: true,
        ancestorsHidden: false,
        takenAtMs: 0,
      }),
      openWatch(woken) {
        state.woken = woken;
        return {
          watch: (leftBytes, belowBytes) => state.watched.push([...leftBytes], belowBytes) > 0,
          least: () => ({ leftBytes: 3 * GiB, ageMs: 0 }),
          close: () => void state.watched.push('closed'),
        };
      },
      close() {},
    };
    const clock = new ManualClock();
    const gate = new AdmissionGate({
      reader,
      ledger: new Ledger(),
      nowMs: () => clock.nowMs(),
      minFreeRatioAfterLoad: 0,
    });
    const told: unknown[] = [];
    const models = { watched: 1, minFree: { minFreeBytes: 512 * MiB } };
    const settings = readGuardOptions({ clock });
    const status = new StatusWatch({ settings, gate, models, reader, tell: (event) => told.push(event.type) });
    status.read();
    expect(state.watched).toEqual([[8 * GiB], GiB]);
    state.availableBytes = GiB / 4;
    state.woken();
    expect(told).toEqual(['critical']);
    expect(state.watched.slice(2)).toEqual([[GiB / 4], -Infinity]);
    status.close();
    expect(state.watched.at(-1)).toBe('closed');
  });
});

describe('what is said of the status', () => {
  it.each([
    ['ok', 'Memory is sufficient again: this process can take 700.0 MiB more.'],
    [
      'warning',
      'Memory is approaching the minimum: this process can take 700.0 MiB more, less than 2 times the 512.0 MiB to keep free.',
    ],
    ['critical', 'Memory is below the minimum: this process can take 700.0 MiB more, and 512.0 MiB should stay free.'],
  ] as const)('%s has its numbers', (level, sentence) => {
    expect(describeStatus(level, 700 * MiB, 512 * MiB, 2)).toBe(sentence);
  });

  it('says how much is lacking where less than nothing is left', () => {
    expect(describeStatus('critical', -5, 1, 2)).toContain('can take nothing (5 B is lacking already)');
  });
});
