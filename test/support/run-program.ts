/** Runs small programs over the compiled package in processes of their own: what they print and how they end. Needs `dist/`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ControlGroup } from '../../tools/control-groups.mjs';

const ROOT = new URL('../../', import.meta.url);
const DOOR = new URL('dist/index.js', ROOT);

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Beside this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Of Node. */
  readonly flags?: readonly string[];
  /** The control group that it lives in from its first page on. */
  readonly group?: ControlGroup;
  /** What the process may map at most, as `ulimit -v` takes it. */
  readonly addressSpaceKiB?: number;
  /** How many files it may have open at most, as `ulimit -n` takes it. */
  readonly descriptors?: number;
  /** After this it is killed. Default 20000. */
  readonly timeoutMs?: number;
}

/** `body` is a module with top-level `await` and the package in scope as `door`. */
export function runProgram(body: string, options: RunOptions = {}): Promise<Ended> {
  if (!existsSync(DOOR)) throw new Error('dist/ is not built: npm run build:js');
  const source = `import * as door from ${JSON.stringify(DOOR.href)};\n${body}`;
  return runNode(['--input-type=module', '-e', source], options);
}

/** Runs Node with these arguments, in the folder of this repository. TEST_NODE=/path/to/node is another version of it. */
export function runNode(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { flags = [], addressSpaceKiB, descriptors, timeoutMs = 20_000 } = options;
  const program = [process.env['TEST_NODE'] ?? process.execPath, ...flags, ...args];
  const limits = [
    ...(addressSpaceKiB === undefined ? [] : [`ulimit -v ${addressSpaceKiB}`]),
    ...(descriptors === undefined ? [] : [`ulimit -n ${descriptors}`]),
  ];
  const command = limits.length === 0 ? program : ['/bin/sh', '-c', `${limits.join('; ')}; exec "$0" "$@"`, ...program];
  return waitForEnd(start(command, options), timeoutMs);
}

function start(command: readonly string[], { env, group }: RunOptions): ChildProcess {
  const options = {
    cwd: fileURLToPath(ROOT),
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'] as ('ignore' | 'pipe')[],
  };
  if (group) return group.spawn(command, options);
  const [program = '', ...args] = command;
  return spawn(program, args, options);
}

function waitForEnd(child: ChildProcess, timeoutMs: number): Promise<Ended> {
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...texts });
    });
  });
}
