// Estimates against real loads in processes of their own: what the engine says it allocated, and what was really taken once
// a full micro-batch was decoded.
//   npm run bench:footprint [-- --small | --only NAME] [--jobs N] [--resume ROWS]
// --small leaves out the 7B shapes, each of which takes 5 to 15 minutes, and 40 to hear, which is measured only by its name. --jobs
// loads so many at the same time, since the engine computes on one thread. --resume goes on with the rows that an interrupted
// run left.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { estimateFootprint } from 'nexa-memory-guard';
import { measureEngineLoad, sumBuffersMiB } from '../../tools/engine-load.mjs';
import { writeTone } from '../../tools/synthetic-model.mjs';
import { createEngineOptions } from '../../tools/transcripts.mjs';
import { CASES } from './cases.mjs';
import { openNodeLlamaCpp } from './node-llama-cpp.mjs';
import { Rows } from './rows.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('./rows.mjs').Row} Row */
/** @typedef {{ each: Case, modelPath: string, projectorPath: string, footprint: any, theirs: import('./node-llama-cpp.mjs').Theirs | undefined }} Prepared */

const MiB = 2 ** 20;
/** What is left to everybody else: a load waits for it. */
const LEFT_BYTES = 4 * 2 ** 30;
const TOLERANCE = 0.03;

const { values } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '1' },
    resume: { type: 'string' },
  },
});
const engine = createRequire(import.meta.url)('@fugood/llama.node/package.json').version;
const facts = { engine, node: process.version, cpu: os.cpus()[0]?.model ?? process.arch };
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-footprint-'));
try {
  await compareLoads();
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function compareLoads() {
  const rowsFile = values.resume ?? path.join(os.tmpdir(), `nexa-footprint-rows-${process.pid}.jsonl`);
  const rows = new Rows(rowsFile, facts);
  const other = await openNodeLlamaCpp();
  const beside = other ? `node-llama-cpp ${other.version}` : 'node-llama-cpp is not installed';
  console.log(`@fugood/llama.node ${engine}; Node ${facts.node}; ${facts.cpu}; ${beside}; begun ${formatNow()}`);
  console.log(`An interrupted run goes on with --resume ${rowsFile}\n`);
  const chosen = CASES.filter(({ name, full, extra }) => {
    if (values.only !== '') return name.includes(values.only);
    return !extra && !(values.small && full);
  });
  // Estimates first: they would hold up the readings of loads.
  const prepared = [];
  for (const [index, each] of chosen.entries()) prepared.push(await prepareLoad(each, index, other));
  await measureAll(prepared, rows);
  printTable(prepared.map((each) => ({ ...each, row: /** @type {Row} */ (rows.get(each.each.name)) })));
}

/** @param {Case} each @param {number} index @param {Awaited<ReturnType<typeof openNodeLlamaCpp>>} other @returns {Promise<Prepared>} */
async function prepareLoad(each, index, other) {
  const modelPath = path.join(folder, `model-${index}.gguf`);
  const projectorPath = path.join(folder, `mmproj-${index}.gguf`);
  each.write(modelPath, projectorPath);
  const footprint = await estimateFootprint({ modelPath, ...(each.hasProjector && { projectorPath }), ...each.run });
  return { each, modelPath, projectorPath, footprint, theirs: await other?.estimate(modelPath, each.run) };
}

/** @param {readonly Prepared[]} prepared @param {Rows} rows */
async function measureAll(prepared, rows) {
  const tone = path.join(folder, 'tone.wav');
  writeTone(tone, 30);
  const waiting = prepared.filter(({ each }) => rows.get(each.name) === undefined);
  /** What each running load will still take of what is available now; its mapped pages count as available. @type {Map<Prepared, number>} */
  const missing = new Map();
  const worker = async () => {
    for (;;) {
      const next = waiting.shift();
      if (!next) return;
      const { totalBytes } = next.footprint;
      const enough = () => readAvailableBytes() >= sum([...missing.values()]) + totalBytes + LEFT_BYTES;
      while (missing.size > 0 && !enough()) await sleep(1000);
      missing.set(next, totalBytes);
      const row = await measureCase(next, tone, (bytes) => missing.set(next, totalBytes - bytes));
      missing.delete(next);
      rows.add(row);
      // Their pages would stay in the cache.
      for (const file of [next.modelPath, next.projectorPath]) fs.rmSync(file, { force: true });
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
}

/** @param {Prepared} prepared @param {string} tone @param {(anonymousBytes: number) => void} seen @returns {Promise<Row>} */
async function measureCase({ each, modelPath, projectorPath }, tone, seen) {
  const { lines, measured, peakAnonymousBytes, text } = await measureEngineLoad(
    { model: modelPath, ...createEngineOptions(each.run) },
    each.hasProjector ? projectorPath : '',
    each.tokens,
    each.hears ? tone : '',
    seen,
  );
  if (!measured) throw new Error(`The engine did not load ${each.name}: ${text.slice(-2000)}`);
  const said = sumBuffersMiB(lines);
  const expected = [said.model, said.compute, said.kvCache + said.state];
  if (each.hasProjector) expected.push(said.projector, said.projectorCompute);
  if (expected.includes(0))
    throw new Error(`The engine did not tell all its buffers of ${each.name}: ${lines.join('; ')}`);
  return { name: each.name, at: formatNow(), ...facts, said, measured, peakAnonymousBytes };
}

/** @param {readonly (Prepared & { row: Row })[]} measured */
function printTable(measured) {
  printLine(
    'shape',
    'predicted',
    'engine said',
    'off',
    'anonymous predicted',
    'at peak',
    'mapped predicted',
    'mapped',
    'all against the peak',
    'tokens',
    'node-llama-cpp: formulas',
    'simulation',
    'measured',
  );
  printLine(...new Array(13).fill('---'));
  const judged = measured.map(({ each, footprint, theirs, row }) => {
    const said = sum(Object.values(row.said)) * MiB;
    const saidWithoutProjector = said - (row.said.projector + row.said.projectorCompute) * MiB;
    const predicted = footprint.totalBytes - footprint.runtimeBytes;
    const { before, decoded, mappedBytes, tokens, decodeMs } = row.measured;
    const anonymous = Math.max(row.peakAnonymousBytes, decoded?.anonymousBytes ?? 0) - before.anonymousBytes;
    const off = predicted / said - 1;
    const against = footprint.totalBytes / (anonymous + mappedBytes) - 1;
    const apart = [footprint.anonymousBytes / anonymous];
    if (mappedBytes > 0) apart.push(footprint.mappedBytes / mappedBytes);
    const lowest = Math.min(against, ...apart.map((ratio) => ratio - 1));
    printLine(
      each.name,
      formatMiB(predicted),
      formatMiB(said),
      formatPercent(off),
      formatMiB(footprint.anonymousBytes),
      formatMiB(anonymous),
      formatMiB(footprint.mappedBytes),
      formatMiB(mappedBytes),
      formatPercent(against),
      `${tokens} in ${(decodeMs / 1000).toFixed(0)} s`,
      formatEstimate(theirs?.formula, saidWithoutProjector),
      formatEstimate(theirs?.simulation, saidWithoutProjector),
      row.at,
    );
    return { off: Math.abs(off), against, lowest };
  });
  const worst = Math.max(...judged.map(({ off }) => off));
  const againsts = judged.map(({ against }) => against);
  const lowest = Math.min(...judged.map((each) => each.lowest));
  const good = worst <= TOLERANCE && lowest >= -TOLERANCE;
  console.log(
    `\n${good ? 'GOOD' : 'BAD'}: ${measured.length} shapes; at most ${formatPercent(worst)} off the engine's own sum; against what was taken at the peak between ${formatPercent(Math.min(...againsts))} and ${formatPercent(Math.max(...againsts))}, mapped and anonymous each by itself at least ${formatPercent(lowest)}.`,
  );
  if (!good) process.exitCode = 1;
}

/** Against the engine's own sum without the projector. @param {number | string | undefined} bytes @param {number} said */
function formatEstimate(bytes, said) {
  if (typeof bytes !== 'number') return bytes ?? 'not installed';
  return `${formatMiB(bytes)} (${formatPercent(bytes / said - 1)})`;
}

function readAvailableBytes() {
  return Number(/MemAvailable:\s+(\d+)/.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
}

function formatNow() {
  return `${new Date().toISOString().slice(0, 16)}Z`;
}

/** @param {readonly number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** @param {...string} cells */
function printLine(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

/** @param {number} bytes */
function formatMiB(bytes) {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

/** @param {number} ratio */
function formatPercent(ratio) {
  return `${(ratio * 100).toFixed(2)} %`;
}
