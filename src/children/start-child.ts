/** Starts the program of a model's process, by Node or by Electron, and tells the two apart for nobody else. It knows no messages. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { MemoryGuardError, readMessage } from '../core/errors.ts';
import { makeProgramRequire } from '../core/program-files.ts';
import { listChildEnvironment } from './child-environment.ts';

/** A process that was started, with its channel. */
export interface StartedChild {
  readonly pid: number;
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** The listener hears once of its end: which signal, or which exit code. */
  onExit(listener: (exitCode: number | null, signal: NodeJS.Signals | null) => void): void;
  /** The listener hears of what it prints, and at the end, after all of it, of nothing more. */
  onOutput(listener: (bytes: Uint8Array | undefined) => void): void;
  /** Whether the program stays alive for it. */
  hold(on: boolean): void;
  kill(): void;
}

/** What this module uses of Electron's `utilityProcess`, by its documentation. */
export interface UtilityProcesses {
  fork(path: string, args: string[], options: object): UtilityProcess;
}

interface UtilityProcess extends NodeJS.EventEmitter {
  readonly pid: number | undefined;
  readonly stdout: NodeJS.ReadableStream | null;
  readonly stderr: NodeJS.ReadableStream | null;
  postMessage(message: unknown): void;
  kill(): boolean;
}

/**
 * Rejects with `ERR_RUNTIME` if the system starts no process. It gets no descriptor but its own channel and output, and none of the
 * program's options for Node. `args` stand in its `process.argv`, and `variables` in its environment.
 */
export function startChild(
  path: string,
  args: readonly string[] = [],
  utility = findUtilityProcesses(),
  variables: NodeJS.ProcessEnv = {},
): Promise<StartedChild> {
  const env = { ...listChildEnvironment(process.env), ...variables };
  return utility ? startUtility(utility, path, args, env) : startNode(path, args, env);
}

async function startNode(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<StartedChild> {
  const child = await forkNode(path, args, env).catch((cause) => {
    throw notStarted(path, cause);
  });
  refuseNonsense(child);
  // What is sent to a process that has just ended is lost, and its end is told.
  child.on('error', ignore);
  const { pid } = child;
  return {
    pid: pid!,
    send: (message) => void (child.connected && child.send(message as object, ignore)),
    onMessage: (listener) => void child.on('message', listener),
    onExit: (listener) => void child.once('exit', listener),
    onOutput: (listener) => {
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', listener);
      child.once('close', () => listener(undefined));
    },
    hold(on) {
      const call = on ? 'ref' : 'unref';
      child[call]();
      // Bun's channel has neither.
      child.channel?.[call]?.();
      for (const stream of [child.stdout, child.stderr]) (stream as unknown as NodeJS.Timeout | null)?.[call]();
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Node's permission model throws, where a system's own refusal is told later. */
async function forkNode(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  // A program that loads no model needs none of it.
  const { fork } = await import('node:child_process');
  const child = fork(path, args, {
    env,
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  if (child.pid === undefined) await once(child, 'spawn');
  return child;
}

/**
 * Node ends the program over bytes on the channel that are no message, which an engine that went astray may write there: the error is thrown where
 * nobody can catch it but the function that Node itself calls with them. Without that function, in a Node that names it otherwise, it stays so.
 */
function refuseNonsense(child: ChildProcess): void {
  const symbol = Object.getOwnPropertySymbols(child).find(({ description }) => description === 'kChannelHandle');
  const channel = symbol && (child as unknown as Record<symbol, { onread?: (...args: unknown[]) => unknown }>)[symbol];
  const onread = channel?.onread;
  if (!onread) return;
  let astray = false;
  channel.onread = function read(...args) {
    if (astray) return undefined;
    try {
      return onread.apply(this, args);
    } catch {
      astray = true;
      return child.kill('SIGKILL');
    }
  };
}

/** Written by Electron's documentation, and never run. */
async function startUtility(
  utility: UtilityProcesses,
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<StartedChild> {
  const child = forkUtility(utility, path, args, env);
  // An emitter without this listener throws what it is told: V8's own end there, which is the end of that process alone.
  child.on('error', ignore);
  let exitCode: number | undefined;
  child.once('exit', (code: number) => {
    exitCode = code;
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('exit', () => reject(notStarted(path, new Error(`it ended with ${exitCode}`))));
  });
  const { pid } = child;
  return {
    pid: pid!,
    send: (message) => child.postMessage(message),
    onMessage: (listener) => void child.on('message', listener),
    // Electron tells no signal.
    onExit: (listener) => void child.once('exit', (code: number) => listener(code, null)),
    onOutput: (listener) => {
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', listener);
      child.once('exit', () => listener(undefined));
    },
    // An Electron application lives as long as its windows.
    hold: () => {},
    kill() {
      try {
        process.kill(pid!, 'SIGKILL');
      } catch {
        child.kill();
      }
    },
  };
}

/** Before the application is ready it throws. */
function forkUtility(
  utility: UtilityProcesses,
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): UtilityProcess {
  try {
    return utility.fork(path, [...args], {
      env,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe'],
      serviceName: 'nexa-memory-guard model',
    });
  } catch (cause) {
    throw notStarted(path, cause);
  }
}

/** Only the main process of an Electron application has them; everywhere else it is Node that starts processes. */
function findUtilityProcesses(): UtilityProcesses | undefined {
  const { versions, type } = process as NodeJS.Process & { readonly type?: string };
  if (versions['electron'] === undefined || type !== 'browser') return undefined;
  const electron = makeProgramRequire()('electron') as { readonly utilityProcess?: UtilityProcesses };
  return electron.utilityProcess;
}

function ignore(): void {}

function notStarted(path: string, cause: unknown): MemoryGuardError {
  const reason = readMessage(cause).replace(/\.$/, '');
  const message = `The process of the model could not be started from ${path}: ${reason}; let this program start processes, or choose \`isolation: 'none'\`.`;
  return new MemoryGuardError('ERR_RUNTIME', message, { cause });
}
