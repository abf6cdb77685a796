/**
 * What the Windows addon must do, in a program for `node.exe` alone: `node win32.mjs RESULTS`. Under wine nothing can be printed
 * to a pipe, so the results go to a file, one JSON line for each check. Wine keeps no job limits: none is asked for here.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describeAddonProblem, loadAddon } from '../../src/addon/load-addon.ts';
import { NexaSDK, withMemoryGuard } from '../../src/index.ts';
import { openReader } from '../../src/sensors/open-reader.ts';

const results = /** @type {string} */ (process.argv[2]);
const role = process.argv[3];
const MiB = 2 ** 20;

/** @typedef {import('../../src/addon/addon.ts').Addon} Addon */
const addon = /** @type {Addon} */ (loadAddon());
const locks = /** @type {NonNullable<Addon['locks']>} */ (addon?.locks);

/** @param {string} name @param {() => unknown} body */
async function check(name, body) {
  try {
    await body();
    appendFileSync(results, `${JSON.stringify({ name, passed: true })}\n`);
  } catch (error) {
    appendFileSync(results, `${JSON.stringify({ name, passed: false, error: inspect(error) })}\n`);
  }
}

/** Another node.exe that runs this file in `role` until it is killed; resolves when it has made the file `ready`. @param {string[]} args @param {string} ready */
async function other(args, ready) {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), results, ...args], {
    stdio: 'ignore',
  });
  for (let waited = 0; !existsSync(ready) && waited < 60_000; waited += 50) await sleep(50);
  assert.ok(existsSync(ready), 'the other process did not get ready');
  return async () => {
    child.kill();
    await once(child, 'exit');
  };
}

const sdk = () => ({
  loadModel: async (/** @type {string} */ _name, /** @type {object} */ _options) => ({ dispose() {} }),
});
/** @param {string} directory */
const guarded = (directory) =>
  withMemoryGuard(sdk(), { ledger: { directory }, minFreeBytes: 0, minFreeRatioAfterLoad: 0 });

if (role === 'lock') {
  const [file, ready] = /** @type {[string, string]} */ (process.argv.slice(4));
  if (locks.tryLock(openSync(file, 'r+'), 0) === 1) writeFileSync(ready, '');
  setInterval(() => {}, 1000);
} else if (role === 'load') {
  const [directory, bytes, ready] = /** @type {[string, string, string]} */ (process.argv.slice(4));
  await guarded(directory).loadModel('first', { memoryGuard: { footprint: Number(bytes) } });
  writeFileSync(ready, '');
  setInterval(() => {}, 1000);
} else {
  const place = mkdtempSync(join(dirname(results), 'win32-'));
  await checks(place);
  rmSync(place, { recursive: true, force: true });
  appendFileSync(results, `${JSON.stringify({ name: 'end', passed: true })}\n`);
}

/** @param {string} place */
async function checks(place) {
  await check('the addon is found and loaded', () => {
    assert.equal(describeAddonProblem(), undefined);
    assert.equal(addon.memoryFilesSupported, false);
    for (const name of ['readMachine', 'PressureWatch', 'locks']) assert.ok(name in addon, name);
  });

  await check("the figures are the system's", () => {
    const reader = openReader();
    const { scopes, source, precise, totalBytes, availableBytes } = reader.snapshot();
    assert.deepEqual([source, precise], ['native', true]);
    assert.deepEqual(
      scopes.map(({ kind }) => kind),
      ['host', 'commit'],
    );
    assert.equal(scopes[0]?.limitBytes, totalmem());
    assert.ok(Math.abs((scopes[0]?.availableBytes ?? 0) - freemem()) < 2048 * MiB);
    assert.ok(availableBytes > 0 && availableBytes <= totalBytes);
    assert.deepEqual(reader.scopeKeys?.(), ['host', 'commit']);
    reader.close();
  });

  await check('a wrong argument is a TypeError', () => {
    assert.throws(() => addon.readMachine?.(new Float64Array(3)), TypeError);
    assert.throws(() => addon.readMachine?.(/** @type {any} */ (undefined)), TypeError);
    assert.throws(() => new /** @type {any} */ (addon.PressureWatch)(1), TypeError);
  });

  await check('a lock keeps others out and keeps nobody from reading', () => {
    const file = join(place, 'locked');
    writeFileSync(file, 'what is told');
    const [first, second] = [openSync(file, 'r+'), openSync(file, 'r+')];
    assert.equal(locks.ask(second, 0, 1), 1);
    assert.equal(locks.tryLock(first, 0), 1);
    assert.equal(locks.ask(second, 0, 1), 0);
    assert.equal(locks.tryLock(second, 0), 0);
    assert.equal(readFileSync(file, 'utf8'), 'what is told');
    // Another number is another lock, and a range says whether any in it is held.
    assert.equal(locks.tryLock(second, 1030), 1);
    assert.equal(locks.ask(first, 1024, 256), 0);
    assert.equal(locks.ask(first, 1031, 225), 1);
    assert.equal(locks.unlock(second, 1030), 1);
    assert.equal(locks.ask(first, 1024, 256), 1);
    assert.equal(locks.unlock(first, 0), 1);
    assert.equal(locks.tryLock(second, 0), 1);
    closeSync(second);
    assert.equal(locks.ask(first, 0, 1), 1);
    closeSync(first);
    assert.ok(locks.tryLock(first, 0) < 0);
  });

  await check('a lock is waited for in a line', async () => {
    const file = join(place, 'waited-for');
    writeFileSync(file, Buffer.alloc(64));
    const [first, second] = [openSync(file, 'r+'), openSync(file, 'r+')];
    assert.equal(locks.tryLock(first, 0), 1);
    /** @type {() => void} */
    let wake = () => {};
    const told = new Promise((resolve) => {
      wake = () => resolve(undefined);
    });
    const queue = new locks.LockQueue(second, 0, () => wake(), 32, 4711);
    queue.join(true);
    assert.equal(queue.take(), 0);
    locks.unlock(first, 0);
    let answer = 0;
    await told;
    for (let tries = 0; answer !== 1 && tries < 500; tries++) {
      answer = queue.take();
      await sleep(1);
    }
    assert.equal(answer, 1);
    assert.equal(locks.ask(first, 0, 1), 0);
    assert.equal(readFileSync(file).readDoubleLE(32), 4711);
    queue.release();
    assert.equal(locks.tryLock(first, 0), 1);
    queue.close();
    closeSync(second);
    closeSync(first);
  });

  await check('a lock ends with the process that held it', async () => {
    const file = join(place, 'held');
    writeFileSync(file, '');
    const end = await other(['lock', file, join(place, 'held-ready')], join(place, 'held-ready'));
    const descriptor = openSync(file, 'r+');
    assert.equal(locks.ask(descriptor, 0, 1), 0);
    await end();
    let answer = 0;
    for (let tries = 0; answer !== 1 && tries < 100; tries++) {
      answer = locks.ask(descriptor, 0, 1);
      await sleep(20);
    }
    assert.equal(answer, 1);
    closeSync(descriptor);
  });

  await check('processes count each other in the shared ledger', async () => {
    const directory = join(place, 'ledger');
    const reader = openReader();
    const { availableBytes } = reader.measure();
    const bytes = Math.floor(availableBytes * 0.6);
    const ready = join(place, 'load-ready');
    const end = await other(['load', directory, String(bytes), ready], ready);
    const nexa = guarded(directory);
    await assert.rejects(nexa.loadModel('second', { memoryGuard: { footprint: bytes } }), {
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    const small = await nexa.loadModel('small', { memoryGuard: { footprint: MiB } });
    small.dispose();
    await end();
    let second;
    for (let tries = 0; !second && tries < 100; tries++) {
      await sleep(20);
      second = await nexa.loadModel('second', { memoryGuard: { footprint: bytes } }).catch(() => undefined);
    }
    assert.ok(second, 'what the other process was promised outlived it');
    second.dispose();
    nexa.guard.close();
    reader.close();
  });

  await check('a watch of pressure opens, closes, and keeps nothing alive', async () => {
    const { PressureWatch } = addon;
    assert.ok(PressureWatch);
    for (let times = 0; times < 20; times++) new PressureWatch(() => {}).close();
    const open = new PressureWatch(() => {});
    await sleep(10);
    open.close();
    open.close();
    new PressureWatch(() => {}); // left to the end of the process
  });

  await check('memory is given back', async () => {
    assert.equal(await addon.trimHeap(), true);
    const file = join(place, 'cached');
    writeFileSync(file, Buffer.alloc(MiB));
    assert.equal(await addon.dropPageCache(file), true);
    assert.equal(await addon.dropPageCache(join(place, 'no such file')), false);
  });

  await check("the SDK's library is looked for, loaded, and refused where it is another one", async () => {
    const initialize = (/** @type {string} */ libraryPath) => NexaSDK.initialize({ runtime: 'nexa', libraryPath });
    await assert.rejects(initialize(join(place, 'nexa_bridge.dll')), { code: 'ERR_RUNTIME_NOT_FOUND' });
    writeFileSync(join(place, 'geniex.dll'), 'no library');
    await assert.rejects(initialize(join(place, 'geniex.dll')), /error \d+/);
    const system = join(process.env['SystemRoot'] ?? 'C:\\windows', 'system32', 'kernel32.dll');
    await assert.rejects(initialize(system), { code: 'ERR_RUNTIME_ABI' });
  });

  await check('workers that end while they read leave a library that works', async () => {
    const program = `
      const { parentPort } = require('node:worker_threads');
      import(${JSON.stringify(new URL('../../src/addon/load-addon.ts', import.meta.url).href)}).then(({ loadAddon }) => {
        const { readMachine } = loadAddon();
        const figures = new Float64Array(16);
        for (let at = 0; at < 1000; at++) readMachine(figures);
        parentPort.postMessage(figures[0]);
        for (;;) readMachine(figures);
      });`;
    for (let times = 0; times < 3; times++) {
      const worker = new Worker(program, { eval: true });
      const [total] = await once(worker, 'message');
      assert.equal(total, totalmem());
      await worker.terminate();
    }
    const reader = openReader();
    assert.equal(reader.measure().totalBytes > 0, true);
    reader.close();
  });
}
