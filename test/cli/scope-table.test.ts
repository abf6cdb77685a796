import { describe, expect, it } from 'vitest';
import { detectScreen } from '../../src/cli/io.ts';
import { formatScope, formatScopeTable } from '../../src/cli/scope-table.ts';
import { countColumns } from '../../src/cli/table.ts';
import { GiB, type MemoryScope, type MemorySnapshot } from '../../src/index.ts';

const host: MemoryScope = {
  kind: 'host',
  path: 'host',
  limitBytes: 32 * GiB,
  usedBytes: 8 * GiB,
  reclaimableBytes: 1 * GiB,
  availableBytes: 25 * GiB,
};
const { limitBytes: _none, ...unlimited } = host;
const group: MemoryScope = {
  ...unlimited,
  kind: 'cgroup-v2',
  path: '/a/rather/long/path/of/a/container/in/a/pod',
  availableBytes: Number.POSITIVE_INFINITY,
};
const snapshot = { scopes: [host, group], limitedBy: host } as unknown as MemorySnapshot;

describe('the table of scopes', () => {
  it('marks the one that binds, and says which have no limit', () => {
    const [titles, first, second] = formatScopeTable(snapshot, detectScreen({}, {}));
    expect(titles).toMatch(/^ +scope +limit +used +reclaimable +available$/);
    expect(first).toMatch(/^\* +host +32\.0 GiB +8\.0 GiB +1\.0 GiB +25\.0 GiB$/);
    expect(second).toMatch(/^ +cgroup-v2 \/a\/rather\/.* +unlimited +8\.0 GiB +1\.0 GiB +unlimited$/);
  });

  it('shortens paths on a narrow terminal, and writes the one that binds in bold', () => {
    const lines = formatScopeTable(snapshot, detectScreen({ isTTY: true, columns: 72 }, {}));
    for (const line of lines) expect(countColumns(line)).toBeLessThanOrEqual(72);
    expect(lines[2]).toContain('…');
    expect([lines[1], lines[2]].map((line) => line?.includes('\x1b[1m'))).toEqual([true, false]);
  });
});

it('a scope is named once if its path is its kind', () => {
  expect([host, { ...group, path: '/a' }].map(formatScope)).toEqual(['host', 'cgroup-v2 /a']);
});
