/** A program of Node in a process group of its own, led and read line by line. The whole group ends with the test, however that ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

export class GroupProgram {
  readonly process: ChildProcess;
  readonly #lines: string[] = [];
  #over = false;
  #wake: (() => void) | undefined;

  /** `args` are those of `program`, which is Node by default. */
  constructor(args: readonly string[], program = process.execPath) {
    this.process = spawn(program, args, {
      detached: true,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    const ended = new Promise<void>((resolve) => {
      this.process.once('exit', () => {
        this.#over = true;
        this.#wake?.();
        resolve();
      });
    });
    onTestFinished(async () => {
      killGroup(this.pid);
      await ended;
    });
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** What it says next, as JSON. */
  async next(): Promise<unknown> {
    while (this.#lines.length === 0) {
      if (this.#over) throw new Error('the program has ended');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return JSON.parse(this.#lines.shift()!);
  }

  tell(value: unknown): void {
    this.process.stdin!.write(`${JSON.stringify(value)}\n`);
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}

/** Whether a process has ended, as the kernel says. One whose parent has not asked how it ended is over as well. Linux only. */
export function hasEnded(pid: number): boolean {
  try {
    return /^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return true;
  }
}

/** Looks until it is so, and returns how long that took. It throws after `mostMs`. */
export async function waitUntil(isSo: () => boolean, mostMs: number): Promise<number> {
  const from = performance.now();
  while (!isSo()) {
    if (performance.now() - from > mostMs) throw new Error(`it was not so after ${mostMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - from;
}
