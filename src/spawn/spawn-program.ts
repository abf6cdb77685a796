/** Starts a program for the guard, and waits until it serves. It decides nothing. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { describeEnd } from '../core/describe-end.ts';
import { MemoryGuardError } from '../core/errors.ts';
import type { ModelProcess, ProcessEnd } from '../core/model-process.ts';
import { loadNodeModule } from '../core/node-module.ts';
import { checkGivenArguments, type SpawnCall } from './spawn-options.ts';
import { SpawnedProgram } from './spawned-program.ts';

/** The kernel ends the process with the highest first, and what that starts has the same. */
const MOST_LIKELY = '1000';

/**
 * Starts it, tells `started` before it can have taken much, and resolves when it serves.
 *
 * @throws MemoryGuardError `ERR_RUNTIME_NOT_FOUND` if there is no such program, `ERR_RUNTIME` if it can't be started, `ERR_MODEL_KILLED` if it
 * ends before it serves. What `ready` rejects with passes through, and so does the signal's reason; the program is ended then.
 */
export async function spawnProgram(
  { command, args, options, chosen }: SpawnCall,
  started: (process: ModelProcess) => void | Promise<void> = () => {},
): Promise<SpawnedProgram> {
  const { name, cwd, env, stdio = ['ignore', 'inherit', 'inherit'], ready, stopTimeoutMs } = options;
  // One that has aborted by now gave up an earlier start: the guard asks it before each first one.
  const signal = options.signal?.aborted ? undefined : options.signal;
  const list = typeof args === 'function' ? checkGivenArguments(args(chosen)) : args;
  const child = await start(command, list, {
    ...(cwd !== undefined && { cwd }),
    ...(env && { env }),
    stdio: stdio as 'inherit',
    // A group of its own: all that it starts can be ended with it, and a terminal's Ctrl-C is left to this program.
    detached: process.platform !== 'win32',
  });
  // It was started: what fails later is its end.
  child.on('error', () => {});
  const program = new SpawnedProgram(child, name, stopTimeoutMs);
  offerToKernel(program.pid);
  void started(program);
  try {
    await waitUntilReady(program, ready, signal);
  } catch (error) {
    await program.stop();
    throw error;
  }
  return program;
}

/** Node's permission model and arguments that no system takes throw; what the system refuses is told later. */
async function start(command: string, args: readonly string[], options: SpawnOptions): Promise<ChildProcess> {
  try {
    const child = loadNodeModule('node:child_process').spawn(command, args, options);
    if (child.pid === undefined) await once(child, 'spawn');
    return child;
  } catch (cause) {
    throw notStarted(command, cause as NodeJS.ErrnoException);
  }
}

async function waitUntilReady(
  program: SpawnedProgram,
  ready: SpawnCall['options']['ready'],
  given: AbortSignal | undefined,
): Promise<void> {
  if (!ready) return;
  const gone = new AbortController();
  const signal = given ? AbortSignal.any([given, gone.signal]) : gone.signal;
  void program.ended.then((end) => gone.abort(endedEarly(program.name, end)));
  const aborted = once(signal, 'abort').then(() => {
    throw signal.reason;
  });
  aborted.catch(() => {});
  signal.throwIfAborted();
  try {
    await Promise.race([ready(program, signal), aborted]);
  } finally {
    // Whatever `ready` makes of that.
    signal.throwIfAborted();
  }
}

function endedEarly(name: string, end: ProcessEnd): MemoryGuardError {
  const message = `${describeEnd(`The program ${JSON.stringify(name)}`, end)} before it was ready; look at what it printed.`;
  return new MemoryGuardError('ERR_MODEL_KILLED', message);
}

function notStarted(command: string, cause: NodeJS.ErrnoException): MemoryGuardError {
  const missing = cause.code === 'ENOENT';
  const message = missing
    ? `Expected the program ${JSON.stringify(command)}, found none of that name, or no such working directory; install it or pass its path.`
    : `The program ${JSON.stringify(command)} could not be started: ${cause.message.replace(/\.$/, '')}.`;
  return new MemoryGuardError(missing ? 'ERR_RUNTIME_NOT_FOUND' : 'ERR_RUNTIME', message, { cause });
}

function offerToKernel(pid: number): void {
  if (process.platform !== 'linux') return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, MOST_LIKELY);
  } catch {
    // It has ended, or /proc can't be written to: the kernel chooses by size alone.
  }
}
