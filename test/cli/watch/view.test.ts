import { describe, expect, it } from 'vitest';
import { judgeHeadroom } from '../../../src/cli/judge-headroom.ts';
import type { Change, Reading } from '../../../src/cli/watch/changes.ts';
import { formatTime, makeJsonView, makeTextView } from '../../../src/cli/watch/view.ts';
import { GiB, type LedgerEntry, type MemorySnapshot } from '../../../src/index.ts';
import { fakeIo } from '../../support/fake-io.ts';

const atMs = new Date(2026, 0, 2, 3, 4, 5).getTime();
const entry = (pid: number): LedgerEntry => ({
  pid,
  label: 'm',
  state: 'loaded',
  mappedBytes: 1,
  anonymousBytes: 1,
  atMs,
});
const makeReading = (headroomBytes: number, pids: number[]): Reading => ({
  atMs,
  headroomBytes,
  ...judgeHeadroom({ headroomBytes, totalBytes: 16 * GiB }),
  entries: pids.map(entry),
  snapshot: { totalBytes: 8 * GiB } as MemorySnapshot,
});
const change: Change = { atMs, kind: 'loaded', message: 'loaded m' };

describe('the view as text', () => {
  it('has one line for each change, then one for the reading', () => {
    const io = fakeIo();
    const view = makeTextView(io);
    view.show(makeReading(4 * GiB, [7, 7, 8]), [change]);
    view.show(makeReading(0.1 * GiB, [7]), []);
    view.close();
    expect(io.stdout.text.split('\n')).toEqual([
      '03:04:05 loaded m',
      '03:04:05 headroom 4.0 GiB of 8.0 GiB, ok; 3 held by 2 processes',
      '03:04:05 headroom 102.4 MiB of 8.0 GiB, critical; 1 held by 1 process',
      '',
    ]);
  });
});

describe('the view as JSON', () => {
  it('has one line for each reading, with its changes', () => {
    const io = fakeIo();
    const view = makeJsonView(io);
    view.show(makeReading(1, [7]), [change]);
    view.show(makeReading(2, []), []);
    const lines = io.stdout.text.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { ...makeReading(1, [7]), changes: [change] },
      { ...makeReading(2, []), changes: [] },
    ]);
  });
});

it('a view without keys is left by none', async () => {
  for (const { left } of [makeTextView(fakeIo()), makeJsonView(fakeIo())]) {
    expect(await Promise.race([left, Promise.resolve('still shown')])).toBe('still shown');
  }
});

it('a time is that of the clock on the wall', () => {
  expect(formatTime(atMs)).toBe('03:04:05');
});
