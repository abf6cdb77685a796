/** One program of the isolated rows: loads models, asks them and disposes them at random, and tells its parent how each request ended. It knows no limit. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withMemoryGuard } from 'nexa-memory-guard';
import { createRandom } from '../../tools/random.mjs';
import { CRASH, crashSoon } from './crash-soon.mjs';
import { openFaultySdk } from './faulty-sdk.mjs';
import { FAULTS, GROUP_ENDING, getLadderFile, LOAD, MOST_MODELS, PROMPT, RESERVES } from './isolated-setting.mjs';
import { MODELS } from './setting.mjs';

/** @typedef {import('./isolated-setting.mjs').Keeper} Keeper */
/** @typedef {Awaited<ReturnType<import('nexa-memory-guard').NexaSDK['loadModel']>>} Model */
/** @typedef {'answered' | 'again' | 'refused' | 'lost'} Outcome */

const [, , keeper, faultName = '', folder = '', seed, directory = ''] =
  /** @type {[string, string, Keeper, string, string, string, string]} */ (/** @type {unknown} */ (process.argv));
const fault = /** @type {import('./isolated-setting.mjs').Fault} */ (FAULTS[faultName]);
const random = createRandom(Number(seed));
const isolated = keeper.startsWith('isolated');
/** So often it asks once more, after a model or a load was killed. */
const MOST_TRIES = 3;
/** What a template that says nothing of its own looks like. */
const TEMPLATE = '{% for m in messages %}{{ m.content }}{% endfor %}';

const sdk = await openFaultySdk(
  isolated
    ? { onKilled: 'reload-smaller', containment: keeper === 'isolated' ? 'auto' : 'off' }
    : { isolation: /** @type {const} */ ('none') },
  fault.moreShare,
);
const guarded = keeper === 'unguarded' ? undefined : withMemoryGuard(sdk, { ...RESERVES, ledger: { directory } });
const nexa = guarded ?? sdk;
/** @type {{ model: Model, busy: boolean }[]} */
const held = [];

/** @param {object} message */
const tell = (message) => process.send?.(message);

guarded?.guard.on('killed', ({ byKernel, scope, signal }) => {
  const where = scope?.path.endsWith(GROUP_ENDING) ? 'group' : 'wall';
  tell({ killed: byKernel ? where : 'crash' });
  if (!byKernel && signal !== 'SIGSEGV') tell({ failed: `a process of a model ended by ${signal ?? 'itself'}` });
});
// What every guarded program should do when memory gets critical: let something go.
guarded?.guard.on('critical', () => {
  const idle = held.find(({ busy }) => !busy);
  if (idle) void dispose(idle);
});

/** Whether the engine is to crash now. In the program it can do so at once. */
function drawCrash() {
  const crashes = random() < fault.crashShare;
  if (crashes && !isolated) crashSoon();
  return crashes;
}

/**
 * Tries until it isn't killed, and tells how that ended.
 * @template T @param {(attempt: number) => Promise<T>} action @returns {Promise<T | undefined>}
 */
async function request(action) {
  tell({ asks: true });
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await action(attempt);
      tell({ outcome: attempt === 1 ? 'answered' : 'again' });
      return result;
    } catch (error) {
      const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
      if (code === 'ERR_MODEL_KILLED' && attempt < MOST_TRIES) continue;
      if (code !== 'ERR_INSUFFICIENT_MEMORY' && code !== 'ERR_MODEL_KILLED') tell({ failed: `${code}: ${message}` });
      tell({ outcome: code === 'ERR_INSUFFICIENT_MEMORY' ? 'refused' : 'lost' });
      return undefined;
    }
  }
}

/** @param {Model} model @param {boolean} crashes */
async function answer(model, crashes) {
  const prompt = crashes ? `${PROMPT}${CRASH}` : PROMPT;
  for await (const _ of model.generate({ prompt, maxTokens: 2, temperature: 0, seed: 1 }));
}

async function loadAtRandom() {
  const name = /** @type {string} */ (MODELS[Math.floor(random() ** 1.5 * MODELS.length)]);
  const mmap = random() < 0.3;
  const crashes = drawCrash();
  tell({ loads: true });
  const entry = await request(async (attempt) => {
    // A load that was killed is no model yet that the guard could load again: then the program asks for the smallest.
    const quantization = attempt === 1 ? 'Q5_K_M' : 'Q4_0';
    const chatTemplate = crashes && attempt === 1 ? `${TEMPLATE}${CRASH}` : TEMPLATE;
    const model = await nexa.loadModel(getLadderFile(folder, name, quantization), {
      ...LOAD,
      mmap,
      quantization,
      chatTemplate,
    });
    const loaded = { model, busy: true };
    held.push(loaded);
    return loaded;
  });
  if (!entry) return sleep(random() * 200);
  await useModel(entry);
}

/** @param {{ model: Model, busy: boolean }} entry */
async function useModel(entry) {
  entry.busy = true;
  const crashes = drawCrash();
  const done = await request(async (attempt) => {
    await answer(entry.model, crashes && attempt === 1);
    return true;
  });
  entry.busy = false;
  // It stays gone.
  if (!done) await dispose(entry);
}

/** @param {{ model: Model }} entry */
async function dispose(entry) {
  const at = held.findIndex(({ model }) => model === entry.model);
  if (at === -1) return;
  held.splice(at, 1);
  await entry.model.dispose();
}

process.on('disconnect', () => process.exit());
tell({ ready: true });
await new Promise((resolve) => process.once('message', resolve));
for (;;) {
  const idle = held.filter(({ busy }) => !busy);
  const entry = idle[Math.floor(random() * idle.length)];
  if (entry && (held.length >= MOST_MODELS || random() < 0.3)) await dispose(entry);
  else if (entry && random() < 0.3) await useModel(entry);
  else await loadAtRandom();
}
