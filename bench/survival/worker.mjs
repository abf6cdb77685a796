/** One process of the survival run: loads, uses and disposes models at random, as its parent lets it decide. It knows no limit. */
import { readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MiB, NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { readProcessMemory } from '../../tools/process-memory.mjs';
import { createRandom } from '../../tools/random.mjs';
import { openBuffersSdk } from './buffers-sdk.mjs';
import { findBuffersTruth, getModelFile, LOAD, MODELS, PROMPT, SITUATIONS, TRUTHS_FILE } from './setting.mjs';

/** @typedef {import('./setting.mjs').Mode} Mode */
/** @typedef {{ generate(options: object): unknown, dispose(): unknown }} Model */
/** @typedef {{ loadModel(name: string, options: object): Promise<Model> }} Sdk */

const [, , mode, name = '', folder = '', seed, directory = ''] =
  /** @type {[string, string, Mode, string, string, string, string]} */ (/** @type {unknown} */ (process.argv));
const situation = /** @type {import('./setting.mjs').Situation} */ (SITUATIONS[name]);
const random = createRandom(Number(seed));
const buffers = situation.sdk === 'buffers';
const sdk = /** @type {Sdk} */ (
  buffers ? openBuffersSdk(situation.loadMs) : await NexaSDK.initialize({ isolation: 'none' })
);
const guarded = mode.startsWith('guarded');
/** @type {import('nexa-memory-guard').GuardOptions} */
const options = {
  ...situation.options,
  ...(mode === 'guarded 25 %' && { minFreeRatioAfterLoad: 0.25 }),
  ...(buffers && { adapter: { modelsLiveIn: 'javascript' } }),
  ledger: { directory },
};
const nexa = guarded ? withMemoryGuard(sdk, options) : undefined;
/** @type {Record<string, { anonymousBytes: number, mappedBytes: number }>} */
const truths = JSON.parse(readFileSync(path.join(folder, TRUTHS_FILE), 'utf8'));
/** @type {{ id: number, model: Model, busy: boolean }[]} */
const held = [];
let nextId = 0;

/** Tells the parent. @param {object} message */
const tell = (message) => process.send?.({ pid: process.pid, ...message });
const waitForWord = () => new Promise((resolve) => process.once('message', resolve));

nexa?.guard.on('admitted', () => tell({ decided: 'admitted' }));
nexa?.guard.on('refused', () => tell({ decided: 'refused' }));
// What every guarded program should do when memory gets critical: let something go.
nexa?.guard.on('critical', () => void disposeIdleModel());

async function disposeIdleModel() {
  const idle = held.find(({ busy }) => !busy);
  if (idle) await disposeModel(idle);
}

/** The usual advice: file size times 1.2, compared with what the runtime says is there. @param {string} file */
function admitsNaively(file) {
  if (mode === 'unguarded') return true;
  const neededBytes = statSync(file).size * 1.2;
  return neededBytes <= (mode === 'freemem' ? os.freemem() : process.availableMemory());
}

/** The load's own options. @param {string} model @param {boolean} mmap */
function listOptions(model, mmap) {
  const { givenShare } = situation;
  const truth = buffers ? findBuffersTruth({ model, mmap }) : truths[`${model} ${mmap}`];
  const share = buffers && givenShare === 0 ? 1 : givenShare;
  if (!truth || share === 0) return { ...LOAD, mmap };
  const anonymousBytes = Math.round(truth.anonymousBytes * share);
  return { ...LOAD, mmap, memoryGuard: { footprint: { mappedBytes: truth.mappedBytes, anonymousBytes } } };
}

async function loadAtRandom() {
  const model = /** @type {string} */ (MODELS[Math.floor(random() ** 1.5 * MODELS.length)]);
  const mmap = random() < 0.3 && !buffers;
  const file = buffers ? model : getModelFile(folder, model);
  tell({ asks: { model, mmap }, id: nextId });
  await waitForWord();
  const id = nextId++;
  try {
    if (!guarded) tell({ decided: admitsNaively(file) ? 'admitted' : 'refused' });
    if (!guarded && !admitsNaively(file)) return await ponder();
    const loaded = await (nexa ?? sdk).loadModel(file, listOptions(model, mmap));
    const entry = { id, model: loaded, busy: true };
    held.push(entry);
    await useModel(entry);
    tell({ loaded: id });
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    if (code !== 'ERR_INSUFFICIENT_MEMORY') tell({ failed: `${code}: ${message}` });
    tell({ loaded: id, gone: id });
    await ponder();
  }
}

/** Nobody asks for the next model the moment that one was refused: each ask is to meet another state of the machine. */
const ponder = () => sleep(random() * 400);

/** @param {{ model: Model, busy: boolean }} entry */
async function useModel(entry) {
  entry.busy = true;
  const answer = entry.model.generate({ prompt: PROMPT, maxTokens: 2, temperature: 0, seed: 1 });
  if (buffers) await answer;
  else for await (const _ of /** @type {AsyncIterable<string>} */ (answer));
  entry.busy = false;
}

/** @param {{ id: number, model: Model }} entry */
async function disposeModel(entry) {
  const at = held.findIndex(({ id }) => id === entry.id);
  if (at === -1) return;
  held.splice(at, 1);
  const back = nexa && new Promise((resolve) => nexa.guard.once('unloaded', resolve));
  await entry.model.dispose();
  await back;
  tell({ gone: entry.id });
}

/** The program's own objects: at times more of them, at times fewer. @type {number[][]} */
const heap = [];
const HEAP_STEP_BYTES = 8 * MiB;
if (situation.heapMostBytes > 0) {
  setInterval(() => {
    const grows = random() < 0.6 && heap.length * HEAP_STEP_BYTES < situation.heapMostBytes;
    if (grows) heap.push(Array.from({ length: HEAP_STEP_BYTES / 8 }, (_, at) => at + 0.5));
    else heap.pop();
  }, 200);
}

process.on('disconnect', () => process.exit());
// Warm: what the first load and answer leave behind for good belongs to the process, not to a model.
if (!buffers) {
  const model = await sdk.loadModel(getModelFile(folder, 'm50'), { ...LOAD, mmap: true });
  for await (const _ of /** @type {AsyncIterable<string>} */ (model.generate({ prompt: 'a', maxTokens: 1 })));
  await model.dispose();
}
// What this process holds beside its models.
tell({ ready: readProcessMemory().anonymousBytes });
await waitForWord();
for (;;) {
  const idle = held.filter(({ busy }) => !busy);
  const entry = idle[Math.floor(random() * idle.length)];
  if (entry && (held.length >= 6 || random() < 0.3)) await disposeModel(entry);
  else if (entry && random() < 0.2) await useModel(entry);
  else await loadAtRandom();
}
