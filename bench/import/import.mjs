/** What `import 'nexa-memory-guard'` costs a program that does nothing else, beside other packages: time and memory of fresh processes. Needs `npm run compile`. */
import { parseArgs } from 'node:util';
import { MiB } from 'nexa-memory-guard';
import { importStatement, listLoadedBuiltins, listLoadedFiles, runModule } from '../../tools/loaded-modules.mjs';
import { findMedian, findQuantile } from '../../tools/timing.mjs';

const EMPTY = 'an empty program';
const IMPORTED = ['nexa-memory-guard', 'eventemitter3', 'systeminformation', 'node-llama-cpp'];
const PRINT_USAGE =
  'process.stdout.write(JSON.stringify({ rssBytes: process.memoryUsage.rss(), cpu: process.cpuUsage() }));';

/** @typedef {{ wallMs: number[], cpuMs: number[], rssBytes: number[] }} Runs */

const { values } = parseArgs({ options: { runs: { type: 'string', default: '25' } } });
const runs = Number(values.runs);
if (!Number.isSafeInteger(runs) || runs < 15) throw new RangeError('Expected --runs to be 15 or more.');

/** @type {Map<string, Runs>} */
const measured = new Map([EMPTY, ...IMPORTED].map((name) => [name, { wallMs: [], cpuMs: [], rssBytes: [] }]));
// Alternating, so that a busy moment meets all of them; the first round fills the page cache and is not counted.
for (let round = 0; round <= runs; round++) {
  for (const [name, { wallMs, cpuMs, rssBytes }] of measured) {
    const one = measureProcess(name === EMPTY ? '' : importStatement(name));
    if (round === 0) continue;
    wallMs.push(one.wallMs);
    cpuMs.push(one.cpuMs);
    rssBytes.push(one.rssBytes);
  }
}

console.log(
  `\nImporting a package, ${runs} processes each, Node ${process.version} (ms from start to end of the process):`,
);
const empty = /** @type {Runs} */ (measured.get(EMPTY));
console.table(Object.fromEntries([...measured].map(([name, own]) => [name, makeRow(name, own)])));

/** @param {string} statement */
function measureProcess(statement) {
  const startMs = performance.now();
  const printed = runModule(`${statement} ${PRINT_USAGE}`);
  const wallMs = performance.now() - startMs;
  const { rssBytes, cpu } = JSON.parse(printed);
  return { wallMs, cpuMs: (cpu.user + cpu.system) / 1000, rssBytes };
}

/** @param {string} name @param {Runs} own */
function makeRow(name, own) {
  const row = {
    'median ms': round(findMedian(own.wallMs)),
    'p99 ms': round(findQuantile(own.wallMs, 0.99)),
    'CPU ms': round(findMedian(own.cpuMs)),
    'RSS MiB': round(findMedian(own.rssBytes) / MiB),
    'p99 RSS MiB': round(findQuantile(own.rssBytes, 0.99) / MiB),
  };
  if (name === EMPTY) return row;
  const more = (/** @type {keyof Runs} */ key) => findMedian(own[key]) - findMedian(empty[key]);
  return {
    ...row,
    'more ms': round(more('wallMs')),
    'more CPU ms': round(more('cpuMs')),
    'more MiB': round(more('rssBytes') / MiB),
    files: listLoadedFiles(name).length,
    "Node's modules": listLoadedBuiltins(name).length,
  };
}

/** @param {number} value */
function round(value) {
  return Number(value.toFixed(1));
}
