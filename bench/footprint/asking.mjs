// What asking an engine costs: each figure is the median of processes that are fresh, with an empty folder of answers unless it says otherwise.
//   npm run compile && node bench/footprint/asking.mjs [--runs 9] [--engine NAME]
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { writeModel } from '../../tools/architectures.mjs';
import { readProcessMemory } from '../../tools/process-memory.mjs';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { findMedian } from '../../tools/timing.mjs';
import { ENGINES } from './case-defaults.mjs';
import { runScript } from './real-load.mjs';

/** @typedef {import('./ask-once.mjs').Request} Request */
/** @typedef {import('./ask-once.mjs').Asked} Asked */
/** @typedef {Pick<Request, 'files' | 'shapes'> & Partial<Request> & { primed?: boolean }} Question `primed`: this engine has answered about another file before */

const MiB = 2 ** 20;
const LIMIT_MS = 60_000;
/** A ladder may take so many times what one ask for each file takes, and so much for each further context. */
const LADDER_RATIO = 1.2;
const FURTHER_MS = 10;
const AGAIN_MS = 1;
/** Contexts of one file that a guard asks for at once. @type {Request['shapes']} */
const FOUR_TYPES = /** @type {const} */ (['f16', 'q8_0', 'q4_0', 'f32']).map((kvCacheType) => ({
  contextSize: 4096,
  kvCacheType,
}));
const EIGHT = { hidden: 4096, layers: 32, heads: 32, kvHeads: 8, ffn: 14_336, random: false };

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '9' }, engine: { type: 'string', default: '' } },
});
const runs = Number(values.runs);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-asking-'));
process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
// Processes that are under way end with this one.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
await measureAll();

async function measureAll() {
  const [load] = os.loadavg();
  console.log(
    `Node ${process.version}; ${os.cpus()[0]?.model}, ${os.cpus().length} cores, ${load?.toFixed(1)} programs running; ${new Date().toISOString().slice(0, 16)}Z`,
  );
  console.log(`Medians of ${runs} processes, in brackets the best and the worst.\n`);
  const small = writeSmall();
  const files = {
    small,
    '8B, 128k tokens': writeLarge('8b', 128_256),
    '8B, 262k tokens': writeLarge('8b-262k', 262_144),
  };
  let good = true;
  for (const engine of ENGINES.filter((each) => each.includes(values.engine))) {
    printLine(
      ...[
        'engine',
        'file',
        'header, ms',
        'first ask ever, ms',
        'one ask, ms',
        'with 3 more contexts',
        'all from 256 to 32768',
      ],
      ...['again, ms', 'from disk, ms', 'longest delay, ms', 'asking process, MiB'],
    );
    printLine(...new Array(11).fill('---'));
    for (const [name, file] of Object.entries(files)) {
      if (!(await measureFile(engine, name, file, small))) good = false;
    }
    console.log('');
    if (!(await measureLadder(engine, small))) good = false;
    console.log('');
  }
  console.log(good ? 'GOOD' : 'BAD');
  if (!good) process.exitCode = 1;
}

/** @param {Request['engine']} engine @param {string} name @param {string} file @param {string} small */
async function measureFile(engine, name, file, small) {
  const one = { files: [file], shapes: FOUR_TYPES.slice(0, 1) };
  const first = await askOften(engine, one);
  const primed = await askOften(engine, { ...one, primed: true }, small);
  const more = await askOften(engine, { ...one, shapes: FOUR_TYPES, primed: true }, small);
  const range = await askOften(
    engine,
    { ...one, shapes: [{ contextSize: 32_768 }], leastTokens: 256, primed: true },
    small,
  );
  const listening = await askOften(engine, { ...one, primed: true, listens: true }, small);
  const directory = fs.mkdtempSync(path.join(folder, 'answers-'));
  await askOnce({ ...one, engine, directory });
  const kept = [];
  for (let run = 0; run < runs; run++) kept.push(await askOnce({ ...one, engine, directory }));
  const again = primed.map(({ againMs }) => againMs);
  const fromDisk = kept.map(({ askMs }) => askMs);
  printLine(
    ...[engine, name, format(primed.map(({ openMs }) => openMs))],
    ...[first, primed, more, range].map((each) => format(each.map(({ askMs }) => askMs))),
    ...[format(again, 2), format(fromDisk, 2), format(listening.map(({ delayMs = Number.NaN }) => delayMs))],
    (await measureAskingProcess({ ...one, engine, directory: fs.mkdtempSync(path.join(folder, 'answers-')) })).toFixed(
      1,
    ),
  );
  return Math.max(findMedian(again), findMedian(fromDisk)) < AGAIN_MS;
}

/** Three files, two contexts each, against one ask for each of them. @param {Request['engine']} engine @param {string} small */
async function measureLadder(engine, small) {
  const files = ['a', 'b', 'c'].map((name) => writeLarge(name, 128_256));
  const apart = [];
  for (const file of files)
    apart.push(await askOften(engine, { files: [file], shapes: FOUR_TYPES.slice(0, 1), primed: true }, small));
  const ladder = await askOften(engine, { files, shapes: FOUR_TYPES.slice(0, 2), primed: true }, small);
  const sumMs = apart.reduce((sum, each) => sum + findMedian(each.map(({ askMs }) => askMs)), 0);
  const ladderMs = findMedian(ladder.map(({ askMs }) => askMs));
  const boundMs = LADDER_RATIO * sumMs + FURTHER_MS * files.length;
  const good = ladderMs <= boundMs;
  console.log(
    `${engine}: a ladder of 3 files of 8B with 2 contexts each, ${format(ladder.map(({ askMs }) => askMs))} ms; one ask for each file, ${sumMs.toFixed(1)} ms together; at most ${boundMs.toFixed(1)}: ${good ? 'good' : 'BAD'}.`,
  );
  return good;
}

/** @param {Request['engine']} engine @param {Question} question @param {string} [small] a file that was asked about before */
async function askOften(engine, { primed = false, ...question }, small = '') {
  const asked = [];
  for (let run = 0; run < runs; run++) {
    const directory = fs.mkdtempSync(path.join(folder, 'answers-'));
    // With another context, so that the answer to it is not the one that is asked for.
    if (primed) await askOnce({ files: [small], shapes: [{ contextSize: 256 }], engine, directory });
    asked.push(await askOnce({ ...question, engine, directory }));
    fs.rmSync(directory, { recursive: true });
  }
  return asked;
}

/** @param {Request} request @param {(pid: number) => void} [tellStarted] @returns {Promise<Asked>} */
async function askOnce(request, tellStarted) {
  const { found, problem } = await runScript('./ask-once.mjs', request, {
    limitMs: LIMIT_MS,
    ...(tellStarted && { tellStarted }),
  });
  if (problem ?? found?.problem) throw new Error(problem ?? found.problem);
  return found;
}

/** The most anonymous memory of the process that asks for another one, in MiB. @param {Request} request */
async function measureAskingProcess(request) {
  let pid = 0;
  let most = 0;
  let ended = false;
  const watching = (async () => {
    for (; !ended; await sleep(1)) {
      for (const child of listChildren(pid)) most = Math.max(most, readAnonymous(child));
    }
  })();
  await askOnce(request, (started) => {
    pid = started;
  });
  ended = true;
  await watching;
  return most / MiB;
}

/** @param {number} pid */
function listChildren(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text
      .split(' ')
      .map(Number)
      .filter((child) => child > 0);
  } catch {
    return [];
  }
}

/** 0 of a process that is gone. @param {number} pid */
function readAnonymous(pid) {
  try {
    return readProcessMemory(pid).anonymousBytes || 0;
  } catch {
    return 0;
  }
}

function writeSmall() {
  const file = path.join(folder, 'small.gguf');
  writeModel(file, { architecture: 'llama', heads: 8, kvHeads: 4, vocab: 2048 });
  return file;
}

/** With as many merges as a vocabulary of that size has. @param {string} name @param {number} vocab */
function writeLarge(name, vocab) {
  const file = path.join(folder, `${name}.gguf`);
  const merges = Array.from({ length: vocab - 512 }, (_, index) => `a${index.toString(36)} b`);
  writeLanguageModel(file, { ...EIGHT, vocab, merges, quantization: 'Q4_K_M' });
  return file;
}

/** @param {readonly number[]} all @param {number} [digits] */
function format(all, digits = 1) {
  const [median, best, worst] = [findMedian(all), Math.min(...all), Math.max(...all)].map((each) =>
    each.toFixed(digits),
  );
  return `${median} (${best} … ${worst})`;
}

/** @param {...string} cells */
function printLine(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}
