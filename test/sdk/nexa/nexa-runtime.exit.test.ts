/** The one listener for the end of the process. In a file of its own: it is set once for each process. */
import { expect, test } from 'vitest';
import type { NexaBinding } from '../../../src/addon/nexa-binding.ts';
import { openLibrary } from '../../../src/sdk/nexa/nexa-runtime.ts';

test('the addon is told with which code the process ends, once, however many libraries are open', async () => {
  const codes: number[] = [];
  const nexa = {
    open: async () => ({ library: {}, version: 'v0.5.0', layout: 'geniex-0.5' }),
    leave: (code: number) => codes.push(code),
  } as unknown as NexaBinding;
  await openLibrary(nexa, '/one', {});
  await openLibrary(nexa, '/two', {});
  const listeners = process.listeners('exit').filter(({ name }) => name === 'leaveAtExit');
  expect(listeners).toHaveLength(1);
  listeners[0]?.(7);
  expect(codes).toEqual([7]);
  for (const listener of listeners) process.off('exit', listener);
});
