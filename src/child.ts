/**
 * The program of every process that this package starts: one for a model, or one that asks an engine. It takes the place that the kernel ends
 * first, and ends with the program that started it.
 */
import { writeFileSync } from 'node:fs';
import { loadAddon } from './addon/load-addon.ts';
import { ASK_ROLE, type QuestionMessage } from './footprint/engine/question-message.ts';
import { serveQuestions } from './footprint/engine/serve-questions.ts';
import type { ProgramMessage } from './sdk/isolation/child-message.ts';
import { serveRuntime } from './sdk/isolation/serve-runtime.ts';

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
const send = (message: object) => void (parentPort ? parentPort.postMessage(message) : process.send?.(message));
const take = process.argv[2] === ASK_ROLE ? answerQuestions() : runModels();
if (parentPort) {
  parentPort.on('message', ({ data }) => take(data));
} else {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  loadAddon()?.endWith?.(CHANNEL, process.ppid);
  process.on('message', take);
}

function answerQuestions(): (message: unknown) => void {
  const answer = serveQuestions(send);
  return (message) => answer(message as QuestionMessage);
}

function runModels(): (message: unknown) => void {
  // The program is told what Node would print here.
  process.on('warning', ({ message: text }) => send({ type: 'warning', text }));
  const serve = serveRuntime(send);
  return (message) => serve(message as ProgramMessage);
}
