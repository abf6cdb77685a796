import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/bytes.ts';
import { Monitor, type Watched } from '../../src/monitor/monitor.ts';
import { nextReadingMs } from '../../src/monitor/pace.ts';
import { ManualClock } from '../support/manualclock.ts';

const rules = { warningFactor: 2, hysteresisRatio: 0.05, dwellMs: 1000 };

function watching(first: Watched | undefined) {
  const clock = new ManualClock();
  const state = { watched: first, fails: false, readings: 0, edges: [] as string[], failures: 0 };
  const monitor = new Monitor({
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
    edge: (level, previous) => state.edges.push(`${previous} > ${level}`),
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

describe('the pace of readings', () => {
  it('is the distance over the fastest fill rate, between 10 ms and 1 s', () => {
    expect(nextReadingMs(3000 * MiB)).toBe(500);
    expect(nextReadingMs(0)).toBe(10);
    expect(nextReadingMs(-5)).toBe(10);
    expect(nextReadingMs(1e15)).toBe(1000);
  });
});
