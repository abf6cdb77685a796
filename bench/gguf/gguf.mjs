// What reading a header costs, against other readers, each figure from fresh processes in the same run.
//   npm run build:js && node bench/gguf/gguf.mjs [model.gguf]
// Without a path it writes sparse files: the shape of Qwen2-Audio 7B, and headers made to cost memory.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findMedian } from '../../tools/timing.mjs';
import { HEADERS } from './headers.mjs';

const CHILDREN = 9;
const OWN = 'nexa-memory-guard';
const MiB = 2 ** 20;

/** @type {Record<string, () => Promise<(path: string) => Promise<unknown>>>} */
const READERS = {
  [OWN]: async () => (await import('../../lib/gguf/read-gguf.js')).readGguf,
  '@huggingface/gguf': async () => {
    const { gguf } = await import('@huggingface/gguf');
    return (path) => gguf(path, { allowLocalFile: true });
  },
  'node-llama-cpp': async () => {
    const entry = createRequire(import.meta.url).resolve('node-llama-cpp');
    const { readGgufFileInfo } = await import(pathToFileURL(entry).href);
    return (path) => readGgufFileInfo(path, { logWarnings: false });
  },
};

/** @typedef {(path: string) => Promise<unknown>} Read */
/** Each in a process of its own, which reads for the first time. @type {Record<string, (read: Read, path: string, name: string) => Promise<Record<string, number | string>>>} */
const MEASUREMENTS = {
  '--time': measureTime,
  '--block': measureBlock,
  '--resident': measureResident,
  '--heap': measureHeap,
};

const [mode = '', name = '', file = ''] = process.argv.slice(2);
const measurement = MEASUREMENTS[mode];
if (measurement) {
  const read = await READERS[name]?.();
  if (!read) throw new Error(`No reader is called ${name}.`);
  await sleep(50);
  console.log(JSON.stringify(await measurement(read, file, name)));
} else await printTables(mode);

/** First call of the process, later calls that read, later calls that need not read. @param {Read} read @param {string} path @param {string} name */
async function measureTime(read, path, name) {
  const coldMs = await measureMs(() => read(path));
  // Another name for the same file is read anew, and is settled already.
  const links = mkdtempSync(join(tmpdir(), 'gguf-links-'));
  const warm = [];
  for (let index = 0; index < 5; index++) {
    const link = join(links, `${index}.gguf`);
    symlinkSync(path, link);
    warm.push(await measureMs(() => read(link)));
  }
  await read(path);
  const again = [];
  for (let index = 0; index < (name === OWN ? 2000 : 3); index++) again.push(await measureMs(() => read(path)));
  rmSync(links, { recursive: true });
  return { coldMs, warmMs: findMedian(warm), againMs: findMedian(again) };
}

/** The longest time between two turns of the event loop. @param {Read} read @param {string} path */
async function measureBlock(read, path) {
  let blockMs = 0;
  let last = performance.now();
  await runWhileReading(read, path, () => {
    const now = performance.now();
    blockMs = Math.max(blockMs, now - last);
    last = now;
  });
  return { blockMs };
}

/**
 * What the kernel counted at the peak of the call, by which the process grew: all of it, and anonymous memory alone. The rest is
 * pages of node's own program file, such as its compiler, which is needed for the first time. @param {Read} read @param {string} path
 */
async function measureResident(read, path) {
  const before = readStatus();
  writeFileSync('/proc/self/clear_refs', '5');
  const outcome = await describeOutcome(read(path));
  const after = readStatus();
  const peakMiB = (after.VmHWM - before.VmRSS) / 1024;
  return { outcome, peakMiB, anonymousMiB: peakMiB - (after.RssFile - before.RssFile) / 1024 };
}

/** The peak of what V8 and Node count, looked at in every turn of the event loop. @param {Read} read @param {string} path */
async function measureHeap(read, path) {
  globalThis.gc?.();
  const used = () => {
    const { heapUsed, external } = process.memoryUsage(); // external contains arrayBuffers
    return heapUsed + external;
  };
  const before = used();
  let peak = before;
  await runWhileReading(read, path, () => {
    peak = Math.max(peak, used());
  });
  globalThis.gc?.();
  return { heapMiB: (peak - before) / MiB, keptMiB: (used() - before) / MiB };
}

/** @param {Read} read @param {string} path @param {() => void} each */
async function runWhileReading(read, path, each) {
  let done = false;
  const reading = describeOutcome(read(path)).finally(() => {
    done = true;
  });
  while (!done) {
    await turn();
    each();
  }
  await reading;
}

/** @param {Promise<unknown>} reading @returns {Promise<string>} */
function describeOutcome(reading) {
  return reading.then(
    () => 'read',
    (error) => (error.code === 'ERR_MODEL_FILE' ? 'refused' : Promise.reject(error)),
  );
}

/** @param {string} given */
async function printTables(given) {
  const dir = mkdtempSync(join(tmpdir(), 'gguf-bench-'));
  console.log(`Node ${process.version}; median of ${CHILDREN} fresh processes, best and worst in brackets`);
  const headers = HEADERS.map(({ name: what, write }, index) => {
    const path = given === '' ? join(dir, `${index}.gguf`) : given;
    if (given === '') write(path);
    return { what: given === '' ? what : given, path };
  }).slice(0, given === '' ? HEADERS.length : 1);
  await sleep(50);
  console.log(
    '\n| header | reader | cold ms | warm ms | again ms | longest block ms |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const { what, path } of headers.slice(0, 2)) {
    for (const reader of Object.keys(READERS)) {
      const times = measureInChildren('--time', reader, path);
      const blocks = measureInChildren('--block', reader, path);
      if (!times || !blocks) console.log(`| ${what} | ${reader} | not installed |`);
      else {
        const cells = [
          formatSpread(times, 'coldMs', 1),
          formatSpread(times, 'warmMs', 2),
          formatSpread(times, 'againMs', 4),
        ];
        console.log(`| ${[what, reader, ...cells, formatSpread(blocks, 'blockMs', 1)].join(' | ')} |`);
      }
    }
  }
  console.log('\nMiB at the peak, of this package alone:\n');
  console.log(
    '| header | bytes | | resident | of it anonymous | heap and external | kept |\n| --- | --- | --- | --- | --- | --- | --- |',
  );
  for (const { what, path } of headers) {
    const residents = measureInChildren('--resident', OWN, path) ?? [];
    const heaps = measureInChildren('--heap', OWN, path) ?? [];
    const cells = [formatSpread(residents, 'peakMiB', 1), formatSpread(residents, 'anonymousMiB', 1)];
    cells.push(formatSpread(heaps, 'heapMiB', 1), formatSpread(heaps, 'keptMiB', 2));
    console.log(`| ${[what, statSync(path).blocks * 512, residents[0]?.['outcome'], ...cells].join(' | ')} |`);
  }
  rmSync(dir, { recursive: true });
}

/** @param {string} kind @param {string} reader @param {string} path @returns {Record<string, any>[] | undefined} */
function measureInChildren(kind, reader, path) {
  try {
    return Array.from({ length: CHILDREN }, () => {
      const args = ['--expose-gc', fileURLToPath(import.meta.url), kind, reader, path];
      return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
    });
  } catch (error) {
    if (/Cannot find module|ERR_MODULE_NOT_FOUND/.test(String(error))) return undefined;
    throw error;
  }
}

/** @param {Record<string, any>[]} results @param {string} key @param {number} digits */
function formatSpread(results, key, digits) {
  const values = results.map((result) => Number(result[key]));
  return `${findMedian(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} … ${Math.max(...values).toFixed(digits)})`;
}

/** @param {() => Promise<unknown>} work */
async function measureMs(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** KiB. */
function readStatus() {
  const text = readFileSync('/proc/self/status', 'utf8');
  const field = (/** @type {string} */ key) => Number(new RegExp(`${key}:\\s*(\\d+) kB`).exec(text)?.[1]);
  return { VmRSS: field('VmRSS'), VmHWM: field('VmHWM'), RssFile: field('RssFile') };
}
