import { describe, expect, it } from 'vitest';
import { detectScreen } from '../../../src/cli/io.ts';
import { judgeHeadroom } from '../../../src/cli/judge-headroom.ts';
import { countColumns } from '../../../src/cli/table.ts';
import type { Change } from '../../../src/cli/watch/changes.ts';
import { drawFrame, type TerminalSize, type Watched } from '../../../src/cli/watch/frame.ts';
import { GiB, type LedgerEntry, type MemoryScope, MiB } from '../../../src/index.ts';

const host: MemoryScope = {
  kind: 'host',
  path: 'host',
  limitBytes: 24 * GiB,
  usedBytes: 18 * GiB,
  reclaimableBytes: 12 * GiB,
  availableBytes: 17 * GiB,
};
const group: MemoryScope = {
  kind: 'cgroup-v2',
  path: '/kubepods/burstable/pod4f5e7a90-1c22-4d0e-9a8b-3f4c5d6e7f80/0123456789abcdef0123456789abcdef',
  limitBytes: 8 * GiB,
  usedBytes: 7 * GiB,
  reclaimableBytes: 1 * GiB,
  availableBytes: 2 * GiB,
};
const open: MemoryScope = {
  kind: 'cgroup-v2',
  path: '/kubepods',
  usedBytes: 9 * GiB,
  reclaimableBytes: 0,
  availableBytes: Number.POSITIVE_INFINITY,
};

const entries = (count: number): LedgerEntry[] =>
  Array.from({ length: count }, (_, index) => ({
    pid: 1000 + index,
    label: `/models/of/some/length/Qwen2-Audio-7B-Instruct-Q4_K_M-${index}.gguf`,
    state: (['loading', 'loaded', 'settled'] as const)[index % 3] as 'loading',
    mappedBytes: (index + 1) * 100 * MiB,
    anonymousBytes: 50 * MiB,
    atMs: Date.UTC(2026, 0, 1) - index * 100_000,
  }));

const changes = (count: number): Change[] =>
  Array.from({ length: count }, (_, index) => ({
    atMs: index * 1000,
    kind: index % 4 === 3 ? 'level' : 'loaded',
    message:
      index % 4 === 3 ? 'warning: 900 MiB can be taken' : `loaded number ${index} of a rather long name in a process`,
  }));

const watched = (models: number, events: number, headroomBytes = 1.5 * GiB): Watched => ({
  reading: {
    atMs: Date.UTC(2026, 0, 1),
    headroomBytes,
    ...judgeHeadroom({ headroomBytes, totalBytes: 16 * GiB }),
    entries: entries(models),
    snapshot: {
      scopes: [host, open, group],
      limitedBy: group,
      totalBytes: 8 * GiB,
      availableBytes: 2 * GiB,
      source: 'native',
      precise: true,
      ancestorsHidden: false,
      takenAtMs: 0,
    },
  },
  history: [3 * GiB, 2 * GiB, headroomBytes],
  changes: changes(events),
  intervalMs: 1000,
});

const drawn = (what: Watched, size: TerminalSize, env: NodeJS.ProcessEnv = { NO_COLOR: '1' }) =>
  drawFrame(what, detectScreen({ isTTY: true, columns: size.columns } as never, env), size);

const SIZES: TerminalSize[] = [
  { columns: 80, rows: 24 },
  { columns: 200, rows: 50 },
  { columns: 60, rows: 15 },
  { columns: 120, rows: 10 },
];

describe('the live screen', () => {
  it.each(SIZES)('fits $columns columns and $rows rows, however much there is to show', (size) => {
    for (const what of [watched(0, 0), watched(3, 2), watched(40, 100)]) {
      const lines = drawn(what, size);
      expect(lines.length).toBeLessThanOrEqual(size.rows);
      for (const line of lines) expect([line, countColumns(line) <= size.columns]).toEqual([line, true]);
    }
  });

  it('shows every scope with a bar, and which one binds', () => {
    const lines = drawn(watched(0, 0), { columns: 100, rows: 30 });
    const scopes = lines.filter((line) => /[█▒░]{8}/.test(line));
    expect(scopes).toHaveLength(3);
    expect(scopes.map((line) => line[0])).toEqual([' ', ' ', '*']);
    expect(scopes[0]).toMatch(/host .*█+▒+░+ {2,}17\.0 GiB of 24\.0 GiB available$/);
    expect(scopes[1]).toMatch(/9\.0 GiB used, no limit$/);
    expect(scopes[2]).toMatch(/cgroup-v2.*…/);
  });

  it('shows headroom with its course and its lowest', () => {
    const text = drawn(watched(0, 0), { columns: 100, rows: 30 }).join('\n');
    expect(text).toMatch(/Headroom 1\.5 GiB of 8\.0 GiB, ok; lowest 1\.5 GiB {2}█▃▁/);
  });

  it('shows the models of all processes, the largest first, and how many more there are', () => {
    const few = drawn(watched(2, 0), { columns: 100, rows: 30 });
    expect(few.filter((line) => /^ +100\d/.test(line)).map((line) => line.trim().split(/\s+/)[0])).toEqual([
      '1001',
      '1000',
    ]);
    expect(few.join('\n')).not.toMatch(/more,/);
    const many = drawn(watched(40, 100), { columns: 80, rows: 24 }).join('\n');
    expect(many).toMatch(/and \d+ more, [\d.]+ GiB/);
    expect(many).toMatch(/in use|loading|loaded/);
    expect(drawn(watched(0, 0), { columns: 80, rows: 24 }).join('\n')).toMatch(/none\n/);
  });

  it('shows the newest events, the age of each model in words', () => {
    const lines = drawn(watched(3, 100), { columns: 100, rows: 40 });
    expect(lines.at(-1)).toMatch(/\d\d:\d\d:\d\d {2}warning: 900 MiB can be taken$/);
    expect(lines.join('\n')).toMatch(/0 s\n.*|2 min|3 min/);
  });

  it('is coloured by how things stand, and not where colours are not wanted', () => {
    const [red, yellow, green] = [0.1, 0.7, 4].map((gib) =>
      drawn(watched(0, 0, gib * GiB), { columns: 80, rows: 24 }, {}).join('\n'),
    );
    expect(red).toContain('\x1b[31m');
    expect(yellow).toContain('\x1b[33m');
    expect(green).toContain('\x1b[32m');
    const plain = drawn(watched(5, 8), { columns: 80, rows: 24 }).join('\n');
    expect(plain.split('\x1b')).toHaveLength(1);
  });

  it('is of letters on a terminal without blocks', () => {
    const text = drawn(watched(1, 0), { columns: 80, rows: 24 }, { TERM: 'linux', NO_COLOR: '1' }).join('\n');
    expect(text).toMatch(/#+=+\.+/);
    expect(text).not.toMatch(/[█▒░▁]/);
  });
});
