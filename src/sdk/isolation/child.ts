/** The program of a model's process: it takes the place that the kernel ends first, and ends with the program that started it. */
import { writeFileSync } from 'node:fs';
import { loadAddon } from '../../addon/load-addon.ts';
import type { ProcessMessage, ProgramMessage } from './child-message.ts';
import { serveRuntime } from './serve-runtime.ts';

/** Electron's channel to the process that started this one, by its documentation. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/** Node's channel is this descriptor, by the order in which the program passes them. */
const CHANNEL = 3;
/** The kernel ends the process with the highest first. */
const MOST_LIKELY = '1000';

if (process.platform === 'linux') {
  try {
    writeFileSync('/proc/self/oom_score_adj', MOST_LIKELY);
  } catch {
    // Where /proc can't be written to, the kernel chooses by size alone.
  }
}
// A terminal and a service manager send these to all processes of a program, which decides by itself what becomes of its models.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const { parentPort } = process as NodeJS.Process & { readonly parentPort?: ParentPort };
const send = (message: ProcessMessage) => void (parentPort ? parentPort.postMessage(message) : process.send?.(message));
// The program is told what Node would print here.
process.on('warning', ({ message: text }) => send({ type: 'warning', text }));
if (parentPort) {
  const take = serveRuntime(send);
  parentPort.on('message', ({ data }) => take(data as ProgramMessage));
} else {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  loadAddon()?.endWith?.(CHANNEL, process.ppid);
  process.on('message', serveRuntime(send));
}
