import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { MemoryMonitor, type MemoryWatcher, type WatchedMemory } from '../../src/monitor/memory-monitor.ts';
import { nextReadingMs } from '../../src/monitor/reading-interval.ts';
import { ManualClock } from '../support/manual-clock.ts';

const rules = { warningFactor: 2, hysteresisRatio: 0.05, dwellMs: 1000 };

function watching(first: WatchedMemory | undefined, watcher?: MemoryWatcher) {
  const clock = new ManualClock();
  const initial = {
    watched: first,
    fails: false,
    readings: 0,
    edges: [] as string[],
    failures: 0,
    seenAtMs: [] as number[],
  };
  const state: typeof initial & { during?: () => void } = initial;
  const monitor = new MemoryMonitor({
    clock,
    rules,
    sense() {
      state.readings += 1;
      if (state.fails) throw new Error('unreadable');
      return state.watched;
    },
    failed: () => {
      state.failures += 1;
    },
    edge: (level, previous, _, seenAtMs) => {
      state.edges.push(`${previous} > ${level}`);
      state.seenAtMs.push(seenAtMs);
      state.during?.();
    },
    watcher,
  });
  return { clock, state, monitor };
}

describe('the monitor', () => {
  it('tells an edge within one reading interval', () => {
    const { clock, state, monitor } = watching({ freeBytes: 2000 * MiB, minFreeBytes: 512 * MiB });
    monitor.read();
    state.watched = { freeBytes: 400 * MiB, minFreeBytes: 512 * MiB };
    clock.advance(1000);
    expect(state.edges).toEqual(['ok > critical']);
    expect(monitor.level).toBe('critical');
  });

  it('stops reading when nothing is loaded, and goes back to ok', () => {
    const { clock, state, monitor } = watching({ freeBytes: 1, minFreeBytes: 512 * MiB });
    monitor.read();
    state.watched = undefined;
    monitor.read();
    const { readings } = state;
    clock.advance(60_000);
    expect(state.readings).toBe(readings);
    expect(state.edges).toEqual(['ok > critical', 'critical > ok']);
  });

  it('goes on reading after a reading failed, and keeps its level', () => {
    const { clock, state, monitor } = watching({ freeBytes: 1, minFreeBytes: 512 * MiB });
    monitor.read();
    state.fails = true;
    clock.advance(1000);
    expect(state.failures).toBeGreaterThan(0);
    expect(monitor.level).toBe('critical');
    state.fails = false;
    state.watched = { freeBytes: 700 * MiB, minFreeBytes: 512 * MiB };
    clock.advance(5000);
    expect(monitor.level).toBe('warning');
  });

  it('never has two timers, and none after close', () => {
    const { clock, monitor } = watching({ freeBytes: 1e12, minFreeBytes: 1 });
    monitor.read();
    monitor.read();
    monitor.read();
    expect(clock.pending).toBe(1);
    monitor.close();
    expect(clock.pending).toBe(0);
    monitor.read();
    expect(clock.pending).toBe(0);
  });
});

describe('a monitor with a watcher', () => {
  const GiB = 1024 * MiB;

  function watched(freeBytes: number) {
    const calls: (number | 'rest')[] = [];
    const state = { least: undefined as { freeBytes: number; ageMs: number } | undefined, able: true };
    const watcher: MemoryWatcher = {
      watch(belowBytes) {
        calls.push(belowBytes);
        return state.able;
      },
      least: () => state.least,
      rest: () => void calls.push('rest'),
    };
    return { ...watching({ freeBytes, minFreeBytes: 512 * MiB }, watcher), calls, watch: state };
  }

  it('names the figure at which the judgement changes, and reads every four seconds meanwhile', () => {
    const { clock, state, monitor, calls } = watched(1.1 * GiB);
    monitor.read();
    expect(calls).toEqual([GiB]);
    clock.advance(3999);
    expect(state.readings).toBe(1);
    clock.advance(1);
    expect(state.readings).toBe(2);
    state.watched = { freeBytes: 0.9 * GiB, minFreeBytes: 512 * MiB };
    monitor.read(); // woken
    expect(calls.at(-1)).toBe(512 * MiB);
    state.watched = { freeBytes: 0.1 * GiB, minFreeBytes: 512 * MiB };
    monitor.read();
    expect(calls.at(-1)).toBe(-Infinity);
    expect(state.edges).toEqual(['ok > warning', 'warning > critical']);
  });

  it('reads every second if it must find out that it is better', () => {
    const { clock, state, monitor } = watched(0.1 * GiB);
    monitor.read();
    clock.advance(8000);
    expect(state.readings).toBe(9);
  });

  it('hears of a fall within the dwell time, which then begins anew', () => {
    const { clock, state, monitor, calls } = watched(0.1 * GiB);
    monitor.read();
    state.watched = { freeBytes: 0.7 * GiB, minFreeBytes: 512 * MiB };
    monitor.read();
    expect(calls.at(-1)).toBe(512 * MiB * 1.05);
    clock.advance(600);
    state.watched = { freeBytes: 0.51 * GiB, minFreeBytes: 512 * MiB };
    monitor.read();
    state.watched = { freeBytes: 0.7 * GiB, minFreeBytes: 512 * MiB };
    monitor.read();
    clock.advance(600);
    expect(state.edges).toEqual(['ok > critical']);
    clock.advance(1000);
    expect(state.edges).toEqual(['ok > critical', 'critical > warning']);
  });

  it('tells what a blocked event loop kept from it, with the time when it was seen', () => {
    const { clock, state, monitor, watch } = watched(2 * GiB);
    monitor.read();
    clock.advance(900);
    watch.least = { freeBytes: 100 * MiB, ageMs: 400 };
    monitor.read();
    expect(state.edges).toEqual(['ok > critical']);
    expect(state.seenAtMs).toEqual([500]);
    watch.least = { freeBytes: 3 * GiB, ageMs: 400 };
    clock.advance(2000);
    expect(state.edges).toEqual(['ok > critical', 'critical > ok']);
  });

  it('trusts its own reading more than what was seen just before', () => {
    const { state, monitor, watch } = watched(2 * GiB);
    watch.least = { freeBytes: 100 * MiB, ageMs: 3 };
    monitor.read();
    expect(state.edges).toEqual([]);
  });

  it('reads as often as without a watcher if that can’t watch', () => {
    const { clock, state, monitor, watch } = watched(GiB + 60 * MiB);
    watch.able = false;
    monitor.read();
    clock.advance(100);
    expect(state.readings).toBe(11);
  });

  it('lets it rest once nothing was loaded for a second, and at the end', () => {
    const { clock, state, monitor, calls } = watched(2 * GiB);
    monitor.read();
    state.watched = undefined;
    monitor.read();
    clock.advance(999);
    monitor.read();
    expect(calls).toEqual([GiB]);
    clock.advance(1);
    expect(calls).toEqual([GiB, 'rest']);
    monitor.read();
    monitor.close();
    expect(calls).toEqual([GiB, 'rest', 'rest']);
    expect(clock.pending).toBe(0);
  });

  it('does not let it rest between two loads, and tells nothing that it saw there', () => {
    const { clock, state, monitor, calls, watch } = watched(2 * GiB);
    monitor.read();
    const { watched: loaded } = state;
    state.watched = undefined;
    monitor.read();
    watch.least = { freeBytes: 100 * MiB, ageMs: 500 };
    state.watched = loaded;
    clock.advance(600);
    monitor.read();
    clock.advance(3000);
    expect(calls).toEqual([GiB, GiB]);
    expect(state.edges).toEqual([]);
    monitor.read();
    expect(state.edges).toEqual(['ok > critical']);
  });

  it('leaves the rest to a reading that an edge’s listener began', () => {
    const { clock, state, monitor, calls } = watched(0.1 * GiB);
    state.during = () => {
      delete state.during;
      state.watched = undefined; // the listener disposed the last model
      monitor.read();
    };
    monitor.read();
    expect(clock.pending).toBe(1);
    clock.advance(1000);
    expect(calls).toEqual(['rest']);
    expect(clock.pending).toBe(0);
    expect(state.edges).toEqual(['ok > critical', 'critical > ok']);
  });
});

describe('the pace of readings', () => {
  it('is the distance over the fastest fill rate, between 10 ms and 1 s', () => {
    expect(nextReadingMs(3000 * MiB)).toBe(500);
    expect(nextReadingMs(0)).toBe(10);
    expect(nextReadingMs(-5)).toBe(10);
    expect(nextReadingMs(1e15)).toBe(1000);
  });
});
