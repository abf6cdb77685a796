/** Begins work of an engine that must not overtake the call which begins it. It knows no engine. */

import { loadAddon } from '../../addon/load-addon.ts';
import { countPoolThreads } from '../../core/pool-threads.ts';

/**
 * Makes a call that begins work on a thread of the pool, and lets the work begin only once the call has returned: the engine notes that a
 * completion runs after it has begun it, and if that is over by then, the note stays, with a pointer to freed memory.
 */
export function beginWork<T>(call: () => Promise<T>, Hold = loadAddon()?.ThreadPoolHold): Promise<T> {
  const hold = Hold && new Hold(countPoolThreads(process.env['UV_THREADPOOL_SIZE']));
  try {
    return call();
  } finally {
    hold?.release();
  }
}
