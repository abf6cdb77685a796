/**
 * What evicting makes of swapping: six models, memory for three. By simulation over traces of nine kinds, beside the least recent, the largest
 * and the optimum that knows the trace; then once with the real engine in a control group, whether the guard does what the simulation says.
 *   npm run bench:eviction [-- --simulated] [-- --seeds 40]
 * The real part needs root and a memory controller. Ratios are times of reloads against the optimum's.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseEvictions } from '../../lib/policy/choose-evictions.js';
import { noteUse, rateUse } from '../../lib/policy/recent-use.js';
import { ControlGroup, whyNoControlGroups } from '../../tools/control-groups.mjs';
import { evictAsGuard } from '../../tools/swapping/guard-evictor.mjs';
import { LIMIT_BYTES, MODELS } from '../../tools/swapping/models.mjs';
import { compareWays, evictLargest, evictLeastRecent } from '../../tools/swapping/simulate.mjs';
import { KINDS, makeTrace } from '../../tools/swapping/traces.mjs';
import { OPTIONS, LIMIT_BYTES as REAL_LIMIT_BYTES, writeModels } from './setting.mjs';

/** @typedef {import('./program.mjs').Run} Run */
/** @typedef {import('../../tools/swapping/traces.mjs').Kind} Kind */

const REQUESTS = 300;
const { values } = parseArgs({
  options: { simulated: { type: 'boolean', default: false }, seeds: { type: 'string', default: '40' } },
});

/** @param {number} [minResidencyMs] */
const makeWays = (minResidencyMs) => ({
  guard: () => evictAsGuard({ noteUse, rateUse, chooseEvictions }, minResidencyMs),
  'least recent': evictLeastRecent,
  largest: evictLargest,
});
const WAYS = /** @type {const} */ (['optimum', 'guard', 'least recent', 'largest']);

console.log(`\nNode ${process.version}, ${os.cpus()[0]?.model}`);
simulateAll(Number(values.seeds));
if (!values.simulated) await runReal();

/** @param {number} seeds */
function simulateAll(seeds) {
  console.log(`\nSimulated: ${seeds} traces of each kind, ${REQUESTS} requests, six models, three or so fit`);
  /** @type {Record<string, Record<string, string | number>>} */
  const rows = {};
  const against = { traces: 0, aboveTwice: 0, aboveLeastRecent: 0, worst: 0, worstAgainst: 0 };
  for (const kind of /** @type {Kind[]} */ (Object.keys(KINDS))) {
    const sums = Object.fromEntries(WAYS.map((way) => [way, { loads: 0, reloads: 0, reloadMs: 0 }]));
    for (let seed = 1; seed <= seeds; seed++) {
      const trace = makeTrace(kind, seed, { models: MODELS.length, requests: REQUESTS });
      const outcomes = compareWays(trace, MODELS, LIMIT_BYTES, makeWays());
      for (const way of WAYS) {
        const sum = /** @type {{ loads: number, reloads: number, reloadMs: number }} */ (sums[way]);
        sum.loads += outcomes[way].loads / seeds;
        sum.reloads += outcomes[way].reloads / seeds;
        sum.reloadMs += outcomes[way].reloadMs / seeds;
      }
      const [ours, best, recent] = [outcomes.guard, outcomes.optimum, outcomes['least recent']].map((o) => o.reloadMs);
      note(against, /** @type {number} */ (ours), /** @type {number} */ (best), /** @type {number} */ (recent));
    }
    for (const way of WAYS) {
      const { loads, reloads, reloadMs } = /** @type {{ loads: number, reloads: number, reloadMs: number }} */ (
        sums[way]
      );
      rows[`${kind}: ${way}`] = {
        loads: Math.round(loads),
        reloads: Math.round(reloads),
        'lost s': Math.round(reloadMs / 1000),
        ratio: (reloadMs / /** @type {number} */ (sums['optimum']?.reloadMs)).toFixed(2),
      };
    }
  }
  console.table(rows);
  const { traces, aboveTwice, aboveLeastRecent, worst, worstAgainst } = against;
  console.log(
    `Of ${traces} traces the guard was above twice the optimum in ${aboveTwice} (at most ${worst.toFixed(2)} times),`,
  );
  console.log(`and above the least recent in ${aboveLeastRecent} (at most ${worstAgainst.toFixed(2)} times).`);
}

/** @param {{ traces: number, aboveTwice: number, aboveLeastRecent: number, worst: number, worstAgainst: number }} against @param {number} ours @param {number} best @param {number} recent */
function note(against, ours, best, recent) {
  against.traces += 1;
  if (ours > 2 * best) against.aboveTwice += 1;
  if (ours > recent) against.aboveLeastRecent += 1;
  against.worst = Math.max(against.worst, ours / best);
  against.worstAgainst = Math.max(against.worstAgainst, ours / recent);
}

async function runReal() {
  const reason = whyNoControlGroups();
  if (reason) {
    console.log(`\nNot run with the real engine: ${reason}`);
    return;
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'nexa-memory-guard-eviction-'));
  try {
    const files = writeModels(folder);
    /** @type {Record<string, Record<string, string | number>>} */
    const rows = {};
    for (const way of /** @type {const} */ (['guard', 'least recent', 'largest'])) {
      const run = await runWay(way, files);
      const again = run.loaded.filter((load) => load.again);
      const simulated = simulateRun(run, files.length);
      rows[way] = {
        loads: run.loaded.length,
        reloads: again.length,
        'reloads took s': (again.reduce((sum, { loadMs }) => sum + loadMs, 0) / 1000).toFixed(1),
        'requests were late s': (run.lostMs / 1000).toFixed(1),
        'loads, simulated': simulated[way].loads,
        'loads, optimum': simulated.optimum.loads,
      };
      if (way === 'guard') console.log(`\n${describeRate(run)}`);
    }
    console.log(`With the real engine, in a group of ${REAL_LIMIT_BYTES / 2 ** 20} MiB:`);
    console.table(rows);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} way @param {readonly string[]} files @returns {Promise<Run>} */
async function runWay(way, files) {
  const options = { limitBytes: REAL_LIMIT_BYTES };
  return await ControlGroup.use(`nexa-memory-guard-eviction-${process.pid}`, options, async (group) => {
    const program = fileURLToPath(new URL('program.mjs', import.meta.url));
    const child = group.spawn([process.execPath, program, way, ...files], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    /** @type {Run | undefined} */
    let run;
    child.on('message', (message) => {
      run = /** @type {Run} */ (message);
    });
    const [code, signal] = await once(child, 'close');
    if (code !== 0 || !run) throw new Error(`${way} ended with ${signal ?? code}.`);
    return run;
  });
}

/** What the simulation says of the requests as they came, with the bytes and the times of the loads as they were. @param {Run} run @param {number} count */
function simulateRun({ asked, loaded, roomBytes }, count) {
  const models = Array.from({ length: count }, (_, index) => {
    const loads = loaded.filter(({ model }) => model === index);
    const loadMs = loads.reduce((sum, load) => sum + load.loadMs, 0) / Math.max(1, loads.length);
    return { bytes: loads[0]?.bytes ?? 0, loadMs };
  });
  return compareWays(asked, models, roomBytes, makeWays(OPTIONS.minResidencyMs));
}

/** The line that comes closest to the reloads. @param {Run} run */
function describeRate({ loaded }) {
  const again = loaded.filter((load) => load.again);
  const points = again.map(({ bytes, loadMs }) => /** @type {const} */ ([bytes / 2 ** 20, loadMs]));
  const mean = (/** @type {0 | 1} */ which) => points.reduce((sum, point) => sum + point[which], 0) / points.length;
  const [mib, ms] = [mean(0), mean(1)];
  const slope =
    points.reduce((sum, [x, y]) => sum + (x - mib) * (y - ms), 0) /
    points.reduce((sum, [x]) => sum + (x - mib) ** 2, 0);
  return `${again.length} reloads took ${Math.round(ms - slope * mib)} ms and ${slope.toFixed(2)} ms for each MiB.`;
}
