/**
 * A parent whose children call `endWith`: node lifeline-family.mjs ADDON. It does what each line of its input says (`Order`), and tells what
 * becomes of each child in lines of JSON: `{ name, pid }`, `{ name, said }` and `{ name, code, signal }`.
 */
import { fork } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/**
 * What a child calls `endWith` with, each of which it says the answer of, and what it does then. The channel is descriptor 3, and `file` is one of
 * a file; without a pid it is its parent's.
 *
 * @typedef {{ calls: readonly { descriptor: number | 'file', pid?: number }[], blockMs?: number, exits?: boolean }} Life
 */

/** @typedef {{ fork?: string, life?: Life, thread?: string, endThread?: string, disconnect?: string, send?: string, text?: string }} Order */

const addonFile = /** @type {string} */ (process.argv[2]);

/** @type {Map<string, import('node:child_process').ChildProcess>} */
const children = new Map();
/** @type {Map<string, Worker>} */
const threads = new Map();

const tell = (/** @type {object} */ line) => writeSync(1, `${JSON.stringify(line)}\n`);

/** @param {string} name @param {Life} life */
function forkChild(name, life) {
  const child = fork(fileURLToPath(import.meta.url), [addonFile, JSON.stringify(life)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.set(name, child);
  tell({ name, pid: child.pid });
  child.on('message', (said) => tell({ name, said }));
  child.on('exit', (code, signal) => tell({ name, code, signal }));
}

/** @param {Order} order */
function obey({ fork: name, life, thread, endThread, disconnect, send, text }) {
  if (name !== undefined && thread !== undefined) {
    threads.set(thread, new Worker(new URL(import.meta.url), { argv: [addonFile], workerData: { name, life } }));
  } else if (name !== undefined) forkChild(name, /** @type {Life} */ (life));
  if (endThread !== undefined) void threads.get(endThread)?.terminate();
  if (disconnect !== undefined) children.get(disconnect)?.disconnect();
  if (send !== undefined) children.get(send)?.send(/** @type {string} */ (text));
}

/** @param {Life} life */
function live({ calls, blockMs = 0, exits = false }) {
  const { endWith } = createRequire(import.meta.url)(addonFile);
  const answers = calls.map(({ descriptor, pid }) =>
    endWith(descriptor === 'file' ? openSync('/dev/null', 'r') : descriptor, pid ?? process.ppid),
  );
  process.on('message', (/** @type {string} */ text) => process.send?.(text));
  process.send?.(answers, () => {
    const until = performance.now() + blockMs;
    while (performance.now() < until);
    if (exits) process.exit(7);
  });
}

if (process.send) live(JSON.parse(/** @type {string} */ (process.argv[3])));
else if (isMainThread) {
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => obey(JSON.parse(line)));
  input.on('close', () => process.exit());
} else forkChild(workerData.name, workerData.life);
