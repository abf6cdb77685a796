/** How tests expect a model file to be refused: with the package's error, and one sentence of three parts. */
import { expect } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';

/** Resolves to the sentence of the `ERR_MODEL_FILE` that `reading` must reject with. */
export async function expectRefusal(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MemoryGuardError);
  expect(error).toMatchObject({
    code: 'ERR_MODEL_FILE',
    message: expect.stringMatching(/^Expected '.*' to .*, found .*; .*\.$/s),
  });
  return (error as MemoryGuardError).message;
}
