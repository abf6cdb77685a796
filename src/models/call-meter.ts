/** Sees what one call takes, if nothing else runs beside it. It decides nothing. */
import { KiB } from '../core/bytes.ts';

/** What a call took. */
export interface TakenByCall {
  /** What was there after it and not before, results included. */
  readonly keptBytes: number;
  /** The same without what JavaScript holds, as results. */
  readonly nativeBytes: number;
  /** The most that it held at once; if that can't be seen, no more than `mostBytes` is said. `keeps`: the engine gives nothing back within a call. */
  peakBytes(keeps: boolean, mostBytes: number): number;
}

/** To be called once the call is over. `undefined`: something else ran beside it, or the system doesn't tell. */
export type CallMeter = () => TakenByCall | undefined;

/** Begins. `look` says what else there is. */
export function meterCall(
  readGrowthBytes: () => number | undefined,
  look: () => { readonly changes: number; readonly running: number },
): CallMeter {
  const then = look();
  const before = readMemory(readGrowthBytes);
  return () => {
    const { changes, running } = look();
    const now = readMemory(readGrowthBytes);
    const alone = then.running === 1 && running === 1 && changes === then.changes;
    if (!alone || before === undefined || now === undefined) return undefined;
    // Results are buffers of JavaScript, and are part of what the call took.
    const nativeBytes = now.growthBytes - before.growthBytes;
    const keptBytes = Math.max(0, nativeBytes + Math.max(0, now.bufferBytes - before.bufferBytes));
    const fellBytes = Math.max(0, now.mostBytes - now.residentBytes);
    return {
      keptBytes,
      nativeBytes,
      peakBytes(keeps, mostBytes) {
        // The process has never held as much as during this call: then that is the call's own.
        if (now.mostBytes > before.mostBytes) return keptBytes + fellBytes;
        return keeps ? keptBytes : Math.max(keptBytes, Math.min(mostBytes, keptBytes + fellBytes));
      },
    };
  };
}

/** What this process holds, in bytes. */
interface HeldMemory {
  readonly growthBytes: number;
  readonly bufferBytes: number;
  readonly residentBytes: number;
  /** The most that was resident since the process began. */
  readonly mostBytes: number;
}

/** No call must fail because a reading does. Node opens a file to tell what is resident, and there may be no more descriptors. */
function readMemory(readGrowthBytes: () => number | undefined): HeldMemory | undefined {
  try {
    const growthBytes = readGrowthBytes();
    if (growthBytes === undefined) return undefined;
    const { arrayBuffers, rss } = process.memoryUsage();
    return {
      growthBytes,
      bufferBytes: arrayBuffers,
      residentBytes: rss,
      mostBytes: process.resourceUsage().maxRSS * KiB,
    };
  } catch {
    return undefined;
  }
}
