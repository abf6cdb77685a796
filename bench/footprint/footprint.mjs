// Estimates against real loads in processes of their own: what the engine says it allocated, and what was really taken once
// a full micro-batch was decoded.
//   npm run bench:footprint [-- --small | --only NAME] [--engine NAME] [--jobs N] [--resume ROWS]
// --small leaves out the 7B shapes, each of which takes 5 to 15 minutes, and 40 to hear. --only takes the shapes whose name has that in it. --jobs
// loads so many at the same time. --resume goes on with the loads that an interrupted run left; estimates are made again.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readGguf } from '../../lib/gguf/read-gguf.js';
import { CASES } from './cases.mjs';
import { misses } from './judge.mjs';
import { printLoads } from './print-loads.mjs';
import { runScript } from './real-load.mjs';
import { Rows } from './rows.mjs';
import { readSaidBuffers } from './said-buffers.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('./cases.mjs').EngineName} EngineName */
/** @typedef {import('./cases.mjs').Files} Files */
/** @typedef {import('./judge.mjs').Loaded} Loaded */
/** @typedef {import('./judge.mjs').Predictions} Predictions */

/** What is left to everybody else: a load waits for it. */
const LEFT_BYTES = 4 * 2 ** 30;
const LIMIT_MS = 600_000;
const FULL_LIMIT_MS = 3_600_000;
const PREDICT_LIMIT_MS = 60_000;
/** Without a heap that is given back late, by another thread: it would look like memory of the engine. */
const LOAD_FLAGS = ['--expose-gc', '--single-threaded-gc', '--max-semi-space-size=1'];
const SCRIPTS = { '@fugood/llama.node': './load-llama-node.mjs', 'node-llama-cpp': './load-node-llama-cpp.mjs' };

const { values } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    engine: { type: 'string', default: '' },
    jobs: { type: 'string', default: '1' },
    resume: { type: 'string' },
  },
});
const require = createRequire(import.meta.url);
const facts = { node: process.version, cpu: os.cpus()[0]?.model ?? process.arch };
const versions = {
  '@fugood/llama.node': require('@fugood/llama.node/package.json').version,
  'node-llama-cpp': JSON.parse(fs.readFileSync(findNodeLlamaCpp(), 'utf8')).version,
};
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-footprint-'));
process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
// Processes that are under way end with this one.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
if (!(await compareLoads())) process.exitCode = 1;

async function compareLoads() {
  const rowsFile = values.resume ?? path.join(os.tmpdir(), `nexa-footprint-rows-${process.pid}.jsonl`);
  const rows = new Rows(rowsFile);
  const engines = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(
    `${engines.join(', ')}; Node ${facts.node}; ${facts.cpu}, ${os.cpus().length} cores; begun ${formatNow()}; MiB`,
  );
  console.log(`An interrupted run goes on with --resume ${rowsFile}\n`);
  const chosen = CASES.filter(({ name, full }) => name.includes(values.only) && !(values.small && full));
  const waiting = chosen.flatMap((each) =>
    each.engines.filter((engine) => engine.includes(values.engine)).map((engine) => ({ each, engine })),
  );
  /** @type {Loaded[]} */
  const all = new Array(waiting.length);
  const queue = [...waiting.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, { each, engine }] = next;
      const loaded = await compareLoad(each, engine, rows);
      all[index] = loaded;
      process.stderr.write(
        `${formatNow()} ${index + 1} of ${all.length}: ${each.name}, ${engine}${misses(loaded) ? ': MISSES' : ''}\n`,
      );
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  return printLoads(all);
}

/** @param {Case} each @param {EngineName} engine @param {Rows} rows @returns {Promise<Loaded>} */
async function compareLoad(each, engine, rows) {
  const own = fs.mkdtempSync(path.join(folder, 'shape-'));
  try {
    const files = each.write(own);
    const predictions = await predict(each, engine, files, own);
    const about = { name: each.name, engine, version: versions[engine], ...facts };
    const row = rows.get(about) ?? { ...about, at: '', ...(await load(each, engine, files, predictions)) };
    if (row.at === '') rows.add({ ...row, at: formatNow() });
    return { name: each.name, engine, embeds: each.run.embeddings === true, predictions, row };
  } finally {
    // Their pages would stay in the cache.
    fs.rmSync(own, { recursive: true });
  }
}

/** @param {Case} each @param {EngineName} asked @param {Files} files @param {string} own @returns {Promise<Predictions>} */
async function predict({ run }, asked, files, own) {
  const ran = asked === 'node-llama-cpp' ? await changeBatch(run, files.model) : run;
  const cache = { XDG_CACHE_HOME: path.join(own, 'cache') };
  const ask = (/** @type {boolean} */ alone) =>
    runScript('./predict.mjs', { files, run: ran, asked, alone }, { limitMs: PREDICT_LIMIT_MS, env: cache });
  const cold = await ask(false);
  const fromDisk = await ask(false);
  const alone = await ask(true);
  const problem = cold.problem ?? alone.problem;
  return {
    ...(cold.found && { asked: { ...cold.found, coldMs: cold.found.ms, diskMs: fromDisk.found?.ms } }),
    ...(alone.found && { own: { ...alone.found, coldMs: alone.found.ms } }),
    ...(problem !== undefined && { problem }),
  };
}

/** node-llama-cpp has its context compute one token more at once if layers slide. @param {Case['run']} run @param {string} model */
async function changeBatch(run, model) {
  const { metadata, architecture } = await readGguf(model);
  const slides = Number(metadata.get(`${architecture}.attention.sliding_window`) ?? 0) > 0;
  const { microBatchSize: batch = 512, fullSlidingCache = false } = run;
  return slides && !fullSlidingCache ? { ...run, microBatchSize: batch + 1, batchSize: batch + 1 } : run;
}

/** @param {Case} each @param {EngineName} engine @param {Files} files @param {Predictions} predictions */
async function load({ run, use, full }, engine, files, predictions) {
  const needed = predictions.asked?.footprint.totalBytes ?? 0;
  while (readAvailableBytes() < needed + LEFT_BYTES) await sleep(1000);
  const { text, found, problem } = await runScript(
    SCRIPTS[engine],
    { files, run, use },
    { limitMs: full ? FULL_LIMIT_MS : LIMIT_MS, flags: LOAD_FLAGS },
  );
  return problem === undefined ? { said: readSaidBuffers(text), measured: found } : { problem };
}

/** The package lets nobody see its description. */
function findNodeLlamaCpp() {
  const folders = require.resolve.paths('node-llama-cpp') ?? [];
  const places = folders.map((each) => path.join(each, 'node-llama-cpp', 'package.json'));
  return places.find((place) => fs.existsSync(place)) ?? 'node-llama-cpp';
}

function readAvailableBytes() {
  return Number(/MemAvailable:\s+(\d+)/.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
}

function formatNow() {
  return `${new Date().toISOString().slice(0, 16)}Z`;
}
