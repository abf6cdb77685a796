import { describe, expect, it } from 'vitest';
import { judgeHeadroom } from '../../../src/cli/judge-headroom.ts';
import { findChanges, type Reading } from '../../../src/cli/watch/changes.ts';
import { GiB, type LedgerEntry, type MemorySnapshot, MiB } from '../../../src/index.ts';

const entry = (label: string, state: LedgerEntry['state'], more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  pid: 7,
  label,
  state,
  mappedBytes: 1 * GiB,
  anonymousBytes: 1 * GiB,
  atMs: 1,
  ...more,
});

const makeReading = (entries: readonly LedgerEntry[], headroomBytes = 8 * GiB, path = 'host'): Reading => ({
  atMs: 100,
  headroomBytes,
  ...judgeHeadroom({ headroomBytes, totalBytes: 16 * GiB }),
  entries,
  snapshot: {
    totalBytes: 16 * GiB,
    limitedBy: { kind: path === 'host' ? 'host' : 'cgroup-v2', path },
  } as MemorySnapshot,
});

const messages = (before: Reading | undefined, now: Reading) => findChanges(before, now).map(({ message }) => message);

describe('what happened between two readings', () => {
  it('is nothing before the first, and nothing where nothing did', () => {
    expect(messages(undefined, makeReading([entry('m', 'loaded')]))).toEqual([]);
    expect(messages(makeReading([entry('m', 'settled')]), makeReading([entry('m', 'settled')]))).toEqual([]);
  });

  it('tells of models that come, are ready and go', () => {
    const [loading, loaded] = [makeReading([entry('m', 'loading')]), makeReading([entry('m', 'loaded')])];
    expect(messages(makeReading([]), loading)).toEqual(['loading m in process 7']);
    expect(messages(loading, loaded)).toEqual(['loaded m in process 7, 2.0 GiB']);
    expect(messages(makeReading([]), loaded)).toEqual(['loaded m in process 7, 2.0 GiB']);
    expect(messages(loaded, makeReading([entry('m', 'settled')]))).toEqual([]);
    expect(messages(loaded, makeReading([]))).toEqual(['m of process 7 is gone']);
  });

  it('never tells a need that nobody knows as a figure', () => {
    const nothing = { mappedBytes: 0, anonymousBytes: 0, unknown: true } as const;
    const loaded = (more: object) => messages(makeReading([]), makeReading([entry('m', 'loaded', more)]));
    expect(loaded(nothing)).toEqual(['loaded m in process 7, an unknown need']);
    expect(loaded({ ...nothing, mappedBytes: GiB })).toEqual(['loaded m in process 7, 1.0 GiB and an unknown rest']);
  });

  it('tells the same model of two processes, and two of one, apart', () => {
    const [one, other] = [entry('m', 'loaded'), entry('m', 'loaded', { pid: 8 })];
    expect(messages(makeReading([one]), makeReading([one, other]))).toEqual(['loaded m in process 8, 2.0 GiB']);
    const again = entry('m', 'loaded', { atMs: 2 });
    expect(messages(makeReading([one, again]), makeReading([again]))).toEqual(['m of process 7 is gone']);
  });

  it('tells of edges of the headroom, and of another scope that binds', () => {
    expect(messages(makeReading([], 2 * GiB), makeReading([], 900 * MiB))).toEqual(['warning: 900.0 MiB can be taken']);
    expect(messages(makeReading([], 900 * MiB), makeReading([], -100 * MiB))).toEqual([
      'critical: nothing (100.0 MiB is lacking already) can be taken',
    ]);
    expect(messages(makeReading([], 900 * MiB), makeReading([], 100 * MiB))).toEqual([
      'critical: 100.0 MiB can be taken',
    ]);
    expect(messages(makeReading([], 100 * MiB), makeReading([], 100 * MiB))).toEqual([]);
    expect(messages(makeReading([]), makeReading([], 8 * GiB, '/a'))).toEqual(['cgroup-v2 /a binds now']);
  });
});
