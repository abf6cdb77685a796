/** What Jest runs: guards that nobody closes, a module registry that is emptied, and a model that nobody disposes. */
// @ts-expect-error Jest has it, and is installed apart.
import { expect, jest, test } from '@jest/globals';

const open = { minFreeBytes: 0, minFreeRatioAfterLoad: 0 };

test('a copy of the package after `resetModules` counts with the one before', async () => {
  const first = await import('nexa-memory-guard');
  const guard = first.createMemoryGuard(open);
  await guard.load({ name: 'jest', footprint: '1 MiB' }, async () => ({ dispose() {} }));
  jest.resetModules();
  const second = await import('nexa-memory-guard');
  expect(second.createMemoryGuard).not.toBe(first.createMemoryGuard);
  const other = second.createMemoryGuard(open);
  expect(other.ledger.kind).toBe('shared');
  expect(other.ledger.entries().filter(({ label }) => label === 'jest')).toHaveLength(1);
  expect(() => second.createMemoryGuard({ warningFactor: 0 })).toThrow(first.MemoryGuardError);
});

test('a model lives in a process of its own', async () => {
  const { NexaSDK, withMemoryGuard } = await import('nexa-memory-guard');
  const nexa = withMemoryGuard(await NexaSDK.initialize(), open);
  const model = await nexa.loadModel(process.env['MODEL'] ?? '', { contextSize: 256 });
  expect(model.pid).not.toBe(process.pid);
});
