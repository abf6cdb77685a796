// Estimates against what the engine's own simulation says, part by part, for every architecture that it opens.
//   npm run compile && node bench/footprint/mirror.mjs [--only NAME] [--rows FILE] [--detail] [--unheard]
// --rows writes every comparison as a line of JSON; --detail prints each that is more than 3 % off; --unheard estimates each
// architecture as one that nobody has heard of.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openEstimator } from '../../lib/footprint/estimator.js';
import { readRecipes, resizeVocabulary, resizeWidth, writeRecipe } from '../../tools/architecture-file.mjs';
import { EngineQuestions } from '../../tools/engine-question.mjs';
import {
  describeRun,
  LARGE_RUNS,
  LARGE_VOCABULARY,
  OTHER_WIDTHS,
  RUNS,
  WIDTH_RUNS,
  writeEngineParameters,
  writeEstimateShape,
} from '../../tools/mirror-runs.mjs';

/** @typedef {{ weights: number, context: number, compute: number }} Parts bytes */
/** @typedef {{ name: string, run: string, engine: Parts | undefined, estimate: Parts | undefined, problem?: string }} Row one side may refuse */

const FIXTURE = new URL('../../test/fixtures/architectures.jsonl', import.meta.url);
const MiB = 2 ** 20;
const PARTS = /** @type {const} */ (['weights', 'context', 'compute']);
/** The engine counts the padding of buffers that lie side by side in another way. */
const EXACT = 1e-4;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rows: { type: 'string' },
    detail: { type: 'boolean', default: false },
    unheard: { type: 'boolean', default: false },
  },
});
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-mirror-'));
const questions = new EngineQuestions();
try {
  await compareAll();
} finally {
  await questions.close();
  fs.rmSync(folder, { recursive: true });
}

async function compareAll() {
  const startMs = performance.now();
  const rows = [];
  printLine(
    'architecture',
    'shapes',
    'exact',
    '1 %',
    'below',
    'lowest',
    'median',
    'highest',
    'weights',
    'context',
    'compute',
  );
  printLine(...new Array(11).fill('---'));
  for (const recipe of readRecipes(FIXTURE.pathname)) {
    if (values.only !== '' && recipe.name !== values.only) continue;
    const found = await compareRuns(recipe, RUNS);
    found.push(...(await compareRuns(resizeVocabulary(recipe, LARGE_VOCABULARY), LARGE_RUNS)));
    for (const [from, to] of OTHER_WIDTHS) {
      const resized = { ...resizeWidth(recipe, from, to), name: `${recipe.name}, ${to} for ${from}` };
      found.push(...(await compareRuns(resized, WIDTH_RUNS)));
    }
    rows.push(...found);
    printSummary(recipe.name, found);
  }
  if (values.rows) fs.writeFileSync(values.rows, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  printSummary('all', rows);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  console.log(`\n${rows.length} shapes in ${seconds} s.`);
  if (values.detail) for (const row of rows) printDetail(row);
}

/** @param {import('../../tools/architecture-file.mjs').Recipe} recipe @param {readonly import('../../tools/mirror-runs.mjs').MirrorRun[]} runs @returns {Promise<Row[]>} */
async function compareRuns(recipe, runs) {
  const file = path.join(folder, 'model.gguf');
  writeRecipe(file, recipe);
  const name = runs === LARGE_RUNS ? `${recipe.name}, ${recipe.vocab} tokens` : recipe.name;
  const { opened, contexts } = await questions.askModel(file, runs.map(writeEngineParameters));
  // Some widths don't go with others of the file.
  if (!opened) return [];
  /** @type {import('../../lib/footprint/estimator.js').Estimator | undefined} */
  let estimator;
  let refused = '';
  try {
    if (values.unheard) writeRecipe(file, { ...recipe, architecture: 'unheard' });
    estimator = await openEstimator(file);
  } catch (error) {
    refused = String(error);
  }
  return runs.map((run, index) => {
    const buffers = contexts[index]?.buffers;
    const engine = buffers && {
      weights: sum(buffers.map(({ weightsBytes }) => weightsBytes)),
      context: sum(buffers.map(({ contextBytes }) => contextBytes)),
      compute: sum(buffers.map(({ computeBytes }) => computeBytes)),
    };
    const row = { name, run: describeRun(run), engine, estimate: undefined };
    try {
      if (!estimator) return { ...row, problem: refused };
      const footprint = estimator.estimate(writeEstimateShape(run));
      const { weightsBytes, kvCacheBytes, computeBytes } = footprint;
      return { ...row, estimate: { weights: weightsBytes, context: kvCacheBytes, compute: computeBytes } };
    } catch (error) {
      return { ...row, problem: String(error) };
    }
  });
}

/** @param {string} name @param {readonly Row[]} rows */
function printSummary(name, rows) {
  const compared = rows.filter((row) => row.engine && row.estimate);
  const problem = rows.find((row) => row.problem)?.problem;
  if (compared.length === 0) {
    printLine(name, '0', problem ?? 'the engine refuses', ...new Array(8).fill(''));
    return;
  }
  const off = compared.map((row) => countOff(row)).sort((a, b) => a - b);
  const within = (/** @type {number} */ bound) => String(off.filter((each) => Math.abs(each) <= bound).length);
  printLine(
    name,
    String(compared.length),
    within(EXACT),
    within(0.01),
    String(compared.filter(isBelow).length),
    formatPercent(off[0]),
    formatPercent(off[Math.floor(off.length / 2)]),
    formatPercent(off.at(-1)),
    ...PARTS.map((part) => formatRange(compared, part)),
  );
}

/** @param {Row} row */
function isBelow({ engine, estimate }) {
  return PARTS.some((part) => (estimate?.[part] ?? 0) < (engine?.[part] ?? 0));
}

/** @param {Row} row @param {keyof Parts} [part] */
function countOff({ engine, estimate }, part) {
  const count = (/** @type {Parts | undefined} */ parts) =>
    !parts ? 0 : part ? parts[part] : parts.weights + parts.context + parts.compute;
  const said = count(engine);
  // A part that neither has is not off.
  return said === 0 && count(estimate) === 0 ? 0 : count(estimate) / said - 1;
}

/** @param {readonly Row[]} rows @param {keyof Parts} part */
function formatRange(rows, part) {
  const off = rows.map((row) => countOff(row, part));
  return `${formatPercent(Math.min(...off))} to ${formatPercent(Math.max(...off))}`;
}

/** @param {Row} row */
function printDetail(row) {
  const { name, run, engine, estimate, problem } = row;
  if (problem || !engine || !estimate) console.log(`${name}; ${run}: ${problem ?? 'the engine refuses'}`);
  else if (Math.abs(countOff(row)) > 0.03) {
    const parts = PARTS.map(
      (part) => `${part} ${(estimate[part] / MiB).toFixed(2)} against ${(engine[part] / MiB).toFixed(2)} MiB`,
    );
    console.log(`${name}; ${run}: ${formatPercent(countOff(row))}: ${parts.join(', ')}`);
  }
}

/** @param {readonly number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** @param {...string} cells */
function printLine(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

/** @param {number | undefined} ratio */
function formatPercent(ratio = 0) {
  return `${(ratio * 100).toFixed(1)} %`;
}
