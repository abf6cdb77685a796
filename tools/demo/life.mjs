/** The guard's life in one screen: snapshot, plan, a downgraded load, a refused one, pressure, and memory that comes back. */
import { formatBytes, MiB, NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { CONTEXT } from './files.mjs';
import { readInjected, setLimit } from './limit.mjs';
import { OtherProgram } from './other-program.mjs';
import { growRow, printHeading, printRow, showPlan, showSnapshot } from './screen.mjs';

/** @typedef {import('./files.mjs').Files} Files */
/** @typedef {import('nexa-memory-guard').MemoryGuard} MemoryGuard */
/** @typedef {import('nexa-memory-guard').Guarded<NexaSDK>} GuardedSdk */
/** @typedef {import('nexa-memory-guard').NexaModel} Model */
/** @typedef {{ contextSize: number, projectorPath: string, quantization?: 'Q5_K_M' }} LoadOptions */

/**
 * @typedef {object} Scene
 * @property {Files} files
 * @property {boolean} full
 * @property {string | undefined} limitFile where this process's group takes its limit; absent if there is no group
 * @property {string} limitNote which limit this is, and why
 */

const TOLD = /** @type {const} */ ([
  'downgraded',
  'admitted',
  'loaded',
  'refused',
  'ok',
  'warning',
  'critical',
  'killed',
  'unloaded',
  'degraded',
]);

/** @param {Scene} scene */
export async function runLife(scene) {
  const sdk = await NexaSDK.initialize({ modelsDir: scene.files.directory, onKilled: 'reload' });
  const other = new OtherProgram();
  try {
    await other.take(0);
    await showLife(scene, sdk, other, (scene.full ? 512 : 64) * MiB);
  } finally {
    await other.end();
    await sdk.dispose();
  }
}

/** @param {Scene} scene @param {NexaSDK} sdk @param {OtherProgram} other @param {number} minFreeBytes */
async function showLife({ files, full, limitFile, limitNote }, sdk, other, minFreeBytes) {
  const limit = files.temporary ? await setLimit(sdk, files, minFreeBytes, limitFile) : undefined;
  const nexa = withMemoryGuard(sdk, {
    minFreeBytes,
    dwellMs: 200,
    // A checkout without a compiler has no addon.
    onLedgerFailure: 'alone',
    ...(limit && !limitFile && { sensor: () => readInjected(limit.totalBytes, other.takenBytes) }),
  });
  const { guard } = nexa;
  for (const name of TOLD) {
    guard.on(name, (/** @type {{ message: string }} */ event) => printRow(name, event.message));
  }

  printHeading('1. What this process can really take');
  printRow('limit', limitNote);
  showSnapshot(guard.snapshot());

  printHeading('2. What fits (a dry run)');
  printRow('reserves', `${formatBytes(minFreeBytes)} stay free and 25 % stay available after a load`);
  /** @type {LoadOptions} */
  const options = {
    contextSize: CONTEXT,
    projectorPath: files.projector,
    ...(files.temporary && { quantization: 'Q5_K_M' }),
  };
  showPlan(await guard.plan(files.name, options));

  printHeading(`3. Loading ${files.name}${files.temporary ? ' Q5_K_M' : ''}`);
  const model = await nexa.loadModel(files.name, options);

  printHeading(full ? '4. Answering' : '4. Answering, then listening');
  await showAnswers(model, files, full, guard);

  printHeading('5. Its process is killed while it answers, and it goes on talking');
  await showKill(model, files);

  // What the first one really took has corrected its estimate, so the same again might fit by now.
  const contextSize = full ? 8192 : 65_536;
  printHeading(`6. A second one beside it, with ${contextSize} tokens of context`);
  await showRefusal(nexa, files.name, { ...options, contextSize });

  if (files.temporary) {
    printHeading('7. Another program takes memory');
    await showPressure(guard, other, minFreeBytes);
  }

  printHeading(`${files.temporary ? 8 : 7}. Giving it back`);
  const unloaded = new Promise((resolve) => guard.once('unloaded', resolve));
  await model.dispose();
  await unloaded;
  printRow('models', `${guard.models().length} loaded, ${formatBytes(guard.headroomBytes())} headroom`);
  guard.close();
}

/** @param {Model} model @param {Files} files @param {boolean} full @param {MemoryGuard} guard */
async function showAnswers(model, { audio, temporary }, full, guard) {
  printRow('prompt', 'Hi');
  await printAnswer(model, { prompt: 'Hi', maxTokens: 2 });
  await waitForRecovery(guard);
  if (full) {
    printRow('', '(text only: two cores take 1.2 s a token here, and a chunk of audio is 750 tokens)');
    return;
  }
  printRow('prompt', `What is said?, with ${audio}`);
  await printAnswer(model, { prompt: 'What is said?', audio, maxTokens: 24, ...(temporary && { seed: 1 }) });
  if (temporary) {
    printRow('', '(the weights are noise, so the answer is babble; the audio went through the real encoder)');
  }
}

/** Does to the model what the kernel does when memory runs out. @param {Model} model @param {Files} files */
async function showKill(model, { temporary }) {
  const prompt = { prompt: 'Tell me more', maxTokens: 4, ...(temporary && { seed: 1 }) };
  printRow('prompt', prompt.prompt);
  try {
    for await (const text of model.generate({ ...prompt, maxTokens: 500 })) {
      growRow('answer', JSON.stringify(text).slice(1, -1));
      if (model.pid !== undefined) process.kill(model.pid, 'SIGKILL');
    }
  } catch (error) {
    const { code, message } = /** @type {import('nexa-memory-guard').MemoryGuardError} */ (error);
    printRow('error', `${code}: ${message}`);
  }
  printRow('prompt', `${prompt.prompt}, once more`);
  await printAnswer(model, prompt);
}

/** @param {GuardedSdk} nexa @param {string} name @param {LoadOptions} options */
async function showRefusal(nexa, name, options) {
  try {
    await (await nexa.loadModel(name, options)).dispose();
  } catch (error) {
    const { code, requiredBytes, headroomBytes, shortfallBytes, refusedBy } =
      /** @type {import('nexa-memory-guard').InsufficientMemoryError} */ (error);
    if (code !== 'ERR_INSUFFICIENT_MEMORY') throw error;
    const numbers = `required ${formatBytes(requiredBytes)}, headroom ${formatBytes(headroomBytes)}, short of ${formatBytes(shortfallBytes)}`;
    printRow('error', `${code}: ${numbers}, refused by ${refusedBy.join(' and ')}`);
  }
}

/** @param {MemoryGuard} guard @param {OtherProgram} other @param {number} minFreeBytes */
async function showPressure(guard, other, minFreeBytes) {
  await other.takeUntil(guard, 'warning', minFreeBytes);
  await other.takeUntil(guard, 'critical', minFreeBytes);
  const took = other.takenBytes === 0 ? 'enough by being started' : formatBytes(other.takenBytes);
  printRow('', `the other program took ${took}, and ends`);
  await other.end();
  await waitForRecovery(guard);
}

/** Waits until the guard tells that pressure has ended, for 2 s at the most: there may have been none. @param {MemoryGuard} guard */
async function waitForRecovery(guard) {
  await Promise.race([
    new Promise((resolve) => guard.once('ok', resolve)),
    new Promise((resolve) => setTimeout(resolve, 2000)),
  ]);
}

/** @param {Model} model @param {import('nexa-memory-guard').GenerateOptions} request */
async function printAnswer(model, request) {
  growRow('answer', '');
  for await (const text of model.generate(request)) growRow('answer', JSON.stringify(text).slice(1, -1));
}
