import { describe, expect, it } from 'vitest';
import type { Reading } from '../../../src/cli/watch/changes.ts';
import { openLiveScreen } from '../../../src/cli/watch/live-screen.ts';
import { GiB, type MemoryScope, type MemorySnapshot } from '../../../src/index.ts';
import { FakeKeys, fakeIo } from '../../support/fake-io.ts';

const host: MemoryScope = {
  kind: 'host',
  path: 'host',
  limitBytes: 8 * GiB,
  usedBytes: 4 * GiB,
  reclaimableBytes: 0,
  availableBytes: 4 * GiB,
};
const reading: Reading = {
  atMs: 0,
  headroomBytes: 4 * GiB,
  minFreeBytes: 1 * GiB,
  status: 'ok',
  entries: [],
  snapshot: { scopes: [host], limitedBy: host, totalBytes: 8 * GiB } as unknown as MemorySnapshot,
};

describe('the live screen', () => {
  it('draws nothing before the first reading, and each reading over the one before', () => {
    const io = fakeIo({ isTTY: true }, { NO_COLOR: '1' });
    const screen = openLiveScreen(io, 1000);
    io.stdout.text = '';
    io.stdout.resize(90, 20);
    expect(io.stdout.text).toBe('');
    screen.show(reading, []);
    screen.show(reading, [{ atMs: 0, kind: 'told', message: 'something happened' }]);
    const [before, first, second] = io.stdout.text.split('\x1b[H');
    expect(before).toBe('');
    expect(first).toContain('Headroom 4.0 GiB of 8.0 GiB');
    expect([first, second].map((text) => text?.includes('something happened'))).toEqual([false, true]);
    for (const line of second!.split('\n').slice(0, -1)) expect(line.startsWith('\x1b[K')).toBe(true);
    screen.close();
    expect(io.stdout.listeners).toBe(0);
  });

  it('fits a terminal that does not tell its size', () => {
    const io = fakeIo({ isTTY: true, columns: 0, rows: 0 }, { NO_COLOR: '1' });
    openLiveScreen(io, 1000).show(reading, []);
    const lines = io.stdout.text.split('\x1b[H')[1]!.split('\n');
    expect(lines.length).toBeLessThanOrEqual(25);
    expect(lines[0]).toHaveLength('\x1b[K'.length + 80);
  });

  it.each([
    ['q', 'key'],
    ['\x1b', 'key'],
    ['\x03', 'SIGINT'],
  ])('is left at %j as by %s', async (typed, how) => {
    const io = fakeIo({ isTTY: true });
    const screen = openLiveScreen(io, 1000);
    io.stdin.type('x');
    expect(await Promise.race([screen.left, Promise.resolve('still shown')])).toBe('still shown');
    io.stdin.type(typed);
    expect(await screen.left).toBe(how);
    expect(io.stdin).toMatchObject({ raw: true, reading: true });
    screen.close();
    expect(io.stdin).toMatchObject({ raw: false, reading: false });
  });

  it('leaves a stream alone that is no keyboard', () => {
    const io = { ...fakeIo({ isTTY: true }), stdin: new FakeKeys(false) };
    openLiveScreen(io, 1000).close();
    expect(io.stdin).toMatchObject({ raw: false, reading: false });
  });
});
