import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { ScopeLimit } from '../../src/core/memory-reader.ts';
import { describeLimitChange, LimitChanges } from '../../src/monitor/limit-changes.ts';

const host = (limitBytes = 16 * GiB): ScopeLimit => ({ kind: 'host', path: 'host', limitBytes });
const group = (path: string, limitBytes?: number): ScopeLimit => ({
  kind: 'cgroup-v2',
  path,
  ...(limitBytes !== undefined && { limitBytes }),
});

/** What is found at the last of these readings. */
function changes(...readings: readonly (readonly ScopeLimit[])[]) {
  const limits = new LimitChanges();
  return readings.map((reading) => limits.find(reading)).at(-1);
}

describe('a limit', () => {
  it('of a group that was raised, lowered, set or taken away is a change, once', () => {
    const limits = new LimitChanges();
    const find = (limitBytes?: number) => limits.find([host(), group('/a', limitBytes)]);
    expect(find(GiB)).toEqual([]);
    expect(find(GiB + 4096)).toEqual([
      { reason: 'resized', kind: 'cgroup-v2', path: '/a', previousLimitBytes: GiB, limitBytes: GiB + 4096 },
    ]);
    expect(find(GiB + 4096)).toEqual([]);
    expect(find(MiB)).toMatchObject([{ previousLimitBytes: GiB + 4096, limitBytes: MiB }]);
    expect(find()).toEqual([{ reason: 'resized', kind: 'cgroup-v2', path: '/a', previousLimitBytes: MiB }]);
    expect(find(GiB)).toEqual([{ reason: 'resized', kind: 'cgroup-v2', path: '/a', limitBytes: GiB }]);
  });

  it('of each scope that changed is a change of its own', () => {
    expect(
      changes([host(), group('/', 4 * GiB), group('/a', GiB)], [host(), group('/', 3 * GiB), group('/a', 2 * GiB)]),
    ).toMatchObject([{ path: '/' }, { path: '/a' }]);
  });

  it('of the process is one too, also when it comes and goes', () => {
    const limit: ScopeLimit = { kind: 'rlimit-as', path: 'RLIMIT_AS', limitBytes: GiB };
    expect(changes([host()], [host(), limit])).toEqual([{ reason: 'resized', ...limit }]);
    expect(changes([host(), limit], [host()])).toEqual([
      { reason: 'resized', kind: 'rlimit-as', path: 'RLIMIT_AS', previousLimitBytes: GiB },
    ]);
  });

  it('of the machine is none if it moves by less than a hundredth, and counts together', () => {
    const limits = new LimitChanges();
    const find = (bytes: number) => limits.find([host(bytes)]);
    expect([1000, 1009, 991, 1005].map(find)).toEqual([[], [], [], []]);
    expect(find(1010)).toMatchObject([{ kind: 'host', previousLimitBytes: 1000, limitBytes: 1010 }]);
    expect(find(1005)).toEqual([]);
  });

  it('is not compared with a reading that told none', () => {
    expect(changes([host()], [], [host()])).toEqual([]);
    expect(changes([host()], [], [host(GiB)])).toHaveLength(1);
  });
});

describe('a move', () => {
  it('is one change, with the smallest limit of all groups before and after', () => {
    expect(
      changes([host(), group('/', 4 * GiB), group('/a', 8 * GiB)], [host(), group('/', 4 * GiB), group('/b', GiB)]),
    ).toEqual([
      {
        reason: 'moved',
        kind: 'cgroup-v2',
        path: '/b',
        previousPath: '/a',
        previousLimitBytes: 4 * GiB,
        limitBytes: GiB,
      },
    ]);
  });

  it('may lead to the root and back', () => {
    expect(changes([host(), group('/a', GiB)], [host()])).toEqual([
      { reason: 'moved', kind: 'cgroup-v2', path: '/', previousPath: '/a', previousLimitBytes: GiB },
    ]);
    expect(changes([host()], [host(), group('/a')])).toMatchObject([{ path: '/a', previousPath: '/' }]);
  });

  it('hides no change of the machine or the process', () => {
    expect(changes([host(), group('/a')], [host(8 * GiB), group('/b')])).toMatchObject([
      { reason: 'moved' },
      { reason: 'resized', kind: 'host' },
    ]);
  });
});

describe('the sentence', () => {
  it.each([
    [
      { reason: 'resized', kind: 'cgroup-v2', path: '/a', previousLimitBytes: 2 * GiB, limitBytes: GiB },
      'The limit of cgroup-v2 /a was lowered from 2.0 GiB to 1.0 GiB; the smallest of all limits is 1.0 GiB now.',
    ],
    [
      { reason: 'resized', kind: 'cgroup-v2', path: '/a', previousLimitBytes: GiB },
      'The limit of cgroup-v2 /a was raised from 1.0 GiB to no limit; the smallest of all limits is 1.0 GiB now.',
    ],
    [
      { reason: 'resized', kind: 'host', path: 'host', previousLimitBytes: GiB, limitBytes: 2 * GiB },
      'The memory of the machine was raised from 1.0 GiB to 2.0 GiB; the smallest of all limits is 1.0 GiB now.',
    ],
    [
      { reason: 'moved', kind: 'cgroup-v1', path: '/b', previousPath: '/a', limitBytes: GiB },
      'This process was moved from /a (no limit) to /b (1.0 GiB); the smallest of all limits is 1.0 GiB now.',
    ],
  ] as const)('of %o', (change, sentence) => {
    expect(describeLimitChange(change, GiB)).toBe(sentence);
  });
});
