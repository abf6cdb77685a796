/** Wakes who watches memory when the system says that it gets short, or no longer is. What that means is read anew. */
import { isMainThread } from 'node:worker_threads';
import type { Addon } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';

/**
 * Calls `changed` until the result is called. Does nothing where the system gives no such notice (Linux: memory is read often
 * enough), and in worker threads, which may end while a notice is on its way.
 */
export function watchPressure(
  changed: () => void,
  addon: Pick<Addon, 'PressureWatch'> | undefined = loadAddon(),
  mainThread: boolean = isMainThread,
): () => void {
  if (!addon?.PressureWatch || !mainThread) return () => {};
  try {
    const watch = new addon.PressureWatch(changed);
    return () => watch.close();
  } catch {
    return () => {}; // the system can't be asked: memory is still read by the clock
  }
}
