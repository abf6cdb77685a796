/** Gives memory back on purpose: V8's garbage, and what the allocator keeps of freed blocks. Who calls it knows when that is worth its pause. */
import { loadAddon } from '../addon/load-addon.ts';
import type { Clock } from '../core/clock.ts';
import { collectGarbage } from '../core/collect-garbage.ts';
import { loadNodeModule } from '../core/node-module.ts';

/** What native code freed goes back to the system. Does nothing if there is no addon or the allocator can't. */
export async function trimHeap(): Promise<void> {
  await loadAddon()?.trimHeap();
}

/** The cached pages of these files go back to the system, but for those that somebody maps. */
export async function dropPageCache(files: readonly string[]): Promise<void> {
  const addon = loadAddon();
  if (addon) await Promise.all(files.map((file) => addon.dropPageCache(file)));
}

/** Collects if the heap holds as much as is missing; else it isn't worth its pause, and false is the answer. */
export function collectIfWorth(missingBytes: number): boolean {
  // `process.memoryUsage()` opens a file, and fails if there are no more descriptors.
  const { used_heap_size, external_memory } = loadNodeModule('node:v8').getHeapStatistics();
  if (used_heap_size + external_memory < missingBytes) return false;
  collectGarbage();
  // V8 gives pages of its heap back on other threads (150 MiB take 4 ms); the next collection begins by waiting for them.
  collectGarbage();
  return true;
}

/** After a disposal: once the caller has gone on, its garbage and what native code freed go back to the system. */
export async function giveBack(clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => clock.schedule(resolve, 0, true));
  collectGarbage();
  await trimHeap();
}
