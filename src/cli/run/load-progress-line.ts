/** Shows how far a load is while it blocks this thread: another thread watches the memory that the process takes. It loads nothing. */
import { Worker } from 'node:worker_threads';
import type { Io } from '../io.ts';

/** Runs in the other thread, which shares no event loop with the one that is blocked. */
const WATCHER = `
const { workerData } = require('node:worker_threads');
const { readFileSync, writeSync } = require('node:fs');
const { fd, label, expectedBytes } = workerData;
function readTakenBytes() {
  const status = readFileSync('/proc/self/status', 'latin1');
  const kib = (key) => Number(new RegExp('^' + key + ':\\\\s+(\\\\d+)', 'm').exec(status)[1]);
  return (kib('RssAnon') + kib('RssFile')) * 1024;
}
const startBytes = readTakenBytes();
setInterval(() => {
  const percent = Math.floor((100 * (readTakenBytes() - startBytes)) / expectedBytes);
  writeSync(fd, '\\r' + label + ' ' + String(Math.max(0, Math.min(99, percent))).padStart(2) + ' %');
}, 100);
`;

/**
 * Returns the function that takes the line off the screen. Nothing is shown without a terminal, or on a system that doesn't
 * tell in a file what the process takes.
 */
export function showLoadProgressLine(
  { stderr, stderrFd }: Pick<Io, 'stderr' | 'stderrFd'>,
  label: string,
  expectedBytes: number,
  platform: NodeJS.Platform = process.platform,
): () => Promise<void> {
  if (!stderr.isTTY || stderrFd === undefined || platform !== 'linux') return async () => {};
  const worker = new Worker(WATCHER, { eval: true, workerData: { fd: stderrFd, label, expectedBytes } });
  worker.unref();
  // A line that can't be shown is no reason to end a load.
  worker.on('error', () => {});
  return async () => {
    await worker.terminate();
    stderr.write('\r\x1b[K');
  };
}
