// What mirroring the engine's graph allocator buys: how far simpler sums are from what the engine printed for each recorded load, and
// what an estimate costs beside a load.
//   npm run build:js && node bench/footprint/allocator.mjs
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { estimateFootprint } from 'nexa-memory-guard';
import { sizeRun } from '../../lib/footprint/llama-cpp/cache-sizes.js';
import { buildDecoderGraph } from '../../lib/footprint/llama-cpp/decoder-graph.js';
import { computeGraphBytes } from '../../lib/footprint/llama-cpp/graph-allocator.js';
import { readModelShape } from '../../lib/footprint/llama-cpp/model-shape.js';
import { readGguf } from '../../lib/gguf/read-gguf.js';
import { writeModel } from '../../tools/architectures.mjs';
import { measureEngineLoad, sumBuffersMiB } from '../../tools/engine-load.mjs';
import { fullLanguage, fullProjector, writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { findMedian } from '../../tools/timing.mjs';
import { createEngineOptions } from '../../tools/transcripts.mjs';

const MiB = 2 ** 20;
const RUNS = 15;
const F32_BYTES = 4;
const FIXTURE = new URL('../../test/fixtures/engine-transcripts.jsonl', import.meta.url);

/** @typedef {import('../../lib/footprint/llama-cpp/graph.js').Tensor} Tensor */
/** @typedef {import('../../lib/footprint/llama-cpp/graph.js').Graph} Graph */
/** @typedef {(graph: Graph, shape: import('../../lib/footprint/llama-cpp/model-shape.js').ModelShape, run: ReturnType<typeof sizeRun>) => number} Method */

/** From the engine's own rules to what needs no graph. @type {Record<string, Method>} */
const METHODS = {
  "the allocator's rules": computeGraphBytes,
  'most bytes in use at once': findMostInUse,
  'every tensor in a place of its own': ({ leafs, nodes }) => sum([...leafs, ...nodes].map(countOwnBytes)),
  'logits and three rows of embeddings': (_graph, { vocabulary, embedding }, { tokens }) =>
    (vocabulary + 3 * embedding) * tokens * F32_BYTES,
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-allocator-'));
try {
  if (process.argv[2] === '--cold') {
    const [model = '', projector = ''] = process.argv.slice(3);
    const startMs = performance.now();
    await estimateFootprint({ modelPath: model, projectorPath: projector, contextSize: 2048 });
    console.log(performance.now() - startMs);
  } else {
    await compareMethods();
    await compareTimes();
  }
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function compareMethods() {
  const loads = fs.readFileSync(FIXTURE, 'utf8').trim().split('\n').slice(1);
  /** @type {Record<string, number[]>} */
  const errors = Object.fromEntries(Object.keys(METHODS).map((name) => [name, []]));
  for (const [index, line] of loads.entries()) {
    const { shape, run, said } = JSON.parse(line);
    const file = path.join(folder, `${index}.gguf`);
    writeModel(file, shape);
    const modelShape = readModelShape(await readGguf(file));
    const sized = sizeRun(modelShape, createRunOptions(run));
    const graph = buildDecoderGraph(modelShape, sized);
    const engineMiB = sumBuffersMiB(said).compute;
    for (const [name, method] of Object.entries(METHODS)) {
      // The engine rounds to 0.01 MiB.
      const differenceMiB = method(graph, modelShape, sized) / MiB - engineMiB;
      errors[name]?.push(Math.abs(differenceMiB) < 0.0051 ? 0 : (differenceMiB / engineMiB) * 100);
    }
    fs.rmSync(file);
  }
  console.log(`The compute buffer of ${loads.length} recorded loads, against what the engine printed:\n`);
  console.log('| computed as | exact | lowest | median | highest |\n| --- | --- | --- | --- | --- |');
  for (const [name, all] of Object.entries(errors)) {
    const exact = all.filter((each) => each === 0).length;
    const cells = [Math.min(...all), findMedian(all), Math.max(...all)].map((each) => `${each.toFixed(1)} %`);
    console.log(`| ${[name, exact, ...cells].join(' | ')} |`);
  }
}

async function compareTimes() {
  const [model, projector] = ['model.gguf', 'mmproj.gguf'].map((name) => path.join(folder, name));
  if (!model || !projector) throw new Error('No files.');
  writeLanguageModel(model, { ...fullLanguage, quantization: 'Q4_K_M' });
  writeAudioProjector(projector, fullProjector);
  const script = fileURLToPath(import.meta.url);
  const cold = Array.from({ length: RUNS }, () =>
    Number(execFileSync(process.execPath, [script, '--cold', model, projector], { encoding: 'utf8' })),
  );
  const file = await readGguf(model);
  const run = sizeRun(readModelShape(file), createRunOptions({ contextSize: 2048 }));
  const graphs = [];
  const allocations = [];
  for (let index = 0; index < RUNS * 10; index++) {
    const shape = readModelShape(file);
    const startMs = performance.now();
    const graph = buildDecoderGraph(shape, run);
    const builtMs = performance.now();
    computeGraphBytes(graph);
    allocations.push(performance.now() - builtMs);
    graphs.push(builtMs - startMs);
  }
  const small = path.join(folder, 'small.gguf');
  const shape = { architecture: 'llama', heads: 8, kvHeads: 4, vocab: 512 };
  writeModel(small, shape);
  const loads = [];
  for (let index = 0; index < RUNS; index++) {
    const { measured } = await measureEngineLoad({ model: small, ...createEngineOptions({ contextSize: 2048 }) });
    loads.push(Number(measured?.loadMs));
  }
  console.log('\n| what | median ms | best and worst |\n| --- | --- | --- |');
  const rows = /** @type {const} */ ([
    ['estimateFootprint of Qwen2-Audio 7B with its projector, first call of a process', cold],
    ['of it the graph of the language model, warm', graphs],
    ['and its allocation, warm', allocations],
    ['the engine loading a model of 6 MiB, which would print the same figures', loads],
  ]);
  for (const [what, all] of rows) {
    console.log(
      `| ${what} | ${findMedian(all).toFixed(2)} | ${Math.min(...all).toFixed(2)} … ${Math.max(...all).toFixed(2)} |`,
    );
  }
}

/** What lives at the same time, without places: nothing is written in place and nothing is lost between blocks. @param {Graph} graph */
function findMostInUse({ leafs, nodes }) {
  /** @type {Map<Tensor, number>} */
  const uses = new Map();
  const roots = (/** @type {Tensor} */ node) => new Set(node.sources.map((source) => source.viewOf ?? source));
  for (const node of nodes) for (const root of roots(node)) uses.set(root, (uses.get(root) ?? 0) + 1);
  let inUse = sum(leafs.map(countOwnBytes));
  let most = inUse;
  for (const node of nodes) {
    if (node.viewOf === undefined) inUse += countOwnBytes(node);
    most = Math.max(most, inUse);
    for (const root of roots(node)) {
      const left = (uses.get(root) ?? 0) - 1;
      uses.set(root, left);
      if (left === 0 && !root.output) inUse -= countOwnBytes(root);
    }
  }
  return most;
}

/** @param {Tensor} tensor */
function countOwnBytes({ kind, viewOf, bytes }) {
  return kind === 'external' || viewOf ? 0 : bytes;
}

/** @param {any} run */
function createRunOptions(run) {
  const { k, v } = typeof run.kvCacheType === 'object' ? run.kvCacheType : { k: run.kvCacheType, v: run.kvCacheType };
  return {
    batchSize: 512,
    microBatchSize: 512,
    sequences: 1,
    fullSlidingCache: false,
    embeddings: false,
    ...run,
    keyType: k ?? 'f16',
    valueType: v ?? 'f16',
    flashAttention: run.flashAttention !== 'off',
  };
}

/** @param {readonly number[]} values */
function sum(values) {
  return values.reduce((all, each) => all + each, 0);
}
