// What reading the header of a 7B model costs, against other readers, each figure from fresh processes in the same run.
//   npm run build:js && node bench/gguf.mjs [model.gguf]
// Without a path it writes a sparse file of the shape of Qwen2-Audio 7B: 156,032 tokens, 151,387 merges, 387 tensors.
// node-llama-cpp takes part where it can be resolved (`npm install --no-save --ignore-scripts node-llama-cpp`, or NODE_PATH).
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const CHILDREN = 9;

/** @type {Record<string, () => Promise<(path: string) => Promise<unknown>>>} */
const READERS = {
  'nexa-memory-guard': async () => (await import(new URL('../dist/footprint/gguf.js', import.meta.url).href)).readGguf,
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

const [mode, reader = '', file = ''] = process.argv.slice(2);
if (mode === '--child-time') console.log(JSON.stringify(await time(reader, file)));
else if (mode === '--child-cost') console.log(JSON.stringify(await cost(reader, file)));
else await table(mode);

/** First call of the process, later calls that read, later calls that need not read. @param {string} name @param {string} path */
async function time(name, path) {
  const read = await READERS[name]?.();
  if (!read) throw new Error(`No reader is called ${name}.`);
  const coldMs = await milliseconds(() => read(path));
  // Another name for the same file is read anew, and is settled already.
  const links = mkdtempSync(join(tmpdir(), 'gguf-links-'));
  const warm = [];
  for (let index = 0; index < 5; index++) {
    const link = join(links, `${index}.gguf`);
    symlinkSync(path, link);
    warm.push(await milliseconds(() => read(link)));
  }
  await read(path);
  const again = [];
  for (let index = 0; index < (name === 'nexa-memory-guard' ? 2000 : 3); index++)
    again.push(await milliseconds(() => read(path)));
  rmSync(links, { recursive: true });
  return { coldMs, warmMs: median(warm), againMs: median(again) };
}

/** The longest time between two turns of the event loop and the peak of resident memory during the first call. @param {string} name @param {string} path */
async function cost(name, path) {
  const read = await READERS[name]?.();
  if (!read) throw new Error(`No reader is called ${name}.`);
  await sleep(50);
  const before = resident('VmRSS');
  writeFileSync('/proc/self/clear_refs', '5');
  let blockMs = 0;
  let done = false;
  const reading = read(path).finally(() => {
    done = true;
  });
  for (let last = performance.now(); !done; ) {
    await turn();
    const now = performance.now();
    blockMs = Math.max(blockMs, now - last);
    last = now;
  }
  await reading;
  return { blockMs, peakMiB: (resident('VmHWM') - before) / 1024 };
}

/** @param {string} [given] */
async function table(given) {
  const dir = mkdtempSync(join(tmpdir(), 'gguf-bench-'));
  const path = given ?? writeModel(join(dir, 'model.gguf'));
  await sleep(50);
  console.log(
    `${path}: ${statSync(path).size} bytes; Node ${process.version}; median of ${CHILDREN} fresh processes, best and worst in brackets`,
  );
  const rows = [];
  for (const name of Object.keys(READERS)) {
    const times = children('--child-time', name, path);
    const costs = children('--child-cost', name, path);
    if (!times || !costs) {
      console.log(`${name}: not installed`);
      continue;
    }
    rows.push({
      reader: name,
      'cold ms': spread(times, 'coldMs', 1),
      'warm ms': spread(times, 'warmMs', 2),
      'again ms': spread(times, 'againMs', 4),
      'longest block ms': spread(costs, 'blockMs', 1),
      'peak MiB': spread(costs, 'peakMiB', 1),
    });
  }
  console.table(rows);
  rmSync(dir, { recursive: true });
}

/** @param {string} kind @param {string} name @param {string} path @returns {Record<string, number>[] | undefined} */
function children(kind, name, path) {
  try {
    return Array.from({ length: CHILDREN }, () => {
      const args = [fileURLToPath(import.meta.url), kind, name, path];
      return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
    });
  } catch (error) {
    if (/Cannot find module|ERR_MODULE_NOT_FOUND/.test(String(error))) return undefined;
    throw error;
  }
}

/** @param {Record<string, number>[]} results @param {string} key @param {number} digits */
function spread(results, key, digits) {
  const values = results.map((result) => Number(result[key]));
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} … ${Math.max(...values).toFixed(digits)})`;
}

/** @param {number[]} values @returns {number} */
function median(values) {
  return Number(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
}

/** @param {() => Promise<unknown>} work */
async function milliseconds(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** KiB. @param {string} field */
function resident(field) {
  return Number(new RegExp(`${field}:\\s*(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

/** @param {string} path */
function writeModel(path) {
  const vocabulary = 156_032;
  /** @type {Buffer[]} */
  const parts = [];
  /** @param {number} value */
  const u32 = (value) => parts.push(Buffer.from(Uint32Array.of(value).buffer));
  /** @param {number} value */
  const u64 = (value) => parts.push(Buffer.from(BigUint64Array.of(BigInt(value)).buffer));
  /** @param {string} text */
  const string = (text) => {
    u64(Buffer.byteLength(text));
    parts.push(Buffer.from(text));
  };
  /** @param {string} key @param {number} elementType @param {number} length @param {(index: number) => void} element */
  const array = (key, elementType, length, element) => {
    string(key);
    u32(9);
    u32(elementType);
    u64(length);
    for (let index = 0; index < length; index++) element(index);
  };
  const tensors = [{ name: 'token_embd.weight', dims: [4096, vocabulary] }];
  for (let index = 0; index < 386; index++)
    tensors.push({ name: `blk.${index % 32}.part_${index}.weight`, dims: [4096, 2048] });
  parts.push(Buffer.from('GGUF'));
  u32(3);
  u64(tensors.length);
  u64(4);
  string('general.architecture');
  u32(8);
  string('qwen2');
  array('tokenizer.ggml.tokens', 8, vocabulary, (index) => string(`t${index}`));
  array('tokenizer.ggml.token_type', 5, vocabulary, () => u32(1));
  array('tokenizer.ggml.merges', 8, 151_387, (index) => string(`t${index} t${index + 1}`));
  let offset = 0;
  for (const { name, dims } of tensors) {
    string(name);
    u32(dims.length);
    for (const dim of dims) u64(dim);
    u32(2);
    u64(offset);
    offset += (dims.reduce((product, dim) => product * dim, 1) / 32) * 18;
  }
  const header = Buffer.concat(parts);
  writeFileSync(path, header);
  const handle = openSync(path, 'r+');
  ftruncateSync(handle, Math.ceil(header.length / 32) * 32 + offset);
  closeSync(handle);
  return path;
}
