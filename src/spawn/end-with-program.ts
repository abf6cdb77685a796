/** Ends a program that was started if this one ends, however it ends. It starts no such program, and waits for none. */
import type { ChildProcess } from 'node:child_process';
import { loadNodeModule } from '../core/node-module.ts';

/** A program that must not outlive this one. */
export interface DependentProgram {
  /** Of its process group too. */
  readonly pid: number;
  /** Ends it in the turn of the event loop that is the last one. */
  endNow(): void;
}

/**
 * Waits at the end of a pipe that closes when this process is gone, and ends the group then. A signal and a crash run no `exit` listener. A shell
 * that reads with a command of its own takes less than 1 MiB.
 */
const WATCHER = 'read line; kill -9 "-$1"';

/** All that run. */
const running = new Set<DependentProgram>();
let watchesExit = false;

/** Returns the way to let go of it, once it has ended. Where there is no such shell, `exit` alone is watched. */
export function endWithProgram(program: DependentProgram, shell = '/bin/sh'): () => void {
  running.add(program);
  if (!watchesExit) process.on('exit', () => running.forEach((each) => void each.endNow()));
  watchesExit = true;
  const watcher = process.platform === 'win32' ? undefined : startWatcher(program.pid, shell);
  return () => {
    running.delete(program);
    // Node would send it to number 0, which is the own group, if there is no shell.
    if (watcher?.pid !== undefined) watcher.kill('SIGKILL');
  };
}

function startWatcher(pid: number, shell: string): ChildProcess {
  const { spawn } = loadNodeModule('node:child_process');
  const watcher = spawn(shell, ['-c', WATCHER, 'sh', String(pid)], {
    cwd: '/',
    // A group of its own: what ends this program by its group must not end the watcher with it.
    detached: true,
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.on('error', () => {}); // no such shell, or no process more
  watcher.unref();
  // Bun's pipes have none, and keep no program.
  (watcher.stdin as { unref?: () => void } | null)?.unref?.();
  return watcher;
}
