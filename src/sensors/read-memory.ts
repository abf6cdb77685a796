/** The public reading by one call; it keeps the machine's readers for later calls and knows nothing else. */
import type { MemoryReader } from '../core/memory-reader.ts';
import type { MemorySnapshot } from '../core/types.ts';
import { validate } from '../core/validate.ts';
import { openReader, READ_MEMORY_CHECKS } from './open-reader.ts';
import type { ReadMemoryOptions } from './read-memory-options.ts';

const MACHINE = '/';

/** This machine's, by whether swap counts. */
const readers = new Map<boolean, MemoryReader>();

/**
 * Reads the memory of this machine, or of a tree of captured files, once. The snapshot and its scopes are frozen. A call for this
 * machine takes tens of microseconds, and its descriptors stay open for the next one; a captured tree is opened anew each time.
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
  const { root = MACHINE, swap = false } = validate<ReadMemoryOptions>(options, READ_MEMORY_CHECKS, 'readMemory');
  if (root !== MACHINE) return readTree(root, swap);
  const kept = readers.get(swap);
  if (kept) return kept.snapshot();
  const reader = openReader({ root, swap });
  try {
    const snapshot = reader.snapshot();
    readers.set(swap, reader);
    return snapshot;
  } finally {
    // One that was opened in a bad moment may be the lesser one for good.
    if (readers.get(swap) !== reader) reader.close();
  }
}

/** Trees come and go: a reader that was kept would tell what stood in files that are deleted. */
function readTree(root: string, swap: boolean): MemorySnapshot {
  const reader = openReader({ root, swap });
  try {
    return reader.snapshot();
  } finally {
    reader.close();
  }
}
