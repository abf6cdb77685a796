/** Shows how far a load is while it blocks this thread: another thread watches the memory that the process takes. It loads nothing. */
import { Worker } from 'node:worker_threads';
import type { Io } from '../io.ts';

/** Runs in the other thread, which shares no event loop with the one that is blocked. */
const WATCHER = `
const { workerData } = require('node:worker_threads');
const { readFileSync, writeSync } = require('node:fs');
const { fd, label, expectedBytes } = workerData;
function takenBytes() {
  const status = readFileSync('/proc/self/status', 'latin1');
  const kib = (key) => Number(new RegExp(key + ':\\\\s+(\\\\d+)').exec(status)?.[1] ?? 0);
  return (kib('RssAnon') + kib('RssFile')) * 1024;
}
const startBytes = takenBytes();
setInterval(() => {
  const percent = Math.floor((100 * (takenBytes() - startBytes)) / expectedBytes);
  writeSync(fd, '\\r' + label + ' ' + String(Math.max(0, Math.min(99, percent))).padStart(2) + ' %');
}, 100);
`;

/** Returns the way to take it off the screen. Without a terminal, or where nobody tells what a process takes, nothing is shown. */
export function showProgress(
  { stderr, stderrFd }: Pick<Io, 'stderr' | 'stderrFd'>,
  label: string,
  expectedBytes: number,
  platform: NodeJS.Platform = process.platform,
): () => Promise<void> {
  if (!stderr.isTTY || stderrFd === undefined || platform !== 'linux') return async () => {};
  const worker = new Worker(WATCHER, { eval: true, workerData: { fd: stderrFd, label, expectedBytes } });
  worker.unref();
  return async () => {
    await worker.terminate();
    stderr.write('\r\x1b[K');
  };
}
