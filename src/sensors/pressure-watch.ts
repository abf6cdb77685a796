/** Calls back if the system says that memory gets short, or no longer is. It judges nothing: memory is read anew. */
import type { Addon } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import { loadNodeModule } from '../core/node-module.ts';

/**
 * Calls `changed` at each notice, until the function that it returns is called. It does nothing if the system gives no such
 * notice (Linux, whose memory is read often enough), and in worker threads, which may end while a notice is on its way.
 */
export function watchPressure(
  changed: () => void,
  addon: Pick<Addon, 'PressureWatch'> | undefined = loadAddon(),
  mainThread?: boolean,
): () => void {
  if (!addon?.PressureWatch) return () => {};
  if (!(mainThread ?? loadNodeModule('node:worker_threads').isMainThread)) return () => {};
  try {
    const watch = new addon.PressureWatch(changed);
    return () => watch.close();
  } catch {
    return () => {}; // The system can't be asked: memory is still read by the clock.
  }
}
