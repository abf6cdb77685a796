// What is mapped and what is anonymous after a load, by engine, quantization and way to load: as the estimate says, and as a cold process has it.
//   npm run compile && node bench/footprint/mapping.mjs [--engine NAME]
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { estimateFootprint } from 'nexa-memory-guard';
import { findQuantizerMix } from '../../lib/footprint/quantizer-mix.js';
import { listByteTokens, writeGgufFile } from '../../tools/gguf-file.mjs';
import { findMedian } from '../../tools/timing.mjs';

const MiB = 2 ** 20;
const CHILD = fileURLToPath(new URL('mapping-child.mjs', import.meta.url));
const SHAPE = { hidden: 1024, layers: 12, heads: 16, ffn: 2816, vocab: 8192 };
const QUANTIZATIONS = ['Q4_0', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0', 'IQ4_XS', 'MXFP4', 'F16'];
/** Ways to load beside mapping, of one quantization that is copied and one that is not. */
const WAYS = ['read', 'mlock', 'direct'];
const ENGINES = /** @type {const} */ (['@fugood/llama.node', 'node-llama-cpp']);

/** @typedef {import('../../tools/gguf-file.mjs').TensorType} TensorType */
/** @typedef {{ anonymousBytes: number, mappedBytes: number, lockedBytes: number }} Took */

const { values } = parseArgs({ options: { engine: { type: 'string' } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-mapping-'));
try {
  await printTable();
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function printTable() {
  console.log(`Node ${process.version}; ${os.cpus()[0]?.model}; MiB\n`);
  printLine(
    'engine',
    'weights',
    'loaded by',
    'mapped',
    'seen',
    'of it read once',
    'anonymous',
    'seen',
    'locked',
    'off',
  );
  printLine(...new Array(10).fill('---'));
  /** @type {{ mapped: boolean, off: number }[]} */
  const all = [];
  for (const engine of ENGINES.filter((each) => values.engine === undefined || each === values.engine)) {
    for (const quantization of QUANTIZATIONS) {
      const ways = ['mmap', ...(quantization === 'Q4_K_M' || quantization === 'Q8_0' ? WAYS : [])];
      for (const way of ways) {
        if (way === 'direct' && engine !== 'node-llama-cpp') continue;
        all.push({ mapped: way === 'mmap', off: await compareLoad(engine, quantization, way) });
      }
    }
  }
  const worstOf = (/** @type {boolean} */ mapped) =>
    Math.max(...all.filter((each) => each.mapped === mapped).map(({ off }) => off));
  const [worst, others] = [worstOf(true), worstOf(false)];
  const verdict = worst <= 0.03 ? 'GOOD' : 'BAD';
  const told = `mapped loads are at most ${formatPercent(worst)} off in mapped or anonymous bytes, others ${formatPercent(others)}`;
  console.log(`\n${verdict}: ${told}.`);
  if (worst > 0.03) process.exitCode = 1;
}

/** @param {typeof ENGINES[number]} engine @param {string} quantization @param {string} way @returns {Promise<number>} how far off, of all that is taken */
async function compareLoad(engine, quantization, way) {
  const file = path.join(folder, `${quantization}.gguf`);
  writeModel(file, quantization);
  const apart = engine === 'node-llama-cpp';
  const mmap = way === 'mmap' || (way === 'mlock' && !apart);
  const run = apart
    ? /** @type {const} */ ({ part: 'weights' })
    : { contextSize: 512, microBatchSize: 64, batchSize: 64 };
  const footprint = await estimateFootprint({
    modelPath: file,
    ...run,
    mmap,
    directIo: way === 'direct',
    mlock: way === 'mlock' && !apart,
    engine,
  });
  const took = measure(engine, file, way);
  const { mappedBytes, readOnceBytes, lockedBytes, anonymousBytes, computeBytes } = footprint;
  // Graphs are touched as they are computed: nothing is, yet.
  const predicted = anonymousBytes - computeBytes;
  const sum = took.mappedBytes + took.anonymousBytes;
  const off = Math.max(Math.abs(mappedBytes - took.mappedBytes), Math.abs(predicted - took.anonymousBytes)) / sum;
  printLine(
    engine,
    quantization,
    way,
    formatMiB(mappedBytes),
    formatMiB(took.mappedBytes),
    formatMiB(readOnceBytes),
    formatMiB(predicted),
    formatMiB(took.anonymousBytes),
    `${formatMiB(lockedBytes)}, seen ${formatMiB(took.lockedBytes)}`,
    formatPercent(off),
  );
  return off;
}

/** The median of three: anonymous memory of one load differs by 3 MiB. @param {string} engine @param {string} file @param {string} way @returns {Took} */
function measure(engine, file, way) {
  const runs = Array.from({ length: 3 }, () => measureOnce(engine, file, way));
  const median = (/** @type {keyof Took} */ part) => findMedian(runs.map((run) => run[part]));
  return {
    anonymousBytes: median('anonymousBytes'),
    mappedBytes: median('mappedBytes'),
    lockedBytes: median('lockedBytes'),
  };
}

/** @param {string} engine @param {string} file @param {string} way @returns {Took} */
function measureOnce(engine, file, way) {
  const args = ['--expose-gc', CHILD, engine, file, way];
  const said = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(/^TOOK (.*)$/m.exec(said)?.[1] ?? 'null');
}

/** @param {string} file @param {string} quantization */
function writeModel(file, quantization) {
  const { hidden, layers, heads, ffn, vocab } = SHAPE;
  /** @type {{ name: string, dims: number[], type: TensorType }[]} */
  const tensors = [];
  const add = (/** @type {string} */ name, /** @type {number[]} */ dims, /** @type {any} */ role, layer = 0) => {
    const found = findQuantizerMix(quantization)?.({ role, layer, layers }).name ?? quantization;
    tensors.push({ name, dims, type: /** @type {TensorType} */ (dims.length > 1 ? found : 'F32') });
  };
  add('token_embd.weight', [hidden, vocab], 'embedding');
  add('output_norm.weight', [hidden], 'other');
  add('output.weight', [hidden, vocab], 'output');
  for (let layer = 0; layer < layers; layer++) {
    const own = (/** @type {string} */ name) => `blk.${layer}.${name}.weight`;
    add(own('attn_norm'), [hidden], 'other', layer);
    for (const name of ['attn_q', 'attn_k']) add(own(name), [hidden, hidden], 'other', layer);
    add(own('attn_v'), [hidden, hidden], 'attention-value', layer);
    add(own('attn_output'), [hidden, hidden], 'attention-output', layer);
    add(own('ffn_norm'), [hidden], 'other', layer);
    for (const name of ['ffn_gate', 'ffn_up']) add(own(name), [hidden, ffn], 'other', layer);
    add(own('ffn_down'), [ffn, hidden], 'feed-forward-down', layer);
  }
  const tokens = [...listByteTokens(), '<|end|>'];
  while (tokens.length < vocab) tokens.push(`t${tokens.length}`);
  writeGgufFile(
    file,
    [
      ['general.architecture', 'text', 'llama'],
      ['llama.context_length', 'u32', 8192],
      ['llama.embedding_length', 'u32', hidden],
      ['llama.block_count', 'u32', layers],
      ['llama.feed_forward_length', 'u32', ffn],
      ['llama.attention.head_count', 'u32', heads],
      ['llama.attention.layer_norm_rms_epsilon', 'f32', 1e-5],
      ['tokenizer.ggml.model', 'text', 'gpt2'],
      ['tokenizer.ggml.pre', 'text', 'qwen2'],
      ['tokenizer.ggml.tokens', 'texts', tokens],
      ['tokenizer.ggml.token_type', 'i32s', tokens.map((_, id) => (id === 256 ? 3 : 1))],
      ['tokenizer.ggml.merges', 'texts', ['a b']],
      ['tokenizer.ggml.eos_token_id', 'u32', 256],
    ],
    tensors,
  );
}

/** @param {...string} cells */
function printLine(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

/** @param {number} bytes */
function formatMiB(bytes) {
  return (bytes / MiB).toFixed(1);
}

/** @param {number} ratio */
function formatPercent(ratio) {
  return `${(ratio * 100).toFixed(1)} %`;
}
