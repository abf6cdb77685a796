import { describe, expect, it } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { readLimitingScope } from '../../src/core/memory-reader.ts';
import { openReader } from '../../src/sensors/open-reader.ts';
import { getFixture } from '../support/fixtures.ts';

describe('readLimitingScope', () => {
  it('gives the scope that has the least left', () => {
    const reader = openReader({ root: getFixture('v2-parent-limit'), prefer: 'procfs' }, 'linux');
    expect(readLimitingScope(reader)).toMatchObject({ kind: 'cgroup-v2', path: '/pod.slice' });
    reader.close();
  });

  it('gives nothing, and throws nothing, if memory cannot be read', () => {
    const reader = openReader({ root: getFixture('garbage-number'), prefer: 'procfs' }, 'linux');
    expect(() => reader.snapshot()).toThrow(MemoryGuardError);
    expect(readLimitingScope(reader)).toBeUndefined();
    reader.close();
  });
});
