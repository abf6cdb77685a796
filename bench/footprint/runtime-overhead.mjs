// What the engine holds beside the buffers that it reports, by what makes it grow; the constants of src/footprint/llama-cpp/runtime-overhead.ts.
//   node bench/footprint/runtime-overhead.mjs
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { measureEngineLoad, sumBuffersMiB } from '../../tools/engine-load.mjs';
import { writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { createEngineOptions } from '../../tools/transcripts.mjs';

const MiB = 2 ** 20;
const SHAPE = /** @type {const} */ ({
  hidden: 256,
  layers: 2,
  heads: 4,
  kvHeads: 4,
  ffn: 512,
  vocab: 512,
  quantization: 'Q4_0',
  random: false,
});

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-runtimebase-'));
try {
  await printTable();
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function printTable() {
  const projector = path.join(folder, 'mmproj.gguf');
  writeAudioProjector(projector, { projection: SHAPE.hidden });
  const run = { contextSize: 2048 };
  const bare = await measureBeside({}, run);
  const measureGrowth = async (/** @type {object} */ changed, /** @type {any} */ otherRun, /** @type {number} */ by) =>
    Math.round(((await measureBeside(changed, otherRun)) - bare) / by);
  console.log('| what | bytes |\n| --- | --- |');
  console.log(`| 2 layers, 2048 cells, 512 tokens | ${bare} |`);
  console.log(`| one layer | ${await measureGrowth({ layers: 32 }, run, 30)} |`);
  console.log(`| one cell | ${await measureGrowth({}, { contextSize: 65_536 }, 65_536 - 2048)} |`);
  console.log(`| one token of vocabulary | ${await measureGrowth({ vocab: 156_032 }, run, 156_032 - 512)} |`);
  console.log(`| a projector | ${Math.round((await measureBeside({}, run, projector)) - bare)} |`);
}

/** @param {object} changed @param {any} run @param {string} [projector] */
async function measureBeside(changed, run, projector = '') {
  const model = path.join(folder, 'model.gguf');
  writeLanguageModel(model, { ...SHAPE, ...changed });
  const { lines, measured, text } = await measureEngineLoad({ model, ...createEngineOptions(run) }, projector);
  if (!measured) throw new Error(`The engine did not load it: ${text.slice(-2000)}`);
  const said = sumBuffersMiB(lines);
  const touched = (said.kvCache + said.output + said.projector) * MiB;
  return measured.loaded.anonymousBytes - measured.before.anonymousBytes - touched;
}
