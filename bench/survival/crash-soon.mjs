/** Crashes this process as native code does, also while its JavaScript is blocked. */
import { Worker } from 'node:worker_threads';

/** About as long as a load or an answer of this bench takes. */
const WITHIN_MS = 60;

/** What stands in a prompt that the engine is to crash over; or in a template, over a load. */
export const CRASH = '{# crash #}';

export function crashSoon() {
  const wait = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${Math.random() * WITHIN_MS})`;
  new Worker(`${wait}; process.kill(process.pid, 'SIGSEGV');`, { eval: true }).unref();
}

export function crashNow() {
  process.kill(process.pid, 'SIGSEGV');
}
