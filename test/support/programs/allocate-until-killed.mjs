/** Runs inside a control group: prepares a situation, reads it with both readers, then allocates until it is killed. Needs `lib/`. */
import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { freemem } from 'node:os';
import { openReader } from '../../../lib/sensors/open-reader.js';

const MiB = 2 ** 20;
// glibc maps such a block by itself with a 16-byte header: one MiB of pages exactly.
const BLOCK_BYTES = MiB - 4096;
/** No page of it can be compressed: swap that lies in memory gains nothing by it. */
const chunk = randomFillSync(Buffer.alloc(MiB));
/** A name of this length lies outside of its dentry: 192 and 512 bytes of slab. */
const NAME_BYTES = 250;
const DENTRY_BYTES = 192 + 512;

/**
 * @typedef {object} Task
 * @property {string} result A file of 4096 bytes: how many blocks were obtained, from 64 on a line of JSON.
 * @property {boolean} [swap]
 * @property {{ path: string, mib: number, sync: boolean, reads: number }} [write]
 * @property {{ directory: string, mib: number }} [lookUp] Names that don't exist; the kernel remembers each.
 * @property {string} [group] Directory of a v2 group: the truth is where it is over `memory.high` for the first time.
 * @property {number} [hold] Nothing but this: take so many MiB and keep them.
 */

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

/** @param {string} directory @param {number} mib */
function lookUp(directory, mib) {
  for (let at = 0; at * DENTRY_BYTES < mib * MiB; at++)
    statSync(`${directory}/${String(at).padEnd(NAME_BYTES, '-')}`, { throwIfNoEntry: false });
}

/** How often the group went over `memory.high`, and for how many microseconds it was stalled. @param {string} group */
function throttling(group) {
  return {
    highs: Number(/^high (\d+)$/m.exec(readFileSync(`${group}/memory.events`, 'utf8'))?.[1]),
    stalledUs: Number(/^some .*total=(\d+)$/m.exec(readFileSync(`${group}/memory.pressure`, 'utf8'))?.[1]),
  };
}

/** @type {Buffer[]} */
const held = [];
function take() {
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  chunk.copy(block);
  held.push(block);
}

/** @type {Task} */
const task = JSON.parse(process.argv[2] ?? '');

if (task.hold !== undefined) {
  while (held.length < task.hold) take();
  process.stdout.write('ready\n');
  process.stdin.resume();
} else {
  const { swap = false } = task;
  const readers = /** @type {const} */ (['native', 'procfs']).map((prefer) => openReader({ prefer, swap }));
  // The first readings compile code and open descriptors; a page of the result file is there before the last ones.
  for (const reader of readers) for (let at = 0; at < 50; at++) reader.measure();
  if (task.group) throttling(task.group);
  const result = openSync(task.result, 'r+');
  writeSync(result, ' '.repeat(4096), 0);
  if (task.write) {
    write(task.write.path, task.write.mib, task.write.sync);
    for (let at = 0; at < task.write.reads; at++) read(task.write.path, task.write.mib);
  }
  if (task.lookUp) lookUp(task.lookUp.directory, task.lookUp.mib);
  globalThis.gc?.();
  const found = readers.map((reader) => {
    const { source, availableBytes, limitedBy, ancestorsHidden } = reader.snapshot();
    const { path, reclaimableBytes, dirtyBytes } = limitedBy;
    const measuredBytes = reader.measure().availableBytes;
    return { source, availableBytes, measuredBytes, limitedBy: path, reclaimableBytes, dirtyBytes, ancestorsHidden };
  });
  // What a program would ask without this package; Node 20 has it, its types don't.
  const { availableMemory } = /** @type {{ availableMemory?: () => number }} */ (/** @type {unknown} */ (process));
  const peers = { 'os.freemem': freemem(), 'process.availableMemory': availableMemory?.() };
  writeSync(result, `${JSON.stringify({ found, peers })}\n`, 64);
  for (let count = 1; ; count++) {
    take();
    if (task.group && throttling(task.group).highs > 0) break;
    writeSync(result, String(count), 0);
  }
  // Only a group with memory.high comes here. It isn't killed: it stalls.
  const before = throttling(task.group ?? '');
  for (let more = 0; more < 8; more++) take();
  process.stdout.write(`${throttling(task.group ?? '').stalledUs - before.stalledUs}\n`);
}
