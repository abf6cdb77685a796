/** The ledger between real processes: who is counted, where, and for how long. The SDK is a fake; locks and groups are real. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { FILE_NAME, LedgerFile } from '../../src/ledger/ledger-file.ts';
import { LOCK } from '../../src/ledger/ledger-members.ts';
import { type ControlGroup, createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { LedgerChild } from '../support/ledger-child.ts';
import { locks } from '../support/ledger-places.ts';
import { runProgram } from '../support/run-program.ts';

const whyNot = locks ? whyNoControlGroups() : 'the addon has no locks here';
if (whyNot) console.log(`skipped: the ledger between processes, since ${whyNot}`);

const LIMIT = 1024 * MiB;
let directory: string;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'nexa-ledger-')), 'ledger');
});

afterEach(() => {
  // A child may be ending still, and make its file anew in the middle of this.
  rmSync(join(directory, '..'), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
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
    expect((await second.ask({})).entries).toMatchObject([{ label: 'second' }]);
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
       const file = fs.openSync(${JSON.stringify(join(directory, 'nexa-ledger'))}, 'r+');
       if (require(${JSON.stringify(addon)}).locks.tryLock(file, 0) !== 1) process.exit(1);
       fs.writeSync(file, Float64Array.of(process.pid, 1), 0, 16, 32);
       console.log('locked');
       setInterval(() => {}, 1000);`,
    ]);
    try {
      await once(holder.stdout, 'data');
      holder.kill('SIGSTOP');
      waiting.tell({ load: 'second', memoryGuard: { footprint: MiB } });
      expect((await waiting.answer()).degraded).toContain(`locked, last by process ${holder.pid}`);
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

  /** It is told and refused, or told and let in alone. */
  async function expectFailure(found: string): Promise<void> {
    const refused = child();
    refused.tell({ load: 'first', memoryGuard: { footprint: MiB } });
    expect((await refused.answer()).degraded).toContain(found);
    expect(await refused.answer()).toMatchObject({ refused: 'first', code: 'ERR_LEDGER' });
    const alone = child(undefined, { onLedgerFailure: 'alone' });
    alone.tell({ load: 'first', memoryGuard: { footprint: MiB } });
    expect((await alone.answer()).degraded).toContain(found);
    expect(await alone.answer()).toEqual({ loaded: 'first' });
    await refused.kill('SIGKILL');
    await alone.kill('SIGKILL');
  }

  it('refuse loads and say so if the directory is a link or open to others', async () => {
    const elsewhere = join(directory, '..', 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    symlinkSync(elsewhere, directory);
    await expectFailure('is a symbolic link');
    rmSync(directory);
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    await expectFailure('is open to others (mode 755)');
  });

  it('refuse loads and say so while a record is not understood', async () => {
    const first = child();
    await first.load('first', MiB);
    const file = LedgerFile.open(join(directory, FILE_NAME));
    expect(locks.tryLock(file.descriptor, LOCK.lives + 99)).toBe(1);
    file.writeRecord(99, undefined, Buffer.from('{"format":99}'));
    first.tell({ load: 'second', memoryGuard: { footprint: MiB } });
    expect((await first.answer()).degraded).toContain('damaged or written by a newer version');
    expect(await first.answer()).toMatchObject({ refused: 'second', code: 'ERR_LEDGER' });
    expect(await first.load('third', MiB)).toMatchObject({ refused: 'third', code: 'ERR_LEDGER' });
    file.close();
    expect(await first.load('fourth', MiB)).toEqual({ loaded: 'fourth' });
  });

  /** Runs `body` while a file system of these options lies in the directory. */
  async function mounted(options: string, body: () => Promise<void>): Promise<void> {
    mkdirSync(directory, { mode: 0o700 });
    const mount = spawn('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
    expect(await once(mount, 'exit')).toEqual([0, null]);
    try {
      await body();
    } finally {
      await once(spawn('umount', ['-l', directory]), 'exit');
    }
  }

  it('refuse loads and say so if the directory is full when they come', () =>
    mounted('size=32k,mode=700', async () => {
      await expectFailure('found room for 12288');
      expect(readdirSync(directory)).toEqual(['nexa-ledger']);
      expect(LedgerFile.open(join(directory, FILE_NAME)).listUsed()).toEqual([]);
    }));

  it('tell everything they hold in a directory that is full since they came', () =>
    mounted('size=256k,mode=700', async () => {
      const [first, second] = [child(), child()];
      await first.load('first', MiB);
      await second.load('second', MiB);
      const filler = openSync(join(directory, 'filler'), 'w');
      expect(() => {
        for (;;) writeSync(filler, Buffer.alloc(4096));
      }).toThrow('ENOSPC');
      closeSync(filler);
      for (let times = 0; times < 30; times++) {
        const label = `${times} ${'x'.repeat(150)}`;
        expect(await first.load(label, MiB)).toEqual({ loaded: label });
      }
      expect((await second.ask({})).entries).toHaveLength(32);
      await first.kill('SIGKILL');
      await second.kill('SIGKILL');
    }));

  it('refuse loads and say so if the directory is read-only here: others may write to it', () =>
    mounted('ro,mode=700', () => expectFailure('EROFS')));

  it('go on counting when a process has no descriptor left, and refuse it if it comes only then', async () => {
    const shared = group();
    const other = child(shared);
    await other.load('other', 600 * MiB);
    const given = JSON.stringify({ ledger: { directory }, minFreeRatioAfterLoad: 0, minFreeBytes: 0 });
    const body = `
      import { openSync } from 'node:fs';
      const sdk = { loadModel: async () => ({ dispose: async () => {} }) };
      const nexa = door.withMemoryGuard(sdk, ${given});
      const load = (bytes) =>
        nexa.loadModel('m', { memoryGuard: { footprint: bytes } }).then(() => 'loaded', ({ code }) => code);
      const fill = () => { try { for (;;) openSync('/dev/null'); } catch ({ code }) { return code; } };
      const answers = [];
      if (process.env.EARLY) answers.push(await load(2 ** 20));
      answers.push(fill(), await load(600 * 2 ** 20), await load(2 ** 20));
      console.log(JSON.stringify(answers));
      process.exit();`;
    const run = async (env: NodeJS.ProcessEnv) => {
      const { stdout, stderr } = await runProgram(body, { group: shared, descriptors: 128, env });
      expect(stderr).toBe('');
      return JSON.parse(stdout);
    };
    expect(await run({ EARLY: '1' })).toEqual(['loaded', 'EMFILE', 'ERR_INSUFFICIENT_MEMORY', 'loaded']);
    // The machine can't be read either.
    expect(await run({ EARLY: '' })).toEqual([
      'EMFILE',
      expect.stringMatching(/^ERR_/),
      expect.stringMatching(/^ERR_/),
    ]);
  });

  it('say so if there is no addon, and count alone', async () => {
    const alone = new LedgerChild({ ledger: { directory } }, undefined, { NEXA_MEMORY_GUARD_ADDON: 'off' });
    expect((await alone.answer()).degraded).toContain('Other processes are not seen');
    expect(await alone.ask({})).toMatchObject({ kind: 'process' });
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
