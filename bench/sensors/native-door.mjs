/**
 * What the way from JavaScript to the native reader costs and saves, part by part: docs/decisions/0005-native-reader-door.md.
 * Needs `npm run compile`.
 */
import { loadAddon } from '../../lib/addon/load-addon.js';
import { NativeEngine } from '../../lib/sensors/linux/native-engine.js';
import { readProcessLimits } from '../../lib/sensors/linux/process-limits.js';
import { ProcfsEngine } from '../../lib/sensors/linux/procfs-engine.js';
import { resolvePlan } from '../../lib/sensors/linux/resolve-plan.js';
import { openReader } from '../../lib/sensors/open-reader.js';
import { measureRows, STRIDE, snapshotRows } from '../../lib/sensors/scope-rows.js';
import { measureInThreeLevels } from './three-levels.mjs';

/** Rounds in turn over all actions, so that what else runs on the machine falls on all of them. */
const ROUNDS = 1000;
/** Few enough that most rounds end before the scheduler takes the processor away. */
const CALLS = 20;

function measure() {
  const addon = loadAddon();
  if (!addon?.memoryFilesSupported) throw new Error('the addon is not built: npm run build:native');
  const plan = resolvePlan('', false, readProcessLimits(''));
  const native = new NativeEngine(addon, plan);
  const procfs = new ProcfsEngine(plan);
  const nothing = new addon.MemoryFiles([], new Int32Array(0), new Float64Array(STRIDE), false, undefined, undefined);
  const readers = { native: openReader({ prefer: 'native' }), procfs: openReader({ prefer: 'procfs' }) };
  native.read(true);
  const { rows } = native;
  console.log(
    `Scopes: ${plan.scopes.map(({ path }) => path).join(' > ')}; ${plan.files.length} files; ${process.version}`,
  );
  console.table(
    timeInTurn({
      'measure(), native': () => readers.native.measure(),
      'measure(), JavaScript': () => readers.procfs.measure(),
      'snapshot(), native': () => readers.native.snapshot(),
      'snapshot(), JavaScript': () => readers.procfs.snapshot(),
      'files of a measure, native': () => native.read(false),
      'files of a measure, JavaScript': () => procfs.read(false),
      'files of a snapshot, native': () => native.read(true),
      'files of a snapshot, JavaScript': () => procfs.read(true),
      'a call of the addon that reads nothing': () => nothing.read(false),
      'measureRows()': () => measureRows(rows, plan.scopes, false),
      'snapshotRows()': () => snapshotRows(rows, plan, 'native', 0),
    }),
  );
}

/** @param {Record<string, () => unknown>} actions */
function timeInTurn(actions) {
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(actions).map((name) => [name, []]));
  for (let round = -300; round < ROUNDS; round++) {
    for (const [name, action] of Object.entries(actions)) {
      const from = process.hrtime.bigint();
      for (let call = 0; call < CALLS; call++) action();
      const us = Number(process.hrtime.bigint() - from) / 1000 / CALLS;
      if (round >= 0) times[name]?.push(us);
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, all]) => {
      all.sort((a, b) => a - b);
      const at = (/** @type {number} */ share) =>
        Number((all[Math.floor(share * (all.length - 1))] ?? Number.NaN).toFixed(2));
      return [name, { 'least µs': at(0), 'median µs': at(0.5), 'rounds × calls': `${ROUNDS} × ${CALLS}` }];
    }),
  );
}

await measureInThreeLevels(import.meta.url, measure);
