import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { isDying } from '../../src/ledger/is-dying.ts';

it.runIf(process.platform === 'linux')(
  'a process that has ended is dying until its parent has asked for it, and no other is',
  async () => {
    // The shell becomes a program that never asks for its child, before that ends.
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    while (!isDying(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect([isDying(parent.pid!), isDying(process.pid)]).toEqual([false, false]);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  },
);

it('a process that is not there is not said to be dying', () => {
  expect(isDying(2 ** 22 + 1)).toBe(false);
});
