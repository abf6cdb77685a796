/**
 * Records what a build of llama.cpp says of loads when it is asked, and what it allocates when it really loads: one line for each shape. Which build is
 * installed doesn't matter, so older and newer ones are recorded from where they were unpacked.
 *   node tools/build-transcripts.mjs NAME FOLDER|index.node >> test/fixtures/build-transcripts.jsonl
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findContextLayout, findModelLayout, writeParameters } from '../lib/footprint/engine/parameter-layout.js';
import { readRecipes, writeRecipe } from './architecture-file.mjs';

const RECIPES = fileURLToPath(new URL('../test/fixtures/architectures.jsonl', import.meta.url));
/** Both kinds of attention, windows, states, experts, and what builds differ in. */
const ARCHITECTURES = [
  'qwen2',
  'llama',
  'gemma3',
  'gemma3n',
  'lfm2',
  'mamba2',
  'rwkv7',
  'qwen3moe',
  'deepseek2',
  'gpt-oss',
  'bert',
  'qwen3next',
];
const RUNS = [
  { n_ctx: 4096, n_batch: 512, n_ubatch: 512, swa_full: 0 },
  { n_ctx: 8192, n_batch: 512, n_ubatch: 512, n_seq_max: 4, swa_full: 0 },
  { n_ctx: 2048, n_batch: 512, n_ubatch: 256, flash_attn_type: 0, swa_full: 1 },
];

/** @typedef {{ name: string, host: boolean, weightsBytes: number, contextBytes: number, computeBytes: number }} Buffer */

/** The libraries of a build. @param {string} place @returns {{ libraries: string[], backends: string }} */
export function listLibraries(place) {
  if (!fs.statSync(place).isDirectory()) return { libraries: [path.resolve(place)], backends: '' };
  const parts = [/^libggml-base\b.*\.so\b/, /^libggml(\.[vb][\d.]+)?\.so\b/, /^libllama(\.[vb][\d.]+)?\.so\b/];
  const names = fs.readdirSync(place);
  const libraries = parts.map((part) => path.resolve(place, names.find((each) => part.test(each)) ?? String(part)));
  return { libraries, backends: place };
}

/** In a process of its own, since an engine may end it. @param {string} place @param {string} file @param {Record<string, number>} run @param {boolean} real */
function layOut(place, file, run, real) {
  const { libraries, backends } = listLibraries(place);
  const addon = createRequire(import.meta.url)('../build/Release/nexa_memory_guard.node');
  const library = new addon.EngineLibrary(libraries, backends);
  const defaults = library.defaults();
  const model = findModelLayout(defaults.model) ?? {};
  const context = findContextLayout(defaults.context) ?? {};
  const read = model['load_mode'] ? { load_mode: 0 } : { use_mmap: 0 };
  const set = { ...read, n_gpu_layers: 0, no_alloc: real ? 0 : 1 };
  if (!library.openModel(file, writeParameters(defaults.model, model, set))) return undefined;
  const simulates = /\bno_alloc\s*= 1\b/.test(library.takeLog().toString());
  if (!real && !simulates) return undefined;
  const buffers = library.measure(writeParameters(defaults.context, context, run))?.buffers;
  return buffers?.map((/** @type {Buffer} */ each) => [
    each.name,
    each.weightsBytes,
    each.contextBytes,
    each.computeBytes,
  ]);
}

/** @param {string} name @param {string} place */
function recordBuild(name, place) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-builds-'));
  try {
    for (const recipe of readRecipes(RECIPES).filter((each) => ARCHITECTURES.includes(each.name))) {
      const file = path.join(folder, `${recipe.name}.gguf`);
      writeRecipe(file, recipe);
      for (const run of RUNS) {
        const [asked, loaded] = [false, true].map((real) => askApart(place, file, run, real));
        console.log(JSON.stringify({ build: name, architecture: recipe.name, run, asked, loaded }));
      }
      fs.rmSync(file);
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** @param {string} place @param {string} file @param {Record<string, number>} run @param {boolean} real @returns {unknown} null if the engine refuses or ends */
function askApart(place, file, run, real) {
  const args = [fileURLToPath(import.meta.url), '--lay-out', JSON.stringify({ place, file, run, real })];
  try {
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return null;
  }
}

const [, script = '', first, second = ''] = process.argv;
if (first && import.meta.url === pathToFileURL(script).href) {
  if (first === '--lay-out') {
    const { place, file, run, real } = JSON.parse(second);
    process.stdout.write(JSON.stringify(layOut(place, file, run, real) ?? null));
  } else {
    recordBuild(first, second);
  }
}
