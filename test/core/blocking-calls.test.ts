import { expect, it } from 'vitest';
import { callBlocking, followBlockingCalls } from '../../src/core/blocking-calls.ts';

it('tells a follower before the call and after it, however it ends, and nobody who follows no more', async () => {
  const told: unknown[] = [];
  const end = followBlockingCalls((blocked) => told.push(blocked));
  expect(await callBlocking(() => told.push('runs'))).toBe(2);
  await expect(callBlocking(() => Promise.reject(new Error('no model')))).rejects.toThrow('no model');
  await expect(
    callBlocking(() => {
      throw new Error('no file');
    }),
  ).rejects.toThrow('no file');
  expect(told).toEqual([true, 'runs', false, true, false, true, false]);
  end();
  await callBlocking(() => {});
  expect(told).toHaveLength(7);
});
