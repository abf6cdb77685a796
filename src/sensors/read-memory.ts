/** The public reading by one call; it keeps the readers that later calls reuse and knows nothing else. */
import type { MemoryReader } from '../core/memory-reader.ts';
import type { MemorySnapshot } from '../core/types.ts';
import { validate } from '../core/validate.ts';
import { openReader, READ_MEMORY_CHECKS } from './open-reader.ts';
import type { ReadMemoryOptions } from './read-memory-options.ts';

/** How many readers stay open. Captured trees come and go, so the reader that was used longest ago is closed beyond this many. */
const KEPT_READERS = 4;
const readers = new Map<string, MemoryReader>();

/**
 * Reads the memory of this machine, or of a tree of captured files, once. The snapshot and its scopes are frozen. A call takes
 * tens of microseconds; descriptors stay open for the next one.
 *
 * @param options Where to read and whether swap counts; without them this machine is read, without swap.
 * @returns Every scope that limits this process, in bytes, and which of them has the least left.
 * @throws MemoryGuardError `ERR_SENSOR` if a file that applies can't be read or understood: it never counts as "no limit".
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for an option that doesn't exist or has a wrong value.
 *
 * @example
 * ```ts
 * import { formatBytes, readMemory } from 'nexa-memory-guard';
 *
 * const { availableBytes, totalBytes, limitedBy } = readMemory();
 * console.log(`${formatBytes(availableBytes)} of ${formatBytes(totalBytes)} can be taken, by ${limitedBy.kind} ${limitedBy.path}`);
 * ```
 */
export function readMemory(options: ReadMemoryOptions = {}): MemorySnapshot {
  const { root = '/', swap = false } = validate<ReadMemoryOptions>(options, READ_MEMORY_CHECKS, 'readMemory');
  const key = `${swap} ${root}`;
  const reader = readers.get(key) ?? openReader({ root, swap });
  readers.delete(key);
  readers.set(key, reader);
  for (const [oldest, other] of readers) {
    if (readers.size <= KEPT_READERS) break;
    readers.delete(oldest);
    other.close();
  }
  return reader.snapshot();
}
