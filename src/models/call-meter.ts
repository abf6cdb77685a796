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
  const before = { ...look(), ...readMemory(readGrowthBytes) };
  return () => {
    const now = { ...look(), ...readMemory(readGrowthBytes) };
    const alone = before.running === 1 && now.running === 1 && now.changes === before.changes;
    if (!alone || before.growthBytes === undefined || now.growthBytes === undefined) return undefined;
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

function readMemory(readGrowthBytes: () => number | undefined) {
  const { arrayBuffers, rss } = process.memoryUsage();
  return {
    growthBytes: readOrNothing(readGrowthBytes),
    bufferBytes: arrayBuffers,
    residentBytes: rss,
    /** The most that was resident since the process began. */
    mostBytes: process.resourceUsage().maxRSS * KiB,
  };
}

/** No call must fail because a reading does. */
function readOrNothing(read: () => number | undefined): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
