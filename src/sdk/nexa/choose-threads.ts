/** How many threads a model of the SDK's library computes on if the program doesn't say. It knows no control groups. */
import { countUsableProcessors } from '../../sensors/usable-processors.ts';
import type { RuntimeLoad } from '../runtime.ts';

/** The library counts processors without their quota. With a GPU it has another number, which is left to it. */
export function chooseThreads(
  { threads, gpuLayers }: Pick<RuntimeLoad, 'threads' | 'gpuLayers'>,
  count: () => number = countUsableProcessors,
): number | undefined {
  if (threads !== undefined || gpuLayers > 0) return threads;
  try {
    return count();
  } catch {
    // A quota that can't be read costs time, and nothing else.
    return undefined;
  }
}
