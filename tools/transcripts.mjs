// Loads every architecture in the real engine and keeps what it said about its buffers, for test/footprint/footprint.transcripts.test.ts.
// The first line names the engine, each other line is one load.
//   node tools/transcripts.mjs test/fixtures/engine-transcripts.jsonl
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { SMALL, VARIANTS, writeModel } from './architectures.mjs';
import { measureEngineLoad } from './engine-load.mjs';
import { writeProjector } from './projectors.mjs';
import { writeAudioProjector } from './synthetic-model.mjs';

/** The runs of every model, in the words of this package. */
const RUNS = [
  { contextSize: 2048 },
  { contextSize: 2048, flashAttention: 'off' },
  { contextSize: 3000, microBatchSize: 256, flashAttention: 'on', kvCacheType: { k: 'q8_0', v: 'q4_0' } },
  { contextSize: 4096, sequences: 2 },
  { contextSize: 4096, sequences: 2, flashAttention: 'off', kvCacheType: 'f32' },
];
/** In this load a state is as large as the list of tokens, and an empty tensor parts two free blocks of the engine. */
const COINCIDENCE = {
  shape: { architecture: 'lfm2', ...SMALL['lfm2'], vocab: 32_768 },
  run: { contextSize: 2048, batchSize: 1024, microBatchSize: 1024 },
};
const VOCABULARIES = [512, 20_480];
/** Projectors of Qwen2-Audio, so small that the engine's own rounding is visible. */
const PROJECTORS = [
  { width: 64, layers: 2, heads: 4, ffn: 128, projection: 512 },
  { width: 256, layers: 4, heads: 4, ffn: 1024, projection: 512 },
];
/** Feed-forward parts are narrow or wide, so that different steps of a block need the most memory. */
const OTHER_PROJECTORS = ['gemma3', 'idefics3', 'mlp', 'ultravox', 'voxtral'].flatMap((type) => [
  { type, width: 128, ffn: 256, layers: 3, heads: 4 },
  { type, width: 384, ffn: 1536, layers: 2, heads: 6 },
  { type, width: 256, ffn: 64, layers: 2, heads: 2 },
]);

/**
 * Translates options of this package into those of the engine.
 * @param {any} run
 * @returns {object}
 */
export function createEngineOptions(run) {
  const { k, v } = typeof run.kvCacheType === 'object' ? run.kvCacheType : { k: run.kvCacheType, v: run.kvCacheType };
  return {
    n_ctx: run.contextSize,
    n_batch: run.batchSize ?? 512,
    n_ubatch: run.microBatchSize ?? 512,
    n_parallel: run.sequences ?? 1,
    flash_attn_type: run.flashAttention ?? 'auto',
    cache_type_k: k ?? 'f16',
    cache_type_v: v ?? 'f16',
    use_mmap: run.mmap ?? true,
  };
}

const [, script, target] = process.argv;
if (script?.endsWith('transcripts.mjs') && target) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-transcripts-'));
  try {
    const lines = [{ engine: readEngineBuild() }, ...(await recordLoads(folder))];
    fs.writeFileSync(target, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** The engine that is installed, in the words of src/footprint/llama-cpp/engine-version.ts, and the system that it runs on. */
function readEngineBuild() {
  const packageName = '@fugood/llama.node';
  const require = createRequire(import.meta.url);
  const { number, commit } = require(packageName).BuildInfo;
  const { version } = require(`${packageName}/package.json`);
  return { packageName, version, llamaCpp: `b${number}`, commit, system: `${process.platform}-${process.arch}` };
}

/** @param {string} folder */
async function recordLoads(folder) {
  const model = path.join(folder, 'model.gguf');
  const found = [];
  for (const [architecture, small] of Object.entries(SMALL)) {
    for (const vocab of VOCABULARIES) {
      const shape = { architecture, ...small, vocab };
      writeModel(model, shape);
      for (const run of RUNS)
        found.push({ shape, run, said: await recordSaid({ model, ...createEngineOptions(run) }, '') });
    }
  }
  for (const shape of Object.values(VARIANTS)) {
    writeModel(model, shape);
    for (const run of RUNS)
      found.push({ shape, run, said: await recordSaid({ model, ...createEngineOptions(run) }, '') });
  }
  writeModel(model, COINCIDENCE.shape);
  found.push({ ...COINCIDENCE, said: await recordSaid({ model, ...createEngineOptions(COINCIDENCE.run) }, '') });
  const projectorPath = path.join(folder, 'mmproj.gguf');
  const [shape, run] = [{ architecture: 'qwen2', ...SMALL['qwen2'], vocab: 512 }, { contextSize: 2048 }];
  writeModel(model, shape);
  for (const projector of PROJECTORS) {
    writeAudioProjector(projectorPath, projector);
    found.push({
      shape,
      projector,
      run,
      said: await recordSaid({ model, ...createEngineOptions(run) }, projectorPath),
    });
  }
  for (const projector of OTHER_PROJECTORS) {
    writeProjector(projectorPath, projector);
    found.push({
      shape,
      projector,
      run,
      said: await recordSaid({ model, ...createEngineOptions(run) }, projectorPath),
    });
  }
  return found;
}

/** @param {object} options @param {string} projector */
async function recordSaid(options, projector) {
  const { lines, measured, text } = await measureEngineLoad(options, projector);
  if (!measured) throw new Error(`The engine did not load it: ${text.slice(-2000)}`);
  return lines;
}
