/**
 * What a process for each model costs and buys, beside models in the program: blocked event loops, aborted loads, first tokens, speed, start, memory.
 *   npm run bench:isolation [-- --short]
 * Needs Linux, 7 GiB of memory, and `npm run compile`. Its files are sparse. It takes 8 minutes, --short 3.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatBytes } from 'nexa-memory-guard';
import { findMedian, findQuantile } from '../../tools/timing.mjs';
import { DrivenProgram } from './driven-program.mjs';
import { measureBesideModel, measureIdleCpu, measureStart } from './measure-child.mjs';
import { FULL_TOKENS, GOALS, TINY_TOKENS, writeModels } from './setting.mjs';

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const RUNS = values.short
  ? { loads: 1, aborts: 4, fullTexts: 3, tinyTexts: 7, starts: 7, memory: 1, idleMs: 10_000 }
  : { loads: 3, aborts: 10, fullTexts: 9, tinyTexts: 31, starts: 20, memory: 3, idleMs: 60_000 };
const MODES = /** @type {const} */ (['none', 'process']);

/** @typedef {(typeof MODES)[number]} Mode */
/** @typedef {{ what: string, goal?: string, 'in the program'?: string, 'in a process'?: string, met?: Met }} Row */
/** 'unclear': the machine was too busy to tell. @typedef {'yes' | 'no' | 'unclear'} Met */

/** @type {Row[]} */
const rows = [];
const folder = mkdtempSync(path.join(os.tmpdir(), 'nexa-isolation-'));
process.env['XDG_CACHE_HOME'] = folder;
/** @type {Set<DrivenProgram>} */
const programs = new Set();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}

try {
  const files = writeModels(folder);
  console.log(
    `Node ${process.version}, ${os.cpus()[0]?.model}, ${os.cpus().length} cores; load average ${os.loadavg()[0]?.toFixed(1)}`,
  );
  await measureChild(files);
  const pair = await startPair();
  await measureLoads(pair, files.full);
  await measureTexts(pair, 'the 7B shape', { runs: RUNS.fullTexts, maxTokens: FULL_TOKENS });
  await measureIdle(pair);
  await closePair(pair);
  const tiny = await startPair();
  await forEachMode((mode) => tiny[mode].ask('load', { file: files.tiny }));
  await measureTexts(tiny, 'a tiny model', { runs: RUNS.tinyTexts, maxTokens: TINY_TOKENS });
  await closePair(tiny);
  await measureAborts(files.full);
  console.table(Object.fromEntries(rows.map(({ what, ...row }) => [what, row])));
} finally {
  await Promise.all([...programs].map((program) => program.close()));
  rmSync(folder, { recursive: true, force: true });
}

/** @param {Row} row @param {boolean | Met} [met] */
function add(row, met) {
  const told = met === undefined ? row : { ...row, met: typeof met === 'string' ? met : judge(met) };
  rows.push(told);
  console.log(
    Object.entries(told)
      .map(([key, value]) => `${key}: ${value}`)
      .join(', '),
  );
}

/** @param {boolean} met @returns {Met} */
function judge(met) {
  return met ? 'yes' : 'no';
}

/** @param {Mode} mode */
async function start(mode) {
  const program = await DrivenProgram.start(mode);
  programs.add(program);
  return program;
}

async function startPair() {
  return { none: await start('none'), process: await start('process') };
}

/** @param {Record<Mode, DrivenProgram>} pair */
async function closePair(pair) {
  for (const program of Object.values(pair)) {
    await program.close();
    programs.delete(program);
  }
}

/** @template T @param {(mode: Mode) => Promise<T>} action @returns {Promise<Record<Mode, T>>} */
async function forEachMode(action) {
  return { none: await action('none'), process: await action('process') };
}

/** @param {number} value */
function ms(value) {
  return `${value.toFixed(Math.abs(value) < 10 ? 2 : 0)} ms`;
}

/** @param {ReturnType<typeof writeModels>} files */
async function measureChild({ wide, narrow }) {
  /** @type {Awaited<ReturnType<typeof measureStart>>[]} */
  const starts = [];
  for (let run = 0; run <= RUNS.starts; run++) starts.push(await measureStart());
  // The first fills the page cache.
  starts.shift();
  const answers = starts.map(({ answerMs }) => answerMs);
  const median = findMedian(answers);
  add(
    {
      what: 'start of a process, to its first answer',
      goal: ms(GOALS.startMs),
      'in a process': `${ms(median)}, p99 ${ms(findQuantile(answers, 0.99))}`,
    },
    median <= GOALS.startMs,
  );
  add({ what: '  then to its opened engine', 'in a process': ms(findMedian(starts.map(({ openMs }) => openMs))) });
  const held = (/** @type {'startedBytes' | 'openedBytes'} */ key) =>
    formatBytes(findMedian(starts.map((each) => each[key])));
  add({ what: 'a process holds, started', 'in a process': held('startedBytes') });
  add({ what: '  with its engine opened', 'in a process': held('openedBytes') });
  for (const [name, file] of /** @type {const} */ ([
    ['512', narrow],
    ['152k', wide],
  ])) {
    const beside = [];
    for (let run = 0; run < RUNS.memory; run++) beside.push(await measureBesideModel(file));
    add({
      what: `  beside a model with ${name} tokens`,
      'in a process': `${formatBytes(findMedian(beside))}, most ${formatBytes(Math.max(...beside))}`,
    });
  }
}

/** In turns, after the pages of the files were read once. @param {Record<Mode, DrivenProgram>} pair @param {string} file */
async function measureLoads(pair, file) {
  addDelays('with nothing to do', await forEachMode((mode) => pair[mode].ask('wait', { ms: 5000 })), false);
  await pair.process.ask('load', { file });
  await pair.process.ask('dispose');
  /** @type {Record<Mode, (import('./program.mjs').Delay & { ms: number })[]>} */
  const loads = { none: [], process: [] };
  for (let run = 0; run < RUNS.loads; run++) {
    await forEachMode(async (mode) => {
      if (run > 0) await pair[mode].ask('dispose');
      loads[mode].push(await pair[mode].ask('load', { file }));
    });
  }
  const median = (/** @type {Mode} */ mode) => ms(findMedian(loads[mode].map((load) => load.ms)));
  add({ what: 'load of the 7B shape', 'in the program': median('none'), 'in a process': median('process') });
  addDelays('while it loads', { none: findMost(loads.none), process: findMost(loads.process) });
}

/** @param {import('./program.mjs').Delay[]} delays @returns {import('./program.mjs').Delay} */
function findMost(delays) {
  const most = (/** @type {keyof import('./program.mjs').Delay} */ key) => Math.max(...delays.map((each) => each[key]));
  return { delayMs: most('delayMs'), ownMs: most('ownMs') };
}

/** What a turn has computed is the program's own; the rest of its time others had the processors. @param {string} when @param {Record<Mode, import('./program.mjs').Delay>} delays */
function addDelays(when, { none, process: isolated }, judged = true) {
  const tell = (/** @type {import('./program.mjs').Delay} */ { delayMs, ownMs }) =>
    `${ms(delayMs)}, computing ${ms(ownMs)}`;
  add(
    {
      what: `event loop delay, most, ${when}`,
      ...(judged && { goal: ms(GOALS.delayMs) }),
      'in the program': tell(none),
      'in a process': tell(isolated),
    },
    judged ? judgeDelay(isolated) : undefined,
  );
}

/** Pairs that differ from each other by more than the goal tell of a miss only if most of them miss it. @param {number[]} differences @param {number} goal @returns {Met} */
function judgeDifferences(differences, goal) {
  if (findMedian(differences) <= goal) return 'yes';
  return findQuantile(differences, 0.25) <= goal ? 'unclear' : 'no';
}

/** @param {import('./program.mjs').Delay} delay @returns {Met} */
function judgeDelay({ delayMs, ownMs }) {
  return delayMs > GOALS.delayMs && ownMs <= GOALS.delayMs ? 'unclear' : judge(delayMs <= GOALS.delayMs);
}

/**
 * In turns, so that a busy moment meets both.
 * @param {Record<Mode, DrivenProgram>} pair @param {string} name @param {{ runs: number, maxTokens: number }} asked
 */
async function measureTexts(pair, name, { runs, maxTokens }) {
  /** @type {Record<Mode, import('./program.mjs').Told[]>} */
  const told = { none: [], process: [] };
  for (let run = 0; run <= runs; run++) {
    const modes = run % 2 === 0 ? MODES : MODES.toReversed();
    for (const mode of modes) {
      const text = await pair[mode].ask('generate', { prompt: `${run}`, maxTokens });
      // The first touches what the model computes in.
      if (run > 0) told[mode].push(text);
    }
  }
  const pairs = told.none.map((none, at) => ({ none, process: /** @type {typeof none} */ (told.process[at]) }));
  const laterMs = pairs.map(({ none, process }) => process.firstMs - none.firstMs);
  const median = (/** @type {Mode} */ mode, /** @type {keyof import('./program.mjs').Told} */ key) =>
    findMedian(told[mode].map((each) => each[key]));
  add(
    {
      what: `first token of ${name}, later by`,
      goal: ms(GOALS.firstTokenMs),
      'in the program': ms(median('none', 'firstMs')),
      'in a process': `${ms(median('process', 'firstMs'))}; ${ms(findMedian(laterMs))} later`,
    },
    judgeDifferences(laterMs, GOALS.firstTokenMs),
  );
  const losses = pairs.map(({ none, process }) => 100 * (1 - process.tokensPerSecond / none.tokensPerSecond));
  add(
    {
      what: `tokens per second of ${name}, loss`,
      goal: `${GOALS.lossPercent} %`,
      'in the program': median('none', 'tokensPerSecond').toFixed(2),
      'in a process': `${median('process', 'tokensPerSecond').toFixed(2)}; ${findMedian(losses).toFixed(1)} % less`,
    },
    judgeDifferences(losses, GOALS.lossPercent),
  );
  addDelays(`while ${name} writes`, { none: findMost(told.none), process: findMost(told.process) });
}

/** Both programs have an idle model. @param {Record<Mode, DrivenProgram>} pair */
async function measureIdle(pair) {
  const { pid } = await pair.process.ask('find');
  await sleep(1000);
  const child = measureIdleCpu(pid, RUNS.idleMs);
  const [none, isolated] = await Promise.all(MODES.map((mode) => pair[mode].ask('idle', { ms: RUNS.idleMs })));
  const perMinute = (/** @type {{ cpuMs: number }} */ { cpuMs }) => ms((cpuMs * 60_000) / RUNS.idleMs);
  add({
    what: 'CPU of the program for a minute, one idle model',
    'in the program': perMinute(none),
    'in a process': perMinute(isolated),
  });
  add({ what: '  and of the process of the model', 'in a process': ms(await child) });
}

/** At moments that are spread over a load. @param {string} file */
async function measureAborts(file) {
  for (const [name, options] of /** @type {const} */ ([
    ['mapped', {}],
    ['read into memory', { mmap: false }],
  ])) {
    const program = await start('process');
    const { ms: loadMs } = await program.ask('load', { file, options });
    await program.ask('dispose');
    const times = [];
    for (let run = 0; run < RUNS.aborts; run++) {
      const afterMs = (loadMs * (run + 0.5)) / RUNS.aborts;
      const { loaded, ms: tookMs } = await program.ask('abort', { file, options, afterMs });
      if (!loaded) times.push(tookMs);
    }
    await program.close();
    programs.delete(program);
    add(
      {
        what: `aborted load of the 7B shape, ${name}`,
        goal: ms(GOALS.abortMs),
        'in a process': `${ms(findMedian(times))}, worst ${ms(Math.max(...times))} of ${times.length}`,
      },
      Math.max(...times) <= GOALS.abortMs,
    );
  }
}
