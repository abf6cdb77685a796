/** The guard's life in one screen: snapshot, plan, a downgraded load, a refused one, pressure, and memory that comes back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { estimateFootprint, formatBytes, MiB, NexaSDK, readMemory, withMemoryGuard } from 'nexa-memory-guard';
import { CONTEXT } from './files.mjs';
import { growRow, printHeading, printRow, showPlan, showSnapshot } from './screen.mjs';

/** @typedef {import('./files.mjs').Files} Files */

/**
 * @param {object} scene
 * @param {Files} scene.files
 * @param {boolean} scene.full
 * @param {string | undefined} scene.limitFile where this process's group takes its limit; absent where there is no group
 * @param {string} scene.limitNote why
 */
export async function runLife({ files, full, limitFile, limitNote }) {
  const minFreeBytes = (full ? 512 : 64) * MiB;
  const sdk = await NexaSDK.initialize({ modelsDir: files.directory });
  const eater = new Eater();
  try {
    await eater.take(0);
    await showLife({ files, full, limitFile, limitNote }, sdk, eater, minFreeBytes);
  } finally {
    await eater.end();
    await sdk.dispose();
  }
}

/** @param {Parameters<typeof runLife>[0]} scene @param {NexaSDK} sdk @param {Eater} eater @param {number} minFreeBytes */
async function showLife({ files, full, limitFile, limitNote }, sdk, eater, minFreeBytes) {
  const limit = files.temporary ? await setLimit(files, minFreeBytes, limitFile) : undefined;
  const nexa = withMemoryGuard(sdk, {
    minFreeBytes,
    dwellMs: 200,
    ...(limit && !limitFile && { sensor: () => readInjected(limit.totalBytes, eater) }),
  });
  const { guard } = nexa;
  for (const name of /** @type {const} */ ([
    'downgraded',
    'admitted',
    'loaded',
    'refused',
    'ok',
    'warning',
    'critical',
    'unloaded',
    'degraded',
  ])) {
    guard.on(name, (/** @type {{ message: string }} */ event) => printRow(name, event.message));
  }

  printHeading('1. What this process can really take');
  printRow('limit', limitNote);
  showSnapshot(guard.snapshot());

  printHeading('2. What fits (a dry run)');
  printRow('reserves', `${formatBytes(minFreeBytes)} stay free and 25 % stay available after a load`);
  const options = {
    contextSize: CONTEXT,
    projectorPath: files.projector,
    ...(files.temporary && { quantization: /** @type {const} */ ('Q5_K_M') }),
  };
  showPlan(await guard.plan(files.name, options));

  printHeading(`3. Loading ${files.name}${files.temporary ? ' Q5_K_M' : ''}`);
  const model = await nexa.loadModel(files.name, options);

  printHeading(full ? '4. Answering' : '4. Answering, then listening');
  printRow('prompt', 'Hi');
  await printAnswer(model, { prompt: 'Hi', maxTokens: 2 });
  await waitForRecovery(guard);
  if (full) printRow('', '(text only: two cores take 1.2 s a token here, and a chunk of audio is 750 tokens)');
  else await askAboutAudio(model, files);

  // What the first one really took has corrected its estimate, so the same again might fit by now.
  const contextSize = full ? 8192 : 65_536;
  printHeading(`5. A second one beside it, with ${contextSize} tokens of context`);
  try {
    await (await nexa.loadModel(files.name, { ...options, contextSize })).dispose();
  } catch (error) {
    const { code, requiredBytes, availableBytes, shortfallBytes, refusedBy } =
      /** @type {import('nexa-memory-guard').InsufficientMemoryError} */ (error);
    if (code !== 'ERR_INSUFFICIENT_MEMORY') throw error;
    const numbers = `required ${formatBytes(requiredBytes)}, available ${formatBytes(availableBytes)}, short of ${formatBytes(shortfallBytes)}`;
    printRow('error', `${code}: ${numbers}, refused by ${refusedBy.join(' and ')}`);
  }

  if (files.temporary) {
    printHeading('6. Another program takes memory');
    await eater.until(guard, 'warning', minFreeBytes);
    await eater.until(guard, 'critical', minFreeBytes);
    printRow('', `the other program took ${formatBytes(eater.takenBytes)} and ends`);
    await eater.end();
    await waitForRecovery(guard);
  }

  printHeading(`${files.temporary ? 7 : 6}. Giving it back`);
  const unloaded = new Promise((resolve) => guard.once('unloaded', resolve));
  await model.dispose();
  await unloaded;
  printRow('models', `${guard.models().length} loaded, ${formatBytes(guard.headroomBytes())} headroom`);
  guard.close();
}

/** Waits until the guard tells that pressure has ended, for 2 s at the most: there may have been none. @param {import('nexa-memory-guard').MemoryGuard} guard */
async function waitForRecovery(guard) {
  await Promise.race([
    new Promise((resolve) => guard.once('ok', resolve)),
    new Promise((resolve) => setTimeout(resolve, 2000)),
  ]);
}

/** @param {import('nexa-memory-guard').NexaModel} model @param {Files} files */
async function askAboutAudio(model, { audio, temporary }) {
  printRow('prompt', `What is said?, with ${audio}`);
  await printAnswer(model, { prompt: 'What is said?', audio, maxTokens: 24, ...(temporary && { seed: 1 }) });
  if (temporary)
    printRow('', '(the weights are noise, so the answer is babble; the audio went through the real encoder)');
}

/** @param {import('nexa-memory-guard').NexaModel} model @param {import('nexa-memory-guard').GenerateOptions} request */
async function printAnswer(model, request) {
  growRow('answer', '');
  for await (const text of model.generate(request)) growRow('answer', JSON.stringify(text).slice(1, -1));
}

/**
 * Limits this process so that the step below the asked one just fits: at full size Q4_0, else Q4_K_M.
 * @param {Files} files @param {number} minFreeBytes @param {string | undefined} limitFile
 */
async function setLimit(files, minFreeBytes, limitFile) {
  const { models, projector } = files;
  const sizes = await Promise.all(
    Object.values(models).map((modelPath) =>
      estimateFootprint({ modelPath, projectorPath: projector, contextSize: CONTEXT }),
    ),
  );
  const [best = 0, middle = 0, least = 0] = sizes.map(({ totalBytes }) => totalBytes);
  const headroomBytes =
    minFreeBytes + (middle - least > 32 * MiB ? (middle + least) / 2 : middle + 0.75 * (best - middle));
  const usedBytes = limitFile
    ? (readMemory().scopes.at(-1)?.usedBytes ?? 0) - (readMemory().scopes.at(-1)?.reclaimableBytes ?? 0)
    : readOwnBytes();
  const totalBytes = Math.round(headroomBytes + usedBytes);
  if (limitFile) writeFileSync(limitFile, String(totalBytes));
  return { totalBytes };
}

/** Where no real limit may be set: the same arithmetic over this process and the other program. @param {number} totalBytes @param {Eater} eater */
function readInjected(totalBytes, eater) {
  return { totalBytes, availableBytes: Math.max(0, totalBytes - readOwnBytes() - eater.takenBytes) };
}

/** What this process holds besides mapped files, as far as every system tells. */
function readOwnBytes() {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}

/** The other program, fed in steps. */
class Eater {
  takenBytes = 0;
  #child = spawn(process.execPath, [fileURLToPath(new URL('eater.mjs', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  #answers = readline.createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();

  /** Takes memory until the guard tells this level. @param {import('nexa-memory-guard').MemoryGuard} guard @param {'warning' | 'critical'} level @param {number} minFreeBytes */
  async until(guard, level, minFreeBytes) {
    let told = guard.status().status === level || guard.status().status === 'critical';
    guard.once(level, () => {
      told = true;
    });
    while (!told) {
      await this.take(Math.max(1, Math.round(minFreeBytes / MiB / 32)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** @param {number} mib */
  async take(mib) {
    this.#child.stdin.write(`${mib}\n`);
    this.takenBytes = Number((await this.#answers.next()).value) * MiB;
  }

  async end() {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exit;
    this.takenBytes = 0;
  }
}
