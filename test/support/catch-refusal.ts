/** How tests expect a load to be refused: with the package's own error, whose numbers they then look at. */
import { expect } from 'vitest';
import { InsufficientMemoryError } from '../../src/admission/insufficient-memory-error.ts';

/** Resolves to the `ERR_INSUFFICIENT_MEMORY` that `load` must reject with. */
export async function catchRefusal(load: Promise<unknown>): Promise<InsufficientMemoryError> {
  const error = await load.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InsufficientMemoryError);
  return error as InsufficientMemoryError;
}
