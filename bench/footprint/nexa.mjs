// What loads of the SDK's own library take, against what its llama.cpp says when it is asked, and against our own arithmetic.
//   REAL_GENIEX=/folder/of/libgeniex REAL_ML=/folder/of/libnexa_bridge node bench/footprint/nexa.mjs [--ask] [--full] [--only NAME] [--record FILE]
// Both variables may name a library; without any nothing is measured. Models have the 7B shape. --ask loads nothing. --full also fills a micro-batch of
// one load for each library, which takes minutes. --record appends a line for each load, as test/fixtures/nexa-loads.jsonl has them.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NexaSDK } from 'nexa-memory-guard';
import { openEstimator } from '../../lib/footprint/estimator.js';
import { openEngines } from '../../lib/machine/open-engines.js';
import { fullLanguage, fullProjector, writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';

const MiB = 2 ** 20;
/** What is left to everybody else. */
const LEFT_BYTES = 6 * 2 ** 30;
const ADAPTER = Symbol.for('nexa-memory-guard.adapter');
const QUANTIZATIONS = /** @type {const} */ (['Q4_0', 'Q4_K_M', 'Q5_K_M']);
/** The micro-batches that the libraries choose if they are told none. */
const LIBRARIES = [
  { variable: 'REAL_GENIEX', microBatchSize: 2048 },
  { variable: 'REAL_ML', microBatchSize: 512 },
];

const { values } = parseArgs({
  options: {
    ask: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    record: { type: 'string' },
  },
});
const named = LIBRARIES.filter(({ variable }) => process.env[variable]);
if (named.length === 0) console.log('Neither REAL_GENIEX nor REAL_ML names a library: nothing was measured.');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-loads-'));
try {
  for (const library of named) await measureLibrary(library);
} finally {
  fs.rmSync(folder, { recursive: true });
}

/** @param {(typeof LIBRARIES)[number]} library */
async function measureLibrary({ variable, microBatchSize }) {
  const libraryPath = /** @type {string} */ (process.env[variable]);
  const sdk = await NexaSDK.initialize({ runtime: 'nexa', libraryPath });
  console.log(`${variable}: ${sdk.version}; ${os.cpus()[0]?.model}; Node ${process.version}\n`);
  console.log(
    '| load (MiB) | mapped | anonymous | without asking | after load | after a text | full micro-batch | file pages | kept |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const quantization of QUANTIZATIONS) {
    for (const hears of [false, true]) {
      for (const contextSize of [2048, 4096]) {
        const name = `${quantization}, ${contextSize}${hears ? ', with projector' : ''}`;
        if (!`${variable} ${name}`.includes(values.only)) continue;
        const files = writeFiles(quantization, hears);
        const load = { contextSize, batchSize: microBatchSize, microBatchSize, ...files.load };
        await measureLoad({ sdk, libraryPath, name, modelPath: files.modelPath, load, quantization });
      }
    }
  }
  await sdk.dispose();
  console.log('');
}

/** @param {(typeof QUANTIZATIONS)[number]} quantization @param {boolean} hears */
function writeFiles(quantization, hears) {
  // A model without a projector must have none beside it.
  const modelPath = path.join(folder, `model-${quantization}.gguf`);
  if (!fs.existsSync(modelPath)) writeLanguageModel(modelPath, { ...fullLanguage, quantization });
  if (!hears) return { modelPath, load: {} };
  const below = path.join(folder, 'projector');
  const projectorPath = path.join(below, 'mmproj.gguf');
  fs.mkdirSync(below, { recursive: true });
  if (!fs.existsSync(projectorPath)) writeAudioProjector(projectorPath, fullProjector);
  return { modelPath, load: { projectorPath } };
}

/** @param {{ sdk: any, libraryPath: string, name: string, modelPath: string, load: any, quantization: string }} each */
async function measureLoad({ sdk, libraryPath, name, modelPath, load, quantization }) {
  const { answer, estimate, alone } = await ask(sdk, modelPath, load);
  const neededBytes = estimate.mappedBytes - estimate.readOnceBytes;
  const full = values.full && quantization === 'Q4_0' && load.contextSize > 2048 && !load.projectorPath;
  const taken = values.ask
    ? {}
    : loadModel({ libraryPath, modelPath, load, fullTokens: full ? load.microBatchSize : 0 }, estimate);
  const bytes = [
    neededBytes,
    estimate.anonymousBytes,
    alone.mappedBytes - alone.readOnceBytes + alone.anonymousBytes,
    ...[taken.loadedBytes, taken.saidBytes, taken.fullBytes, taken.fileBytes, taken.keptBytes],
  ];
  console.log(`| ${name} | ${bytes.map((each) => (each === undefined ? '-' : (each / MiB).toFixed(1))).join(' | ')} |`);
  if (values.record === undefined) return;
  const { projectorPath, ...shape } = load;
  const line = { version: sdk.version, quantization, hears: projectorPath !== undefined, ...shape, answer, ...taken };
  fs.appendFileSync(values.record, `${JSON.stringify(line)}\n`);
}

/** @param {any} sdk @param {string} modelPath @param {any} load */
async function ask(sdk, modelPath, load) {
  const adapter = sdk[ADAPTER];
  const files = await adapter.findEngine([modelPath, load]);
  if (files === undefined) throw new Error('There is no llama.cpp beside the library.');
  const { kvCacheType: _, ...shape } = adapter.readRequest([modelPath, load]).shape;
  const engines = openEngines({ hold: () => () => {}, tellProblem: (message) => console.error(message) });
  const engine = engines.of(files);
  /** @type {unknown} */
  let answer;
  const listening = { ask: async (/** @type {any} */ asked) => (answer = await engine.ask(asked)) };
  const estimator = await openEstimator(modelPath, load.projectorPath, /** @type {any} */ (listening));
  const alone = estimator.estimate(shape);
  await estimator.ask([shape], load.contextSize);
  engines.close();
  return { answer, alone, estimate: estimator.estimate(shape) };
}

/** @param {any} load @param {{ totalBytes: number }} estimate @returns {any} */
function loadModel(load, { totalBytes }) {
  const available = Number(/MemAvailable: +(\d+)/.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
  if (available < totalBytes + LEFT_BYTES) throw new Error(`Only ${Math.round(available / MiB)} MiB are available.`);
  const program = fileURLToPath(new URL('nexa-load.mjs', import.meta.url));
  const printed = execFileSync(process.execPath, ['--expose-gc', program, JSON.stringify(load)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { version: _, ...taken } = JSON.parse(printed.trim().split('\n').at(-1) ?? '');
  return taken;
}
