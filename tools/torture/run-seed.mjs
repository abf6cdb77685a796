/** The child of a torture run: worlds of one seed on one engine, one after another, each told to the parent. It prints nothing. */
import { ftruncateSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { imagineStage } from './imagined-stage.mjs';
import { MemoryStage } from './memory-stage.mjs';
import { seedOfWorld } from './random-source.mjs';
import { runWorld } from './run-world.mjs';
import { warmUp } from './warm-up.mjs';

/** @typedef {import('./world.mjs').Violation} Violation */
/**
 * @typedef {object} SeedTask
 * @property {import('./arguments.mjs').Engine} engine
 * @property {number} seed
 * @property {number} seconds
 * @property {readonly string[]} faults
 * @property {number | undefined} world the only one
 * @property {number} first world of those that run
 * @property {readonly string[]} past invariants whose breach is counted as known
 * @property {string} folder for whatever it writes
 * @property {string} logFile that gets the steps of the world that runs: what a crash leaves behind is read by the parent
 * @property {readonly ConstructorParameters<typeof import('../control-groups.mjs').ControlGroup>[0][]} groups in which the process may be
 */
/** @typedef {{ world: number, steps: number, known: Record<string, number>, violation?: Violation, tail: readonly string[], options: object }} WorldReport */

// Those of now: later ones may be made to fail.
const write = writeSync;
const task = /** @type {SeedTask} */ (JSON.parse(process.argv[2] ?? '{}'));
const log = openSync(task.logFile, 'w');

await warmUp();
if (task.engine === 'llama') await writeModel(path.join(task.folder, 'model.gguf'));
const endMs = performance.now() + task.seconds * 1000;
for (let world = task.first; ; world++) {
  process.send?.(await runOne(world));
  if (task.world !== undefined || performance.now() > endMs) break;
}
process.exit(0);

/** @param {string} file */
async function writeModel(file) {
  const { writeLanguageModel } = await import('../synthetic-model.mjs');
  writeLanguageModel(file, { layers: 1, ffn: 256, quantization: 'Q4_0' });
}

/** @param {number} world @returns {Promise<WorldReport>} */
async function runOne(world) {
  ftruncateSync(log);
  let at = write(log, `world ${world}\n`, 0);
  /** @type {Record<string, number>} */
  const known = {};
  const { steps, tail, options, violation } = await runWorld(seedOfWorld(task.seed, world), await makeStage(world), {
    log: (line) => {
      at += write(log, `${line}\n`, at);
    },
    faulty: task.faults.includes('sdk') && task.engine !== 'llama',
    known(violation) {
      const id = task.past.includes(violation.invariant) ? violation.invariant : undefined;
      if (id !== undefined) known[id] = (known[id] ?? 0) + 1;
      return id !== undefined;
    },
  });
  return { world, steps, known, tail: violation ? tail : [], options, ...(violation && { violation }) };
}

/** @param {number} world @returns {Promise<import('./imagined-stage.mjs').Stage>} */
async function makeStage(world) {
  if (task.engine === 'fake') return imagineStage();
  const { folder, groups, faults } = task;
  const place = /** @type {const} */ ([path.join(folder, `world-${world}`), groups, faults, world]);
  if (task.engine === 'memory') return new MemoryStage(...place);
  const { chooseEngine, EngineStage } = await import('./engine-stage.mjs');
  const { openEngine } = await import('./engines.mjs');
  const engine = chooseEngine(world);
  const file = path.join(folder, 'model.gguf');
  return new EngineStage(engine, await openEngine(engine, file), file, ...place);
}
