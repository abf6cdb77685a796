/** The ledger between real processes: who is counted, where, and for how long. The SDK is a fake; locks and groups are real. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import { type ControlGroup, createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { LedgerChild } from '../support/ledger-child.ts';

const whyNot = loadAddon()?.locks ? whyNoControlGroups() : 'the addon has no locks here';
if (whyNot) console.log(`skipped: the ledger between processes, since ${whyNot}`);

const LIMIT = 1024 * MiB;
let directory: string;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'nexa-ledger-')), 'ledger');
});

afterEach(() => {
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

const child = (group?: ControlGroup, options: object = {}) =>
  new LedgerChild({ ledger: { directory }, ...options }, group);

/** A group of 1 GiB, with room for the children themselves. */
const group = () => createControlGroup(LIMIT);

describe.skipIf(whyNot)('processes that share a ledger', () => {
  it('count what is reserved for the others', async () => {
    const shared = group();
    const [first, second] = [child(shared), child(shared)];
    expect(await first.load('first', 600 * MiB)).toEqual({ loaded: 'first' });
    expect(await second.load('second', 600 * MiB)).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(await second.load('small', 100 * MiB)).toEqual({ loaded: 'small' });
    await first.ask({ dispose: true });
    expect(await second.load('second', 600 * MiB)).toEqual({ loaded: 'second' });
  });

  it('do not count them if each was told to count alone', async () => {
    const shared = group();
    const [first, second] = [child(shared, { ledger: 'process' }), child(shared, { ledger: 'process' })];
    expect(await first.load('first', 600 * MiB)).toEqual({ loaded: 'first' });
    expect(await second.load('second', 600 * MiB)).toEqual({ loaded: 'second' });
  });

  it('let exactly one in if one fits, however many ask at once', async () => {
    const shared = group();
    const children = [1, 2, 3, 4].map(() => child(shared));
    await Promise.all(children.map((each) => each.ask({})));
    const answers = await Promise.all(children.map((each, index) => each.load(`${index}`, 600 * MiB)));
    expect(answers.filter(({ loaded }) => loaded)).toHaveLength(1);
    expect(answers.filter(({ code }) => code === 'ERR_INSUFFICIENT_MEMORY')).toHaveLength(3);
  });

  it('forget a process that was killed', async () => {
    const shared = group();
    const [first, second] = [child(shared), child(shared)];
    await first.load('first', 600 * MiB);
    await second.ask({});
    await first.kill('SIGKILL');
    expect(await second.load('second', 600 * MiB)).toEqual({ loaded: 'second' });
    expect(readdirSync(directory).filter((name) => name !== 'lock').length).toBeLessThanOrEqual(2);
  });

  it('burden the group above them, not the group beside them', async () => {
    const parent = group();
    const [left, right] = [parent.createChild('left', 700 * MiB), parent.createChild('right')];
    const [first, second] = [child(left), child(right)];
    await first.load('first', 600 * MiB);
    // The parent has 1024: 600 are promised to the left one.
    expect(await second.load('second', 500 * MiB)).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(await second.load('second', 300 * MiB)).toEqual({ loaded: 'second' });
    // The right one's 300 count in the parent, not in the left group's own 700.
    const { headroomBytes = 0 } = await first.ask({});
    expect(headroomBytes).toBeLessThan(100 * MiB);
  });

  it('show each other what they hold', async () => {
    const [first, second] = [child(), child()];
    await first.load('first', 50 * MiB);
    const { entries, kind } = await second.ask({});
    expect(kind).toBe('shared');
    expect(entries).toMatchObject([{ pid: first.process.pid, label: 'first', anonymousBytes: 50 * MiB }]);
  });

  it('wait for each other, first come, first served', async () => {
    const shared = group();
    const [first, second, third] = [child(shared), child(shared), child(shared)];
    await first.load('first', 600 * MiB);
    second.tell({ load: 'second', memoryGuard: { footprint: 700 * MiB, wait: true } });
    await someoneWaits(third);
    // 300 fit beside the 600, but not beside the 700 that wait.
    expect(await third.load('third', 300 * MiB)).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    await first.kill('SIGKILL');
    expect(await second.answer()).toEqual({ loaded: 'second' });
  });

  /** Waits until the other one's wait is told: then what is refused says so. */
  async function someoneWaits(asking: LedgerChild): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const { message = '' } = await asking.load('probe', 2 * LIMIT);
      if (message.includes('is kept for a load that waits')) return;
      await sleep(20);
    }
    throw new Error('nobody waits');
  }

  it('are not held up for ever by one that was stopped while it decided, and say which', async () => {
    const waiting = child();
    await waiting.ask({});
    await waiting.load('first', MiB);
    const addon = new URL('../../build/Release/nexa_memory_guard.node', import.meta.url).pathname;
    const holder = spawn(process.execPath, [
      '-e',
      `const fs = require('node:fs');
       const file = fs.openSync(${JSON.stringify(join(directory, 'lock'))}, 'r+');
       if (require(${JSON.stringify(addon)}).locks.tryLock(file) !== 1) process.exit(1);
       fs.writeSync(file, (process.pid + '\\n').padEnd(12), 0);
       console.log('locked');
       setInterval(() => {}, 1000);`,
    ]);
    try {
      await once(holder.stdout, 'data');
      holder.kill('SIGSTOP');
      waiting.tell({ load: 'second', memoryGuard: { footprint: MiB } });
      expect((await waiting.answer()).degraded).toContain(`locked by process ${holder.pid}`);
      expect(await waiting.answer()).toMatchObject({ refused: 'second', code: 'ERR_ADMISSION_TIMEOUT' });
    } finally {
      holder.kill('SIGKILL');
    }
    await once(holder, 'exit');
    expect(await waiting.load('third', MiB)).toEqual({ loaded: 'third' });
  });

  it('go on when the directory is deleted, and find each other again', async () => {
    const shared = group();
    const [first, second] = [child(shared), child(shared)];
    await first.load('first', 500 * MiB);
    await second.load('second', MiB);
    rmSync(directory, { recursive: true });
    expect(await first.load('more', MiB)).toEqual({ loaded: 'more' });
    expect(await second.load('large', 600 * MiB)).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
  });

  it('say so and count alone if the directory is somebody else’s, a link, or open to others', async () => {
    const elsewhere = join(directory, '..', 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    symlinkSync(elsewhere, directory);
    const linked = child();
    linked.tell({ load: 'first', memoryGuard: { footprint: MiB } });
    expect((await linked.answer()).degraded).toContain('is a symbolic link');
    expect(await linked.answer()).toEqual({ loaded: 'first' });
    rmSync(directory);
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    const open = child();
    open.tell({ load: 'first', memoryGuard: { footprint: MiB } });
    expect((await open.answer()).degraded).toContain('is open to others (mode 755)');
    expect(await open.answer()).toEqual({ loaded: 'first' });
  });

  it.each([
    ['is full', 'size=4k,mode=700', 'ENOSPC'],
    ['is read-only', 'ro,mode=700', 'EROFS'],
  ])('say so and go on if the directory %s', async (_, options, errno) => {
    mkdirSync(directory, { mode: 0o700 });
    const mounted = spawn('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
    expect(await once(mounted, 'exit')).toEqual([0, null]);
    try {
      if (errno === 'ENOSPC') writeFileSync(join(directory, 'filler'), Buffer.alloc(4096));
      const hindered = child();
      hindered.tell({ load: 'first', memoryGuard: { footprint: MiB } });
      expect((await hindered.answer()).degraded).toContain(errno);
      expect(await hindered.answer()).toEqual({ loaded: 'first' });
      await hindered.kill('SIGKILL');
    } finally {
      await once(spawn('umount', [directory]), 'exit');
    }
  });

  it('say so if there is no addon, and count alone', async () => {
    const alone = new LedgerChild({ ledger: { directory } }, undefined, { NEXA_MEMORY_GUARD_ADDON: 'off' });
    expect((await alone.answer()).degraded).toContain('Other processes are not seen');
    expect(await alone.ask({})).toMatchObject({ kind: 'process' });
  });

  it('pass over records that can’t be understood, and say so once', async () => {
    const first = child();
    await first.load('first', MiB);
    const addon = loadAddon();
    const { openSync, closeSync } = await import('node:fs');
    const strange = openSync(join(directory, '1-aaaaaaaaaaaa'), 'w+', 0o600);
    try {
      writeFileSync(strange, '00000000 {"format":99}\n');
      expect(addon?.locks?.tryLock(strange)).toBe(1);
      first.tell({ load: 'second', memoryGuard: { footprint: MiB } });
      expect((await first.answer()).degraded).toContain("can't be understood");
      expect(await first.answer()).toEqual({ loaded: 'second' });
      expect(await first.load('third', MiB)).toEqual({ loaded: 'third' });
    } finally {
      closeSync(strange);
    }
  });

  it('count the other threads of a process too', async () => {
    const door = new URL('../../dist/index.js', import.meta.url).href;
    const program = `
      const { workerData, parentPort } = require('node:worker_threads');
      import(${JSON.stringify(door)}).then(async ({ withMemoryGuard }) => {
        const sdk = { loadModel: async () => ({ dispose: async () => {} }) };
        const nexa = withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ledger: workerData });
        const before = nexa.guard.headroomBytes();
        globalThis.model = await nexa.loadModel('m', { memoryGuard: { footprint: 512 * 2 ** 20 } });
        parentPort.postMessage(before);
        setInterval(() => {}, 1000);
      });`;
    const workers: Worker[] = [];
    const run = async () => {
      const worker = new Worker(program, { eval: true, workerData: { directory } });
      workers.push(worker);
      return ((await once(worker, 'message')) as [number])[0];
    };
    try {
      const before = await run();
      const after = await run();
      expect(before - after).toBeGreaterThan(400 * MiB);
      await workers[0]?.terminate();
      const again = await run();
      expect(Math.abs(again - after)).toBeLessThan(200 * MiB);
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  });
});
