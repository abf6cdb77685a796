/** The readers that the contract is held against, and how tests open them. */
import { expect, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import type { MemoryReader } from '../../src/core/memory-reader.ts';
import { openReader } from '../../src/sensors/open-reader.ts';

type ReaderName = 'native' | 'procfs';

const native = loadAddon()?.memoryFilesSupported === true;
if (!native) console.warn('The native reader is not tested: the addon is not built (npm run build:native).');

export const READERS: readonly ReaderName[] = native ? ['native', 'procfs'] : ['procfs'];

/** A reader that is closed when the test has finished. */
export function open(prefer: ReaderName, root: string, swap = false): MemoryReader {
  const reader = openReader({ root, swap, prefer });
  onTestFinished(() => reader.close());
  expect(reader.source).toBe(prefer);
  return reader;
}

/** The error of an action that must refuse. */
export function catchSensorError(action: () => unknown): MemoryGuardError {
  let result: unknown;
  try {
    result = action();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error).toMatchObject({ code: 'ERR_SENSOR' });
    return error as MemoryGuardError;
  }
  throw new Error(`expected ERR_SENSOR, got ${JSON.stringify(result)}`);
}
