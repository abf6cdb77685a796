import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { killChild } from '../../tools/kill-child.mjs';

const start = (program: string) => spawn(process.execPath, ['-e', program]);

it('returns once the child is gone', async () => {
  const child = start('setInterval(() => {}, 1000)');
  await once(child, 'spawn');
  await killChild(child);
  expect(child.signalCode).toBe('SIGKILL');
  expect(() => process.kill(child.pid!, 0)).toThrow('ESRCH');
});

it('returns at once if the child has ended by itself or was killed before', async () => {
  const child = start('process.exit(3)');
  await once(child, 'exit');
  await killChild(child);
  expect(child.exitCode).toBe(3);
  const killed = start('setInterval(() => {}, 1000)');
  await Promise.all([killChild(killed), killChild(killed)]);
  await killChild(killed);
  expect(killed.signalCode).toBe('SIGKILL');
});
