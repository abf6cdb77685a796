/** What deciding under one lock costs with so many processes, how long it is held, and how soon a killed one no longer counts. Needs `npm run compile`. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MiB, withMemoryGuard } from 'nexa-memory-guard';
import { ControlGroup, whyNoControlGroups } from '../../tools/control-groups.mjs';
import { killChild } from '../../tools/kill-child.mjs';
import { findMedian, summarizeTimes } from '../../tools/timing.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'nexa-ledger-bench-'));
const directory = path.join(folder, 'ledger');
const HOLDER = fileURLToPath(new URL('./holder.mjs', import.meta.url));
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/** @param {number} bytes @param {boolean} decides @param {ControlGroup} [group] that is charged for every page of it */
async function startHolder(bytes = 0, decides = false, group) {
  const args = [directory, String(bytes), decides ? 'yes' : 'no'];
  const child = group
    ? group.spawn([process.execPath, HOLDER, ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
    : fork(HOLDER, args);
  children.add(child);
  child.once('exit', () => children.delete(child));
  await once(child, 'message');
  return child;
}

/** Microseconds for which this process held the section. @type {number[]} */
const heldUs = [];
// One module, whoever requires it: these are the locks of the guard.
const { locks } = createRequire(import.meta.url)('../../build/Release/nexa_memory_guard.node');
const { tryLock, unlock } = locks;
let lockedNs = 0n;
/** The number of the section's lock. */
const SECTION = 0;
locks.tryLock = (/** @type {number} */ file, /** @type {number} */ number) => {
  const answer = tryLock(file, number);
  if (number === SECTION) lockedNs = process.hrtime.bigint();
  return answer;
};
locks.unlock = (/** @type {number} */ file, /** @type {number} */ number) => {
  if (number === SECTION) heldUs.push(Number(process.hrtime.bigint() - lockedNs) / 1000);
  return unlock(file, number);
};

/** @param {string} _name @param {object} [_options] */
const loadModel = async (_name, _options) => ({ dispose: async () => {} });
const load = { memoryGuard: { footprint: 1 } };

/** Guarded loads less the SDK's own time, which is none. */
async function timeDecisions(/** @type {import('nexa-memory-guard').GuardOptions} */ options) {
  const nexa = withMemoryGuard({ loadModel }, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ...options });
  const times = [];
  for (let at = 0; at < 600; at++) {
    if (at === 100) heldUs.length = 0;
    const from = process.hrtime.bigint();
    const model = await nexa.loadModel('m', load);
    if (at >= 100) times.push(Number(process.hrtime.bigint() - from) / 1000);
    await model.dispose();
  }
  nexa.guard.close();
  if (heldUs.length === 0) return summarizeTimes(times);
  const held = summarizeTimes(heldUs.splice(0));
  return { ...summarizeTimes(times), 'lock held, median µs': held['median µs'], 'lock held, p99 µs': held['p99 µs'] };
}

/** How long after its memory was back a killed process still counted. @param {number} bytes @param {ControlGroup} group */
async function measureKill(bytes, group) {
  const nexa = withMemoryGuard({ loadModel }, { ledger: { directory } });
  nexa.guard.ledger.entries();
  const child = await startHolder(bytes, false, group);
  const counts = () => nexa.guard.ledger.entries().some(({ pid }) => pid === child.pid);
  if (!counts()) throw new Error('a process that holds a promise does not count');
  const killedMs = performance.now();
  child.kill('SIGKILL');
  let [backMs, forgottenMs] = [Number.NaN, Number.NaN];
  while (Number.isNaN(backMs) || Number.isNaN(forgottenMs)) {
    if (Number.isNaN(backMs) && group.readUsedBytes() < 8 * MiB) backMs = performance.now();
    if (Number.isNaN(forgottenMs) && !counts()) forgottenMs = performance.now();
  }
  await killChild(child);
  nexa.guard.close();
  return { backMs: backMs - killedMs, laterMs: forgottenMs - backMs };
}

async function showKills() {
  const whyNot = whyNoControlGroups();
  if (whyNot) return console.log(`Killed processes are left out: ${whyNot}.`);
  const group = ControlGroup.create(`nexa-memory-guard-ledger-${process.pid}`);
  console.log(
    'After SIGKILL (ms; the moment after which the group had less than 8 MiB, and when the entries were gone):',
  );
  /** @type {Record<string, unknown>} */
  const rows = {};
  try {
    for (const gib of [0.25, 1, 4]) {
      const times = [];
      for (let run = 0; run < 5; run++) times.push(await measureKill(gib * 1024 * MiB, group));
      const middle = (/** @type {number[]} */ all) => Number(findMedian(all).toFixed(1));
      rows[`${gib} GiB resident, 5 runs`] = {
        'memory back after': middle(times.map(({ backMs }) => backMs)),
        'no longer counted, later by (median)': middle(times.map(({ laterMs }) => laterMs)),
        worst: Number(Math.max(...times.map(({ laterMs }) => laterMs)).toFixed(1)),
      };
    }
    console.table(rows);
  } finally {
    for (const child of [...children]) await killChild(child);
    await group.remove();
  }
}

try {
  console.log(
    'A guarded load from call to model, by how many other processes hold something, and for how long of it the others wait:',
  );
  /** @type {Record<string, unknown>} */
  const rows = { "ledger: 'process'": await timeDecisions({ ledger: 'process' }) };
  for (const others of [0, 1, 3, 7]) {
    while (children.size < others) await startHolder();
    rows[`shared, ${others} others`] = await timeDecisions({ ledger: { directory } });
  }
  for (const child of [...children]) await killChild(child);
  await startHolder(0, true);
  await startHolder(0, true);
  rows['shared, 2 others that decide all the time'] = await timeDecisions({ ledger: { directory } });
  for (const child of [...children]) await killChild(child);
  console.table(rows);

  await showKills();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
