/** One process of the survival run: loads, uses and disposes models at random, as its parent lets it decide. It knows no limit. */
import { statSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { readProcessMemory } from '../../tools/process-memory.mjs';
import { createRandom } from '../../tools/random.mjs';
import { getModelFile, LOAD, MODELS, PROMPT, RESERVES } from './setting.mjs';

/** @typedef {import('./setting.mjs').Mode} Mode */
/** @typedef {Awaited<ReturnType<NexaSDK['loadModel']>>} Model */

const [, , mode, folder = '', seed, directory = ''] = /** @type {[string, string, Mode, string, string, string]} */ (
  /** @type {unknown} */ (process.argv)
);
const random = createRandom(Number(seed));
const sdk = await NexaSDK.initialize();
const guarded = mode.startsWith('guarded');
const reserves = mode === 'guarded 25 %' ? { ...RESERVES, minFreeRatioAfterLoad: 0.25 } : RESERVES;
const nexa = guarded ? withMemoryGuard(sdk, { ...reserves, ledger: { directory } }) : undefined;
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

async function loadAtRandom() {
  const model = /** @type {string} */ (MODELS[Math.floor(random() ** 1.5 * MODELS.length)]);
  const mmap = random() < 0.3;
  const file = getModelFile(folder, model);
  tell({ asks: { model, mmap }, id: nextId });
  await waitForWord();
  const id = nextId++;
  try {
    if (!guarded) tell({ decided: admitsNaively(file) ? 'admitted' : 'refused' });
    if (!guarded && !admitsNaively(file)) return await ponder();
    const loaded = await (nexa ?? sdk).loadModel(file, { ...LOAD, mmap });
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
  for await (const _ of entry.model.generate({ prompt: PROMPT, maxTokens: 2, temperature: 0, seed: 1 }));
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

process.on('disconnect', () => process.exit());
// Warm: what the first load and answer leave behind for good belongs to the process, not to a model.
{
  const model = await sdk.loadModel(getModelFile(folder, 'm50'), { ...LOAD, mmap: true });
  for await (const _ of model.generate({ prompt: 'a', maxTokens: 1 }));
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
