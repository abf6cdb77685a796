/** What a program started is gone when the program is, whatever ends that. Each one runs in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { listProcessTree } from '../../src/processes/process-tree.ts';
import { endWithProgram } from '../../src/spawn/end-with-program.ts';
import { hasEnded, waitUntil } from '../support/group-program.ts';

const MODULE = new URL('../../lib/spawn/end-with-program.js', import.meta.url).href;
const linux = process.platform === 'linux';

/** A program that starts a shell with a child, prints their number, and does what `then` says. */
async function start(then: string): Promise<{ readonly program: ChildProcess; readonly tree: readonly number[] }> {
  const source = `
    import { spawn } from 'node:child_process';
    import { endWithProgram } from ${JSON.stringify(MODULE)};
    const { pid } = spawn('/bin/sh', ['-c', 'sleep 1000 & sleep 1001'], { detached: true, stdio: 'ignore' });
    endWithProgram({ pid, endNow: () => process.kill(-pid, 'SIGKILL') });
    console.log(pid);
    setInterval(() => {}, 1000);
    process.stdin.once('data', async () => { ${then} });`;
  const program = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void program.kill('SIGKILL'));
  const [line] = await once(createInterface(program.stdout!), 'line');
  const pid = Number(line);
  onTestFinished(() => killGroup(pid));
  await waitUntil(() => listProcessTree(pid).length === 3, 5000);
  return { program, tree: listProcessTree(pid) };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone, as it should be.
  }
}

describe.runIf(linux)('a program that was started, and what it started, ends with its starter', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGABRT'] as const)('if that is ended by %s', async (signal) => {
    const { program, tree } = await start('');
    expect(tree.map(hasEnded)).toEqual([false, false, false]);
    program.kill(signal);
    await waitUntil(() => tree.every(hasEnded), 10_000);
  });

  it.each([
    ['process.exit', 'process.exit(3)', 3],
    ['an error that nobody catches', "throw new Error('mine')", 1],
    ['an exit without a shell to watch', "process.removeAllListeners('exit'); process.exit(4)", 4],
  ])('by %s', async (_what, then, code) => {
    const { program, tree } = await start(then);
    program.stdin!.write('now\n');
    expect(await once(program, 'exit')).toEqual([code, null]);
    await waitUntil(() => tree.every(hasEnded), 10_000);
  });
});

describe.runIf(linux)('a watch', () => {
  it('keeps no program alive, and is over once its program has ended', async () => {
    const child = spawn('/bin/sh', ['-c', 'exec sleep 1000'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => killGroup(child.pid!));
    const before = listProcessTree(process.pid);
    const letGo = endWithProgram({ pid: child.pid!, endNow: () => {} });
    const watcher = listProcessTree(process.pid).filter((pid) => !before.includes(pid));
    expect(watcher).toHaveLength(1);
    letGo();
    await waitUntil(() => watcher.every(hasEnded), 5000);
    expect(hasEnded(child.pid!)).toBe(false);
  });

  it('is kept by one listener for all programs, which ends each that runs, without a shell too', async () => {
    vi.resetModules();
    const fresh: typeof import('../../src/spawn/end-with-program.ts') = await import(
      '../../src/spawn/end-with-program.ts'
    );
    const before = process.listeners('exit');
    const [ended, gone] = [vi.fn(), vi.fn()];
    fresh.endWithProgram({ pid: 2 ** 22, endNow: ended }, '/no/such/shell');
    fresh.endWithProgram({ pid: 2 ** 22, endNow: gone }, '/no/such/shell')();
    const added = process.listeners('exit').filter((listener) => !before.includes(listener));
    onTestFinished(() => added.forEach((listener) => void process.off('exit', listener)));
    expect(added).toHaveLength(1);
    for (const listener of added) listener.call(process, 0);
    expect([ended.mock.calls.length, gone.mock.calls.length]).toEqual([1, 0]);
  });
});
