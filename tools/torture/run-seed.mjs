/** The child of a torture run: worlds of one seed on one engine, one after another, each told to the parent. It prints nothing. */
import { ftruncateSync, openSync, writeSync } from 'node:fs';
import { imagineStage } from './imagined-stage.mjs';
import { findKnown } from './known-violations.mjs';
import { seedOfWorld } from './random-source.mjs';
import { runWorld } from './run-world.mjs';

/** @typedef {import('./world.mjs').Violation} Violation */
/** @typedef {{ engine: import('./arguments.mjs').Engine, seed: number, seconds: number, faults: readonly string[], world?: number, past: readonly string[], logFile: string }} SeedTask */
/** @typedef {{ world: number, steps: number, known: Record<string, number>, violation?: Violation, tail: readonly string[], options: object }} WorldReport */

const task = /** @type {SeedTask} */ (JSON.parse(process.argv[2] ?? '{}'));
// What a crash leaves behind is read by the parent.
const log = openSync(task.logFile, 'w');

/** @param {import('./arguments.mjs').Engine} engine */
async function openStages(engine) {
  if (engine === 'fake') return { makeStage: async () => imagineStage(), close: async () => {} };
  throw new Error(`no engine ${engine}`);
}

const { makeStage, close } = await openStages(task.engine);
const endMs = performance.now() + task.seconds * 1000;
for (let world = task.world ?? 0; ; world++) {
  ftruncateSync(log);
  let at = writeSync(log, `world ${world}\n`, 0);
  /** @type {Record<string, number>} */
  const known = {};
  const result = await runWorld(seedOfWorld(task.seed, world), await makeStage(), {
    log: (line) => {
      at += writeSync(log, `${line}\n`, at);
    },
    faulty: task.faults.includes('sdk'),
    known(violation, done) {
      const id = task.past.includes(violation.invariant) ? violation.invariant : findKnown(violation, done)?.id;
      if (id !== undefined) known[id] = (known[id] ?? 0) + 1;
      return id !== undefined;
    },
  });
  const { steps, tail, options, violation } = result;
  /** @type {WorldReport} */
  const report = { world, steps, known, tail: violation ? tail : [], options, ...(violation && { violation }) };
  process.send?.(report);
  if (task.world !== undefined || performance.now() > endMs) break;
}
await close();
process.disconnect?.();
