/** Reads what another process holds. It knows no limits, and not which processes there are. */
import type { Addon } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import { readAnonymousBytesOf } from '../sensors/process-memory.ts';

/**
 * What another process holds: anonymous bytes (RssAnon + VmSwap on Linux, the footprint on macOS, private bytes on Windows). `undefined`: it has
 * ended, or the system doesn't tell. Never throws.
 */
export function readProcessBytes(
  pid: number,
  platform: NodeJS.Platform = process.platform,
  readProcess: Addon['readProcess'] = undefined,
): number | undefined {
  try {
    if (platform === 'linux') return readAnonymousBytesOf(pid);
    return (readProcess ?? loadAddon()?.readProcess)?.(pid);
  } catch {
    // It has ended, or `pid` is none.
    return undefined;
  }
}
