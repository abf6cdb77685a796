/**
 * Whose bytes pay for what was reserved: real memory in a real control group of 1 GiB. What a program takes beside its model must let nobody
 * in, and what a load takes must let others in as soon as it is taken. Needs `dist/`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { GiB } from '../../src/core/bytes.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { runProgram } from '../support/run-program.ts';

const whyNot = whyNoControlGroups() ?? (loadAddon()?.LoadMeter ? undefined : 'the addon is not built');
if (whyNot !== undefined) console.warn(`Whose bytes pay is not tested under a limit: ${whyNot}.`);

/** Allocators, stacks and code of a process: what is counted in MiB may differ by so much. */
const NOISE_MIB = 16;

/**
 * An SDK whose models lie in a thread of its own, so that they are native memory for the thread that loads: `mib`, of which `lazy` ones are
 * touched at the first answer, as compute buffers are. A load that has `until` touches one half and waits for that before the other.
 */
const PRELUDE = `
import { Worker } from 'node:worker_threads';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
const MiB = 2 ** 20;
const SOURCE = \`
const { parentPort } = require('node:worker_threads');
const kept = new Map();
parentPort.on('message', async ({ id, make, from, to, heap, free, call }) => {
  if (make) kept.set(id, new Uint8Array(make));
  if (to) kept.get(id).fill(1, kept.get(id).length * from, kept.get(id).length * to);
  if (heap) kept.set(id, Array.from({ length: heap / 8e6 }, (_, part) => Array.from({ length: 1e6 }, (_, at) => at + part + 0.5)));
  if (free) { kept.delete(id); gc(); gc(); }
  parentPort.postMessage(call);
});\`;
function startThread() {
  const worker = new Worker(SOURCE, { eval: true, execArgv: [] });
  worker.unref();
  const asked = new Map();
  worker.on('message', (call) => asked.get(call)());
  let calls = 0;
  return (message) => new Promise((resolve) => {
    worker.ref();
    asked.set(++calls, () => { worker.unref(); resolve(); });
    worker.postMessage({ ...message, call: calls });
  });
}
const engine = startThread();
const sdk = {
  ids: 0,
  async loadModel(_name, { mib, lazy = false, until }) {
    const id = ++sdk.ids;
    const touch = (from, to) => engine({ id, from, to });
    await engine({ id, make: mib * MiB });
    if (!lazy) await touch(0, 0.5);
    await until;
    if (!lazy) await touch(0.5, 1);
    return { generate: () => touch(0, 1), dispose: () => engine({ id, free: true }) };
  },
};
const wrap = (options = {}) => door.withMemoryGuard(sdk, { ledger: 'process', minFreeBytes: '100 MiB', ...options });
const load = (nexa, mib, more) => nexa.loadModel('m', { mib, ...more, memoryGuard: { footprint: mib * MiB } });
/** What is counted as still to come, in MiB. */
const toCome = ({ guard }) => Math.round((guard.snapshot().availableBytes - guard.headroomBytes()) / MiB);
const untilToCome = async (nexa, mib) => { while (Math.abs(toCome(nexa) - mib) > 8) await sleep(10); };
const results = {};
const growHeap = (mib) => { globalThis.grown = Array.from({ length: mib / 8 }, (_, part) => Array.from({ length: 1e6 }, (_, at) => at + part + 0.5)); };
`;

async function run(body: string, group = createControlGroup(1 * GiB)) {
  const ended = await runProgram(`${PRELUDE}\n${body}\nconsole.log(JSON.stringify(results));\nprocess.exit(0);`, {
    group,
    flags: ['--expose-gc'],
    timeoutMs: 60_000,
  });
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  return JSON.parse(ended.stdout) as Record<string, number>;
}

describe.skipIf(whyNot !== undefined)('a model that is loaded, and touches its memory at its first answer', () => {
  it.each([
    ['a worker’s heap', 'await startThread()({ id: 1, heap: 300 * MiB })'],
    ['another native library', 'await startThread()({ id: 1, make: 300 * MiB, from: 0, to: 1 })'],
    ['the program’s own heap', 'growHeap(300)'],
    ['array buffers', 'globalThis.grown = Buffer.alloc(300 * MiB, 1)'],
  ])('is owed all of it while %s grows, and the next load is refused', { timeout: 60_000 }, async (_, grow) => {
    const results = await run(`
      const nexa = wrap();
      const model = await load(nexa, 400, { lazy: true });
      results.before = toCome(nexa);
      ${grow};
      results.after = toCome(nexa);
      results.refused = await load(nexa, 250).then(() => 0, ({ code }) => Number(code === 'ERR_INSUFFICIENT_MEMORY'));
      await model.generate();
      results.settled = toCome(nexa);
    `);
    expect(results).toMatchObject({ refused: 1, settled: 0 });
    for (const toCome of [results['before'], results['after']]) expect(Math.abs(toCome! - 400)).toBeLessThan(NOISE_MIB);
  });
});

describe.skipIf(whyNot !== undefined)('a load that takes what was reserved', () => {
  it('counts once as soon as it is done', { timeout: 60_000 }, async () => {
    const { taken, lazy } = await run(`
      const nexa = wrap();
      globalThis.first = await load(nexa, 300);
      results.taken = toCome(nexa);
      globalThis.second = await load(nexa, 200, { lazy: true });
      results.lazy = toCome(nexa) - results.taken;
    `);
    expect(taken).toBeLessThan(NOISE_MIB);
    expect(Math.abs(lazy! - 200)).toBeLessThan(NOISE_MIB);
  });

  it('leaves the same headroom through ten loads and disposals of another model, though it is never used', {
    timeout: 60_000,
  }, async () => {
    const { lowest, highest, admitted, toCome } = await run(`
      const nexa = wrap();
      globalThis.model = await load(nexa, 250);
      const headrooms = [];
      for (let cycle = 0; cycle < 10; cycle++) {
        headrooms.push(nexa.guard.headroomBytes() / MiB);
        const other = await load(nexa, 300);
        await other.dispose();
        await sleep(50);
      }
      results.admitted = headrooms.length;
      headrooms.push(nexa.guard.headroomBytes() / MiB);
      [results.lowest, results.highest] = [Math.min(...headrooms), Math.max(...headrooms)];
      results.toCome = toCome(nexa);
    `);
    expect(admitted).toBe(10);
    expect(toCome).toBeLessThan(NOISE_MIB);
    expect(highest! - lowest!).toBeLessThan(NOISE_MIB);
  });

  it('counts once while it lasts, beside a heap that grows', { timeout: 60_000 }, async () => {
    const { halfway, done } = await run(`
      const nexa = wrap();
      let go;
      const until = new Promise((resolve) => { go = resolve; });
      const loading = load(nexa, 400, { until });
      await untilToCome(nexa, 200);
      growHeap(200);
      await sleep(500);
      results.halfway = toCome(nexa);
      go();
      await loading;
      results.done = toCome(nexa);
    `);
    expect(Math.abs(halfway! - 200)).toBeLessThan(NOISE_MIB);
    expect(done).toBeLessThan(NOISE_MIB);
  });

  it('is told to another process while it lasts, and a heap that grows is not', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-whose-bytes-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [ledger, grown, seen] = ['ledger', 'grown', 'seen'].map((name) => JSON.stringify(join(folder, name)));
    const group = createControlGroup(1 * GiB);
    const wait = (file: string | undefined) => `while (!existsSync(${file})) await sleep(20);`;
    const [, peer] = await Promise.all([
      run(
        `const nexa = wrap({ ledger: { directory: ${ledger} } });
        globalThis.model = await load(nexa, 200, { lazy: true });
        const until = (async () => { ${wait(seen)} })();
        const loading = load(nexa, 200, { until });
        await untilToCome(nexa, 300);
        growHeap(300);
        await sleep(200);
        writeFileSync(${grown}, '');
        await loading;`,
        group,
      ),
      run(
        `${wait(grown)}
        const { guard } = wrap({ ledger: { directory: ${ledger} } });
        results.toCome = toCome({ guard });
        writeFileSync(${seen}, '');`,
        group,
      ),
    ]);
    // 200 MiB are untouched, and so is the second half of the other 200.
    expect(Math.abs(peer['toCome']! - 300)).toBeLessThan(NOISE_MIB);
  });
});

describe.skipIf(whyNot !== undefined)('an SDK whose models are array buffers', () => {
  const body = (adapter: string) => `
    const buffers = { async loadModel(_name, { mib, untouched }) { return { held: untouched ? new Uint8Array(mib * MiB) : Buffer.alloc(mib * MiB, 1) }; } };
    const nexa = door.withMemoryGuard(buffers, { ledger: 'process', minFreeBytes: '100 MiB', adapter: ${adapter} });
    const kept = [await load(nexa, 200)];
    results.taken = toCome(nexa);
    kept.push(await load(nexa, 100, { untouched: true }));
    results.untouched = toCome(nexa) - results.taken;
    results.both = kept.length;
  `;

  it('pays by them if it says so, and not by what it leaves untouched', { timeout: 60_000 }, async () => {
    const { taken, untouched } = await run(body(`{ modelsLiveIn: 'javascript' }`));
    expect(taken).toBeLessThan(NOISE_MIB);
    expect(Math.abs(untouched! - 100)).toBeLessThan(NOISE_MIB);
  });

  it('pays for nothing by them otherwise: they may be the program’s', { timeout: 60_000 }, async () => {
    const { taken, untouched } = await run(body('{}'));
    expect(Math.abs(taken! - 200)).toBeLessThan(NOISE_MIB);
    expect(Math.abs(untouched! - 100)).toBeLessThan(NOISE_MIB);
  });
});
