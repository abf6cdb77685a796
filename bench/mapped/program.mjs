/** One variant in a process of its own, inside the limited group: loads two models and times their answers. It knows no control groups. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { formatBytes, NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { ANSWER_TOKENS, ANSWERS, FIRST, LOAD, RESERVES, ROWS, SECOND } from './setting.mjs';

/** @typedef {{ tokensPerSecond: number, faultsPerToken: number, bytesPerToken: number }} Answer */
/** @typedef {Record<string, Answer[]>} Rows */
/** @typedef {Awaited<ReturnType<NexaSDK['loadModel']>>} Model */
/** @typedef {import('nexa-memory-guard').InsufficientMemoryError} Refusal */

let allTokens = 0;

/** @param {string} text */
const printLine = (text) => console.log(`  ${text}`);

/** @param {string} directory @returns {Promise<Rows>} */
async function runUnguarded(directory) {
  const sdk = await NexaSDK.initialize({ isolation: 'none' });
  const first = await loadModel(sdk, directory, FIRST);
  const alone = await measureAnswers(first, 'A');
  const second = await loadModel(sdk, directory, SECOND);
  await measureAnswer(second);
  printLine('A and B answer in turns');
  const beside = [];
  for (let turn = 0; turn < ANSWERS; turn++) {
    beside.push(await measureAnswer(first));
    await measureAnswer(second);
  }
  printLine('A and B answer at the same time');
  const atOnce = await runWhileAnswering(second, () => measureAnswers(first, 'A'));
  await sdk.dispose();
  return { [ROWS[0]]: alone, [ROWS[1]]: beside, [ROWS[2]]: atOnce };
}

/** @param {string} directory @returns {Promise<Rows>} */
async function runGuarded(directory) {
  const nexa = withMemoryGuard(await NexaSDK.initialize({ isolation: 'none' }), RESERVES);
  const first = await loadModel(nexa, directory, FIRST);
  const alone = await measureAnswers(first, 'A');
  try {
    await loadModel(nexa, directory, SECOND);
    throw new Error('The second load was not refused: the limit holds both models, or the guard missed one.');
  } catch (error) {
    const { code, plan } = /** @type {Refusal} */ (error);
    if (code !== 'ERR_INSUFFICIENT_MEMORY') throw error;
    printRefusal(plan);
  }
  const after = await measureAnswers(first, 'A');
  nexa.guard.close();
  await nexa.dispose();
  return { [ROWS[3]]: alone, [ROWS[4]]: after };
}

/** Available says that it would fit, headroom says that it doesn't: what is between them is mapped. @param {Refusal['plan']} plan */
function printRefusal({ availableBytes, headroomBytes, candidates }) {
  for (const { need, rules } of candidates) {
    const neededBytes = need.mappedBytes + need.anonymousBytes;
    const fits = availableBytes - neededBytes >= RESERVES.minFreeBytes ? 'it would fit' : 'it would not fit';
    printLine(
      `B is refused by ${rules
        .filter(({ passed }) => !passed)
        .map(({ rule }) => rule)
        .join(' and ')}:`,
    );
    printLine(
      `  needed ${formatBytes(neededBytes)}, ${formatBytes(need.mappedBytes)} of it mapped, ${formatBytes(RESERVES.minFreeBytes)} to stay free`,
    );
    printLine(`  available ${formatBytes(availableBytes)}: by this figure ${fits}`);
    printLine(
      `  headroom  ${formatBytes(headroomBytes)}: ${formatBytes(availableBytes - headroomBytes)} less, mapped by A or promised to it`,
    );
  }
}

/** @param {Pick<NexaSDK, 'loadModel'>} sdk @param {string} directory @param {string} file */
async function loadModel(sdk, directory, file) {
  const before = readCounters();
  const model = await sdk.loadModel(path.join(directory, file), LOAD);
  const after = readCounters();
  printLine(
    `${file} loaded in ${(after.ms - before.ms).toFixed(0)} ms, ${formatBytes(after.readBytes - before.readBytes)} read from disk`,
  );
  return model;
}

/** The first one fills caches and is not counted. @param {Model} model @param {string} name */
async function measureAnswers(model, name) {
  printLine(`${name} answers`);
  await measureAnswer(model);
  const measured = [];
  for (let turn = 0; turn < ANSWERS; turn++) measured.push(await measureAnswer(model));
  return measured;
}

/** @template T @param {Model} other @param {() => Promise<T>} action @returns {Promise<T>} */
async function runWhileAnswering(other, action) {
  let running = true;
  const answering = (async () => {
    while (running) await measureAnswer(other);
  })();
  try {
    return await action();
  } finally {
    running = false;
    await answering;
  }
}

/** Faults and bytes are the whole process's, so they are shared by the tokens of both models. @param {Model} model @returns {Promise<Answer>} */
async function measureAnswer(model) {
  const before = readCounters();
  let own = 0;
  for await (const _ of model.generate({ prompt: 'Hi', maxTokens: ANSWER_TOKENS, temperature: 0, seed: 1 })) {
    own++;
    allTokens++;
  }
  const after = readCounters();
  const tokens = after.tokens - before.tokens;
  return {
    tokensPerSecond: (1000 * own) / (after.ms - before.ms),
    faultsPerToken: (after.faults - before.faults) / tokens,
    bytesPerToken: (after.readBytes - before.readBytes) / tokens,
  };
}

/** Counters of the whole process. `read_bytes: 415418368` in /proc/self/io is what was really fetched from a disk. */
function readCounters() {
  const readBytes = Number(/^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  return { ms: performance.now(), tokens: allTokens, faults: process.resourceUsage().majorPageFault, readBytes };
}

const orphaned = () => process.exit(1);
process.on('disconnect', orphaned);
const [, , variant, directory = ''] = process.argv;
const rows = await (variant === 'guarded' ? runGuarded(directory) : runUnguarded(directory));
process.off('disconnect', orphaned);
process.send?.(rows, () => process.disconnect());
