/** What the kernel says of a process of a model: what it holds, which it is, and when it has ended. */
import { readdirSync, readFileSync } from 'node:fs';

/** `RssAnon:	   46532 kB` and `VmSwap:	       0 kB` */
export function readAnonymousBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN);
  return (read('RssAnon') + read('VmSwap')) * 1024;
}

/** The processes that this one has started and that run. */
export function listChildren(): readonly number[] {
  const threads = readdirSync('/proc/self/task');
  const text = threads.map((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8')).join(' ');
  return text.split(' ').filter(Boolean).map(Number).filter(isRunning);
}

export function isRunning(pid: number): boolean {
  try {
    // `1234 (node) S 1 …`: the state stands behind the name. Z: it has ended, and its parent has not asked how.
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Ends a process by SIGKILL, as a user does. Resolves when it has ended, after a millisecond at the most. */
export async function killModelProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 1));
}
