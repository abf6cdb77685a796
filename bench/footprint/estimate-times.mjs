// What an estimate costs: by our own arithmetic, by an engine in a new process, in one that waits, and by an answer that is on disk.
//   npm run compile && node bench/footprint/estimate-times.mjs
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findLlamaNodeFiles } from '../../lib/adapters/find-engine-files.js';
import { startChild } from '../../lib/children/start-child.js';
import { AnswerStore } from '../../lib/footprint/engine/answer-store.js';
import { EngineAsker } from '../../lib/footprint/engine/engine-asker.js';
import { ASK_ROLE } from '../../lib/footprint/engine/question-message.js';
import { openEstimator } from '../../lib/footprint/estimator.js';
import { writeModel } from '../../tools/architectures.mjs';
import { fullLanguage, writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { findQuantile } from '../../tools/timing.mjs';

/** @typedef {Awaited<ReturnType<typeof openEstimator>>} Estimator */
/** @typedef {import('../../lib/core/engine-files.js').EngineFiles} EngineFiles */

const RUNS = 15;
const CHILD = fileURLToPath(new URL('../../dist/child.js', import.meta.url));
const SHAPE = { contextSize: 8192 };

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-asking-'));
const engine = /** @type {EngineFiles} */ (await findLlamaNodeFiles());
try {
  const small = path.join(folder, 'small.gguf');
  writeModel(small, { architecture: 'llama', heads: 8, kvHeads: 4, vocab: 512 });
  const large = path.join(folder, 'large.gguf');
  writeLanguageModel(large, { ...fullLanguage, quantization: 'Q4_K_M' });
  console.log('| what, in ms | 4 layers, 512 tokens of vocabulary | 32 layers, 156,032 tokens |\n| --- | --- | --- |');
  await printTimes('our own arithmetic', (file) => measureOwn(file));
  await printTimes('an engine in a new process', (file) => measureAsked(file, {}));
  await printTimes('an engine in a process that waits', (file) => measureWaiting(file));
  const store = new AnswerStore(path.join(folder, 'kept'));
  await printTimes(
    'an answer on disk',
    (file) => measureAsked(file, { store: new AnswerStore(path.join(folder, 'kept')) }),
    store,
  );

  /** @param {string} what @param {(file: string) => Promise<number>} measure @param {AnswerStore} [before] is to have the answers */
  async function printTimes(what, measure, before) {
    const cells = [];
    for (const file of [small, large]) {
      if (before) await measureAsked(file, { store: before });
      // An answer is written after it is given.
      await setTimeout(100);
      /** @type {number[]} */
      const times = [];
      for (let run = 0; run < RUNS; run++) times.push(await measure(file));
      const [median, best, worst] = [0.5, 0, 0.999].map((quantile) => findQuantile(times, quantile).toFixed(1));
      cells.push(`${median} (${best} … ${worst})`);
    }
    console.log(`| ${[what, ...cells].join(' | ')} |`);
  }
} finally {
  fs.rmSync(folder, { recursive: true });
}

/** The header is read for each, as for the asked ones. @param {string} file */
async function measureOwn(file) {
  const estimator = await openEstimator(file);
  const startMs = performance.now();
  estimator.estimate(SHAPE);
  return performance.now() - startMs;
}

/** @param {string} file @param {{ store?: AnswerStore }} parts */
async function measureAsked(file, parts) {
  const asker = makeAsker(parts);
  const estimator = await openEstimator(file, undefined, { ask: (asked) => asker.ask(engine, asked) });
  const startMs = performance.now();
  await ask(estimator, SHAPE.contextSize);
  const tookMs = performance.now() - startMs;
  asker.close();
  return tookMs;
}

/** @param {string} file */
async function measureWaiting(file) {
  const asker = makeAsker({});
  const estimator = await openEstimator(file, undefined, { ask: (asked) => asker.ask(engine, asked) });
  await ask(estimator, 4096);
  const startMs = performance.now();
  await ask(estimator, SHAPE.contextSize);
  const tookMs = performance.now() - startMs;
  asker.close();
  return tookMs;
}

/** @param {Estimator} estimator @param {number} contextSize */
async function ask(estimator, contextSize) {
  await estimator.ask([{ contextSize }]);
  const { basis, notes } = estimator.estimate({ contextSize });
  if (basis !== 'engine') throw new Error(`The engine had no answer: ${notes.join('; ')}`);
}

/** @param {{ store?: AnswerStore }} parts */
function makeAsker(parts) {
  return new EngineAsker({ start: () => startChild(CHILD, [ASK_ROLE]), hold: () => () => {}, ...parts });
}
