/** `watch` from outside, over real control groups and processes. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import type { Reading } from '../../../src/cli/watch/changes.ts';
import { openOutsideSource, openOwnSource } from '../../../src/cli/watch/reading-source.ts';
import { GiB, MiB } from '../../../src/index.ts';
import { createControlGroup, whyNoControlGroups } from '../../support/create-control-group.ts';
import { type FakeIo, fakeIo } from '../../support/fake-io.ts';
import { startMemoryHolder } from '../../support/memory-holder.ts';

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const start = (words: string, io: FakeIo = fakeIo()) => runCommandLine(`watch ${words}`.split(' '), io, '0');
const options = { minFreeBytes: 512 * MiB, told: () => {} };

async function readJson(words: string): Promise<Reading> {
  const io = fakeIo();
  expect(await start(`--json --count 1 ${words}`, io)).toBe(0);
  return JSON.parse(io.stdout.text);
}

it('a reading of this process is that of its guard', () => {
  const source = openOwnSource(options);
  const { headroomBytes, snapshot, status } = source.read();
  expect(headroomBytes).toBeLessThan(snapshot.totalBytes);
  expect(status).toMatch(/^(ok|warning|critical)$/);
  expect([source.target, source.isThere()]).toEqual([undefined, true]);
  source.close();
});

describe.skipIf(whyNoControlGroups() !== undefined)('a control group that is watched from outside', () => {
  async function fillGroup(limitBytes: number, mib: number) {
    const group = createControlGroup(limitBytes);
    const holder = await startMemoryHolder();
    group.enter(holder.pid);
    expect(await holder.take(mib)).toBe('held');
    return { group, holder };
  }

  it('has its limit, its use, what can be taken there and the status of that, by every name', async () => {
    const { group, holder } = await fillGroup(1 * GiB, 300);
    for (const words of [`--group ${group.path}`, `--group ${group.directory}`, `--pid ${holder.pid}`]) {
      const reading = await readJson(words);
      expect(reading).toMatchObject({ status: 'ok', target: { path: group.path } });
      expect(reading.snapshot.limitedBy).toMatchObject({ kind: 'cgroup-v1', path: group.path, limitBytes: 1 * GiB });
      expect(reading.snapshot.limitedBy.usedBytes).toBeGreaterThan(300 * MiB);
      expect(reading.headroomBytes).toBeLessThan(724 * MiB);
      expect(reading.headroomBytes).toBeGreaterThan(600 * MiB);
    }
    expect((await readJson(`--group ${group.path} --min-free 512MiB`)).status).toBe('warning');
    expect((await readJson(`--group ${group.path} --min-free 900MiB`)).status).toBe('critical');
  });

  it('is told in lines and on the screen', async () => {
    const { group, holder } = await fillGroup(256 * MiB, 200);
    const lines = fakeIo();
    await start(`--count 1 --group ${group.path}`, lines);
    expect(lines.stdout.text).toMatch(
      /^\d\d:\d\d:\d\d Models in the ledger of this user are counted .* by `--ledger`\.\n\d\d:\d\d:\d\d limit 256\.0 MiB, [\d.]+ MiB used, [\d.]+ \w+ of it reclaimable; headroom [\d.]+ MiB, critical\n$/,
    );
    const screen = fakeIo({ isTTY: true, columns: 100, rows: 30 }, { NO_COLOR: '1' });
    await start(`--count 1 --pid ${holder.pid}`, screen);
    expect(screen.stdout.text).toContain(`Seen from outside: process ${holder.pid} (node) in ${group.path}`);
    expect(screen.stdout.text).toMatch(/Headroom [\d.]+ MiB of 256\.0 MiB, critical/);
  });

  it('that goes is told in one line after the screen, and ends it with 6', async () => {
    const { group, holder } = await fillGroup(256 * MiB, 10);
    const [ofGroup, ofProcess] = [fakeIo({ isTTY: true }), fakeIo()];
    const endings = [
      start(`--interval 10 --group ${group.path}`, ofGroup),
      start(`--interval 10 --json --pid ${holder.pid}`, ofProcess),
    ];
    await eventually(() => expect([ofGroup.stdout.text, ofProcess.stdout.text]).not.toContain(''));
    await holder.kill();
    await group.remove();
    expect(await Promise.all(endings)).toEqual([6, 6]);
    expect(ofGroup.stderr.text).toBe(`nexa-memory-guard: control group ${group.path} is gone.\n`);
    expect(ofGroup.stdout.text.endsWith('\x1b[?1049l')).toBe(true);
    expect(ofProcess.stderr.text).toBe(`nexa-memory-guard: process ${holder.pid} (node) in ${group.path} is gone.\n`);
  });
});

describe.runIf(process.platform === 'linux')('a ledger that can’t be used', () => {
  it('is told once, and what is watched from outside is seen without it', async () => {
    const open = mkdtempSync(join(tmpdir(), 'nexa-open-'));
    onTestFinished(() => rmSync(open, { recursive: true }));
    chmodSync(open, 0o755);
    const io = fakeIo();
    expect(await start(`--count 3 --interval 1 --pid ${process.pid} --ledger ${open}`, io)).toBe(0);
    expect(io.stdout.text.match(/found that it is open to others/g)).toHaveLength(1);
    expect(io.stdout.text.match(/headroom/g)).toHaveLength(3);
  });
});

describe.runIf(process.platform === 'linux')('what is not there to be watched', () => {
  it('is refused by its own flag, with 2', async () => {
    const io = fakeIo();
    expect(await start('--group /nobody/made/this', io)).toBe(2);
    expect(io.stderr.text).toMatch(/Expected `--group` to be a control group .* found no such group at/);
    const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    onTestFinished(() => void child.kill());
    await ended;
    const gone = fakeIo();
    expect(await start(`--pid ${child.pid}`, gone)).toBe(2);
    expect(gone.stderr.text).toMatch(/Expected `--pid` to be the number of a process that runs/);
  });

  it('leaves nothing open', () => {
    expect(() => openOutsideSource({ group: '/nobody/made/this' }, options)).toThrow('no such group');
  });
});
