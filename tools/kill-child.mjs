/** Ends a child process at once and waits until it is gone. It knows nothing of what the child does. */
import { once } from 'node:events';

/**
 * Resolves once the child is gone; at once if it is gone already.
 * @param {import('node:child_process').ChildProcess} child
 */
export async function killChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
