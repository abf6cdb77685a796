/** The public one-call reading; it keeps the readers that `readMemory` reuses and knows nothing else. */
import type { MemoryReader } from '../core/memory-reader.ts';
import type { MemorySnapshot } from '../core/types.ts';
import { checkReadOptions, openReader } from './open-reader.ts';

export interface ReadMemoryOptions {
  /** Directory that holds `proc/` and `sys/`. @default '/' */
  readonly root?: string;
  /** Counts free swap as available: zram within control groups only, since the machine itself gains nothing by it. @default false */
  readonly swap?: boolean;
}

/** Fixture trees come and go, the machine stays: the readers used longest ago are closed beyond this many. */
const KEPT = 4;
const readers = new Map<string, MemoryReader>();

/**
 * One frozen reading of the machine, or of the tree of its files under `root`.
 *
 * @throws MemoryGuardError `ERR_SENSOR` where a file that applies can't be read, `ERR_INVALID_OPTION` for a wrong option.
 */
export function readMemory(options: ReadMemoryOptions = {}): MemorySnapshot {
  const { root, swap } = checkReadOptions(options, ['root', 'swap']);
  const key = `${swap} ${root}`;
  const reader = readers.get(key) ?? openReader({ root, swap });
  readers.delete(key);
  readers.set(key, reader);
  for (const [oldest, other] of readers) {
    if (readers.size <= KEPT) break;
    readers.delete(oldest);
    other.close();
  }
  return reader.snapshot();
}
