// Estimates against real loads in processes of their own: what the engine says it allocated, and what was really taken.
//   npm run bench:footprint [-- --small | --only NAME | --base]
// --small leaves out the 7B shapes, which load for 20 s each; --base measures what the engine holds beside its buffers.
// node-llama-cpp takes part where it can be resolved, as by NODE_PATH=FOLDER/node_modules after
// `npm install --prefix FOLDER node-llama-cpp`; its estimator needs its native library.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  fullLanguage,
  fullProjector,
  writeAudioProjector,
  writeLanguageModel,
  writeTone,
} from '../examples/synthetic-model.mjs';
import { SMALL, writeModel } from './architectures.mjs';
import { engineLoad, saidBytes } from './engineload.mjs';
import { engineOptions } from './transcripts.mjs';

const MiB = 2 ** 20;
/** The compute buffer is touched where a graph computes; its logits only for the token that is answered. */
const TOKENS = 600;
/** At 7B two cores take 1.3 s for each token. */
const FULL_TOKENS = 32;
const MID = { hidden: 512, layers: 8, ffn: 1408, vocab: 32_000 };

/** @typedef {{ name: string, tokens: number, run: any, hears?: boolean, write(model: string, projector: string): boolean }} Case */

/** @type {Case[]} */
const CASES = [
  ...Object.entries(SMALL).map(([architecture, small]) => mid(architecture, { architecture, ...MID, ...small }, {})),
  mid('llama, no flash attention', { architecture: 'llama', ...MID }, { flashAttention: 'off' }),
  mid('llama, K q8_0 V q4_0', { architecture: 'llama', ...MID }, { kvCacheType: { k: 'q8_0', v: 'q4_0' } }),
  mid('llama, no mmap', { architecture: 'llama', ...MID }, { mmap: false }),
  mid('gemma3, 2 sequences', { architecture: 'gemma3', ...MID, ...SMALL['gemma3'] }, { sequences: 2 }),
  {
    name: 'qwen2 hearing 30 s',
    tokens: TOKENS,
    hears: true,
    run: { contextSize: 4096 },
    write(model, projector) {
      writeLanguageModel(model, {
        hidden: 512,
        layers: 8,
        heads: 8,
        kvHeads: 8,
        ffn: 1408,
        vocab: 32_000,
        quantization: 'Q4_0',
      });
      writeAudioProjector(projector, {
        width: 512,
        layers: 8,
        heads: 8,
        ffn: 2048,
        projection: 512,
        type: 'F16',
        random: false,
      });
      return true;
    },
  },
  ...['Q4_0', 'Q4_K_M', 'Q5_K_M'].flatMap((quantization) => [2048, 4096].map((context) => full(quantization, context))),
];

/** @param {string} name @param {any} shape @param {any} run @returns {Case} */
function mid(name, shape, run) {
  const write = (/** @type {string} */ model) => {
    writeModel(model, shape);
    return false;
  };
  return { name, tokens: TOKENS, run: { contextSize: 4096, ...run }, write };
}

/** @param {any} quantization @param {number} contextSize @returns {Case} */
function full(quantization, contextSize) {
  return {
    name: `Qwen2-Audio 7B ${quantization}, ${contextSize}`,
    tokens: FULL_TOKENS,
    run: { contextSize },
    write(model, projector) {
      writeLanguageModel(model, { ...fullLanguage, quantization });
      writeAudioProjector(projector, fullProjector);
      return true;
    },
  };
}

const argv = process.argv.slice(2);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-footprint-'));
try {
  if (argv.includes('--base')) await base();
  else await table();
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function table() {
  const { estimateFootprint } = await import(new URL('../dist/footprint/estimatefootprint.js', import.meta.url).href);
  const other = await nodeLlamaCpp();
  const only = argv.includes('--only') ? argv[argv.indexOf('--only') + 1] : undefined;
  const chosen = CASES.filter(({ name, tokens }) => {
    if (only !== undefined) return name.includes(only);
    return !argv.includes('--small') || tokens === TOKENS;
  });
  row(
    'shape',
    'predicted',
    'engine said',
    'off',
    'anon predicted',
    'anon at peak',
    'mapped predicted',
    'mapped',
    'tokens',
    'node-llama-cpp',
  );
  row(...new Array(10).fill('---'));
  const tone = path.join(folder, 'tone.wav');
  writeTone(tone, 30);
  const offs = [];
  const belows = [];
  for (const each of chosen) {
    const modelPath = path.join(folder, 'model.gguf');
    const projectorPath = path.join(folder, 'mmproj.gguf');
    const heard = each.write(modelPath, projectorPath);
    const footprint = await estimateFootprint({ modelPath, ...(heard && { projectorPath }), ...each.run });
    const { lines, measured, peakAnonymousBytes, text } = await engineLoad(
      { model: modelPath, ...engineOptions(each.run) },
      heard ? projectorPath : '',
      each.tokens,
      each.hears ? tone : '',
    );
    if (!measured) throw new Error(`The engine did not load ${each.name}: ${text.slice(-2000)}`);
    const said = Object.values(saidBytes(lines)).reduce((sum, mib) => sum + mib, 0) * MiB;
    const predicted = footprint.totalBytes - footprint.runtimeBytes;
    const anonymous =
      Math.max(peakAnonymousBytes, measured.decoded?.anonymousBytes ?? 0) - measured.before.anonymousBytes;
    const off = predicted / said - 1;
    const below = footprint.totalBytes / (anonymous + measured.mappedBytes) - 1;
    offs.push(Math.abs(off));
    belows.push(below);
    row(
      each.name,
      mib(predicted),
      mib(said),
      percent(off),
      mib(footprint.anonymousBytes),
      mib(anonymous),
      mib(footprint.mappedBytes),
      mib(measured.mappedBytes),
      `${measured.tokens} in ${(measured.decodeMs / 1000).toFixed(0)} s`,
      await other(modelPath, each.run),
    );
  }
  const worst = Math.max(...offs);
  const lowest = Math.min(...belows);
  const good = worst <= 0.03 && lowest >= -0.03;
  console.log(
    `\n${good ? 'GOOD' : 'BAD'}: ${chosen.length} shapes; at most ${percent(worst)} off the engine's own sum; against what was taken at the peak between ${percent(lowest)} and ${percent(Math.max(...belows))}.`,
  );
  if (!good) process.exitCode = 1;
}

/** What the engine holds beside what it says, by what makes it grow; see runtimebase.ts. */
async function base() {
  const model = path.join(folder, 'model.gguf');
  const projector = path.join(folder, 'mmproj.gguf');
  writeAudioProjector(projector, { projection: 256 });
  /** @type {import('../examples/synthetic-model.mjs').LanguageShape} */
  const shape = {
    hidden: 256,
    layers: 2,
    heads: 4,
    kvHeads: 4,
    ffn: 512,
    vocab: 512,
    quantization: 'Q4_0',
    random: false,
  };
  const beside = async (/** @type {object} */ changed, /** @type {any} */ run, /** @type {string} */ mmproj = '') => {
    writeLanguageModel(model, { ...shape, ...changed });
    const { lines, measured, text } = await engineLoad({ model, ...engineOptions(run) }, mmproj);
    if (!measured) throw new Error(`The engine did not load it: ${text.slice(-2000)}`);
    const said = saidBytes(lines);
    const touched = (said.kvCache + said.output + said.projector) * MiB;
    return measured.loaded.anonymousBytes - measured.before.anonymousBytes - touched;
  };
  const run = { contextSize: 2048 };
  const bare = await beside({}, run);
  row('what', 'bytes');
  row('---', '---');
  row('2 layers, 2048 cells, 512 tokens', String(bare));
  row('one layer', String(Math.round(((await beside({ layers: 32 }, run)) - bare) / 30)));
  row('one cell', String(Math.round(((await beside({}, { contextSize: 65_536 })) - bare) / (65_536 - 2048))));
  row(
    'one token of vocabulary',
    String(Math.round(((await beside({ vocab: 156_032 }, run)) - bare) / (156_032 - 512))),
  );
  row('a projector', String((await beside({}, run, projector)) - bare));
}

/** Weights and context as its estimator sees them. @returns {Promise<(model: string, run: any) => Promise<string>>} */
async function nodeLlamaCpp() {
  /** @type {any} */
  let library;
  try {
    library = await import(pathToFileURL(createRequire(import.meta.url).resolve('node-llama-cpp')).href);
  } catch {
    return async () => 'not installed';
  }
  return async (model, run) => {
    try {
      const insights = await library.GgufInsights.from(await library.readGgufFileInfo(model, { logWarnings: false }));
      const weights = insights.estimateModelResourceRequirements({ gpuLayers: 0 });
      const context = insights.estimateContextResourceRequirements({
        contextSize: run.contextSize,
        modelGpuLayers: 0,
        batchSize: 512,
        sequences: run.sequences ?? 1,
        flashAttention: run.flashAttention !== 'off',
      });
      return mib(weights.cpuRam + context.cpuRam);
    } catch (error) {
      return `failed: ${String(error).split('\n')[0]?.slice(0, 60)}`;
    }
  };
}

/** @param {...string} cells */
function row(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

/** @param {number} bytes */
function mib(bytes) {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

/** @param {number} ratio */
function percent(ratio) {
  return `${(ratio * 100).toFixed(2)} %`;
}
