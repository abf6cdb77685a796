/** A child process that takes memory when it is told to, until the test ends or the kernel ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { killChild } from '../../tools/kill-child.mjs';

const PROGRAM = fileURLToPath(new URL('programs/hold-memory.mjs', import.meta.url));

export interface MemoryHolder {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves with `held`, or with the signal that ended it meanwhile. */
  take(mib: number): Promise<string>;
  kill(): Promise<void>;
}

/** Resolves when it runs. It is killed when the test has finished. */
export async function startMemoryHolder(): Promise<MemoryHolder> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => killChild(child));
  const lines = createInterface(child.stdout);
  const ended = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
  const nextLine = () => Promise.race([once(lines, 'line').then(([line]) => String(line)), ended]);
  const first = await nextLine();
  if (first !== 'ready' || child.pid === undefined) throw new Error(`The holder of memory did not start: ${first}`);
  return {
    child,
    pid: child.pid,
    take(mib) {
      const answer = nextLine();
      child.stdin.write(`${mib}\n`);
      return answer;
    },
    kill: () => killChild(child),
  };
}
