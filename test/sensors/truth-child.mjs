/** Runs inside a control group: prepares a situation, reads it with both readers, then allocates until it is killed. Needs `dist/`. */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { freemem } from 'node:os';
import { openReader } from '../../dist/sensors/reader.js';

const MiB = 2 ** 20;
// glibc maps such a block by itself with a 16-byte header: one MiB of pages exactly.
const BLOCK_BYTES = MiB - 4096;
const chunk = Buffer.alloc(MiB, 7);

/** @param {string} path @param {number} mib @param {boolean} sync */
function write(path, mib, sync) {
  const descriptor = openSync(path, 'w');
  for (let at = 0; at < mib; at++) writeSync(descriptor, chunk);
  if (sync) fsyncSync(descriptor);
  closeSync(descriptor);
}

/** @param {string} path @param {number} mib */
function read(path, mib) {
  const descriptor = openSync(path, 'r');
  for (let at = 0; at < mib; at++) readSync(descriptor, chunk, 0, MiB, null);
  closeSync(descriptor);
}

/** @type {{ result: string, write?: { path: string, mib: number, sync: boolean, reads: number }, hold?: number }} */
const task = JSON.parse(process.argv[2] ?? '');
/** @type {Buffer[]} */
const held = [];

if (task.hold !== undefined) {
  for (let at = 0; at < task.hold; at++) held.push(Buffer.allocUnsafeSlow(BLOCK_BYTES).fill(1));
  process.stdout.write('ready\n');
  process.stdin.resume();
} else {
  const readers = /** @type {const} */ (['native', 'procfs']).map((prefer) => openReader({ prefer }));
  // The first readings compile code and open descriptors; a page of the result file is there before the last ones.
  for (const reader of readers) for (let at = 0; at < 50; at++) reader.measure();
  const result = openSync(task.result, 'r+');
  writeSync(result, ' '.repeat(4096), 0);
  if (task.write) {
    write(task.write.path, task.write.mib, task.write.sync);
    for (let at = 0; at < task.write.reads; at++) read(task.write.path, task.write.mib);
  }
  globalThis.gc?.();
  const found = readers.map((reader) => {
    const { source, availableBytes, limitedBy } = reader.snapshot();
    return { source, availableBytes, measuredBytes: reader.measure().availableBytes, limitedBy: limitedBy.path };
  });
  // What a program would ask without this package; Node 20 has it, its types don't.
  const { availableMemory } = /** @type {{ availableMemory?: () => number }} */ (/** @type {unknown} */ (process));
  const peers = { 'os.freemem': freemem(), 'process.availableMemory': availableMemory?.() };
  writeSync(result, `${JSON.stringify({ found, peers })}\n`, 64);
  for (let count = 1; ; count++) {
    held.push(Buffer.allocUnsafeSlow(BLOCK_BYTES).fill(1));
    writeSync(result, String(count), 0);
  }
}
