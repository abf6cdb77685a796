// Loads one file in a process of its own and prints what that took: anonymous memory that JavaScript doesn't explain, pages of the file, and how many of
// them are locked.
//   node bench/footprint/mapping-child.mjs ENGINE FILE MODE
import fs from 'node:fs';
import { createRequire } from 'node:module';
import v8 from 'node:v8';

const [, , engine, file = '', mode = 'mmap'] = process.argv;
// An engine prints to this process's own output, so that what is measured stands on a line of its own.
const open = engine === 'node-llama-cpp' ? await openNodeLlamaCpp() : openLlamaNode();
globalThis.gc?.();
const before = readAnonymousBytes();
const model = await open();
globalThis.gc?.();
const anonymousBytes = readAnonymousBytes() - before;
console.log(`\nTOOK ${JSON.stringify({ anonymousBytes, ...readFilePages() })}`);
process.exit(model ? 0 : 1);

async function openNodeLlamaCpp() {
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.disabled });
  const options = {
    mmap: { useMmap: true },
    read: { useMmap: false },
    mlock: { useMlock: true },
    direct: { useDirectIo: true },
  };
  return () => llama.loadModel({ modelPath: file, .../** @type {any} */ (options)[mode] });
}

function openLlamaNode() {
  const { loadModel } = createRequire(import.meta.url)('@fugood/llama.node');
  const options = { mmap: {}, read: { use_mmap: false }, mlock: { use_mlock: true } };
  return () => loadModel({ model: file, n_ctx: 512, n_ubatch: 64, n_batch: 64, .../** @type {any} */ (options)[mode] });
}

function readAnonymousBytes() {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const { total_physical_size, external_memory } = v8.getHeapStatistics();
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) * 1024 - total_physical_size - external_memory;
}

/** Of the file alone: its mappings as the kernel counts them. */
function readFilePages() {
  let mappedBytes = 0;
  let lockedBytes = 0;
  let own = false;
  for (const line of fs.readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) own = line.endsWith(file);
    const [, name, kilobytes] = /^(Rss|Locked):\s+(\d+) kB/.exec(line) ?? [];
    if (own && name === 'Rss') mappedBytes += Number(kilobytes) * 1024;
    if (own && name === 'Locked') lockedBytes += Number(kilobytes) * 1024;
  }
  return { mappedBytes, lockedBytes };
}
