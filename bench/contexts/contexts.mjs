// Estimates of contexts that node-llama-cpp makes, beside what its library says it allocated and what the process took.
// Each context is made in a process of its own.   npm run compile && node bench/contexts/contexts.mjs [--full]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { estimateFootprint } from 'nexa-memory-guard';
import { SMALL, writeModel } from '../../tools/architectures.mjs';
import { readProcessMemory } from '../../tools/process-memory.mjs';
import { fullLanguage, writeLanguageModel } from '../../tools/synthetic-model.mjs';

const MiB = 2 ** 20;
/** Enough to fill a micro-batch. */
const TOKENS = 600;

/** @typedef {{ sequences?: number, contextSize: number, batchSize?: number, swaFullCache?: boolean, flashAttention?: boolean }} ContextOptions */
/** @typedef {{ name: string, method: string, options: ContextOptions, tokens?: number, write(file: string): void }} Case */
/** @typedef {{ weights: number, context: number, called: number, lines: string[] }} Taken anonymous bytes after each step */

const MID = { hidden: 1024, layers: 8, heads: 16, kvHeads: 16, ffn: 2816, quantization: /** @type {const} */ ('Q4_0') };
const narrow = { ...MID, vocab: 512 };
const wide = { ...MID, vocab: 32_000 };

/** @type {Case[]} */
const CASES = [
  createCase('512 tokens of vocabulary, 2048', narrow, 'createContext', { contextSize: 2048 }),
  createCase('the same, 8192', narrow, 'createContext', { contextSize: 8192 }),
  createCase('the same, batches of 64', narrow, 'createContext', { contextSize: 2048, batchSize: 64 }),
  createCase('the same, 2 sequences', narrow, 'createContext', { contextSize: 2048, sequences: 2 }),
  createCase('the same, no flash attention', narrow, 'createContext', { contextSize: 2048, flashAttention: false }),
  createCase('32000 tokens of vocabulary', wide, 'createContext', { contextSize: 2048 }),
  createCase('the same, embeddings', wide, 'createEmbeddingContext', { contextSize: 2048 }),
  ...[false, true].map((swaFullCache) => ({
    name: `gemma3${swaFullCache ? ', full sliding cache' : ''}`,
    method: 'createContext',
    options: { contextSize: 8192, swaFullCache },
    write: (/** @type {string} */ file) =>
      void writeModel(file, {
        architecture: 'gemma3',
        hidden: 512,
        layers: 8,
        ffn: 1408,
        vocab: 512,
        ...SMALL['gemma3'],
      }),
  })),
  ...(process.argv.includes('--full')
    ? [
        {
          name: 'Qwen2-Audio 7B Q4_K_M, 4096',
          method: 'createContext',
          options: { contextSize: 4096 },
          tokens: 8,
          write: (/** @type {string} */ file) =>
            void writeLanguageModel(file, { ...fullLanguage, quantization: 'Q4_K_M' }),
        },
      ]
    : []),
];

/** @param {string} name @param {object} shape @param {string} method @param {ContextOptions} options @returns {Case} */
function createCase(name, shape, method, options) {
  return { name, method, options, write: (file) => void writeLanguageModel(file, shape) };
}

if (process.send) await measureContext();
else await compareContexts();

async function compareContexts() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-contexts-'));
  try {
    console.log('MiB                              weights            context');
    console.log(`${''.padEnd(32)} estimated   took   estimated  said by the library  took  after ${TOKENS} tokens`);
    for (const each of CASES) await measureCase(each, path.join(folder, 'model.gguf'));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** @param {Case} each @param {string} modelPath */
async function measureCase({ name, method, options, tokens = TOKENS, write }, modelPath) {
  write(modelPath);
  const { sequences = 1, contextSize, batchSize = 512, swaFullCache = false, flashAttention = true } = options;
  const shape = {
    modelPath,
    contextSize: contextSize * sequences,
    sequences,
    batchSize,
    microBatchSize: batchSize,
    repack: true,
    fullSlidingCache: swaFullCache,
    embeddings: method !== 'createContext',
    flashAttention: /** @type {'on' | 'off'} */ (flashAttention ? 'on' : 'off'),
  };
  const weights = await estimateFootprint({ ...shape, part: 'weights' });
  const context = await estimateFootprint({ ...shape, part: 'context' });
  const taken = await measureInChild({ method, modelPath, options, tokens });
  const said = taken.lines.reduce((sum, line) => sum + Number(/([\d.]+) MiB/.exec(line)?.[1]), 0);
  const columns = [
    formatMiB(weights.anonymousBytes).padStart(9),
    formatMiB(taken.weights).padStart(6),
    formatMiB(context.anonymousBytes).padStart(11),
    said.toFixed(1).padStart(12),
    formatMiB(taken.context - taken.weights).padStart(13),
    formatMiB(taken.called - taken.weights).padStart(8),
  ];
  console.log(`${name.padEnd(32)} ${columns.join(' ')}`);
}

/** @param {{ method: string, modelPath: string, options: ContextOptions, tokens: number }} work @returns {Promise<Taken>} */
async function measureInChild(work) {
  const process_ = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  process_.send(work);
  const [taken] = await once(process_, 'message');
  await once(process_, 'exit');
  return taken;
}

async function measureContext() {
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  const [{ method, modelPath, options, tokens }] = await once(process, 'message');
  /** @type {string[]} */
  const lines = [];
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    logLevel: LlamaLogLevel.debug,
    logger: (_level, text) => lines.push(text),
  });
  const start = readOwnBytes();
  const model = await llama.loadModel({ modelPath });
  const weights = readOwnBytes() - start;
  lines.length = 0;
  const context = await /** @type {any} */ (model)[method](options);
  const made = readOwnBytes() - start;
  const input = Array.from({ length: tokens }, (_, index) => index % 200);
  if (method === 'createContext') await context.getSequence().evaluateWithoutGeneratingNewTokens(input);
  else await context.getEmbeddingFor(input.slice(0, 500));
  // Lines come from another thread, some of them late.
  const said = lines.filter((line) => / (KV|output|compute) buffer size = /.test(line));
  process.send?.({ weights, context: made, called: readOwnBytes() - start, lines: said }, () => process.exit());
}

/** Without what JavaScript itself holds. */
function readOwnBytes() {
  const memory = readProcessMemory();
  const { heapTotal, external } = process.memoryUsage();
  return memory.anonymousBytes + memory.swappedBytes - heapTotal - external;
}

/** @param {number} bytes */
function formatMiB(bytes) {
  return (bytes / MiB).toFixed(1);
}
