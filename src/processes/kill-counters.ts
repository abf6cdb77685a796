/** Reads how many processes of one control group the kernel killed, and how often the group's own limit was in the way. */
import { encodeKeys, parseNumberFile, scanKeys } from '../sensors/linux/kernel-text.ts';
import { readGroupFile } from './group-files.ts';
import type { GroupKind } from './group-limits.ts';

export interface KillCounters {
  /** Processes of the group that any out-of-memory killer ended, whichever scope had run out. `undefined` if it can't be read. */
  readonly kills: number | undefined;
  /** How often the group's own limit had run out. It says which scope a kill was for. `undefined` if it can't be read. */
  readonly limitHits: number | undefined;
  /** v1: the limit of memory and swap together was reached once, which Linux 6.18 counts in no `failcnt`. */
  readonly swapLimitReached: boolean;
}

const KILL_KEY = encodeKeys('oom_kill ');
const HIT_KEY = encodeKeys('oom ');

/**
 * v2: `oom_kill` and `oom` of memory.events.local, or before Linux 5.2 of memory.events, which counts the groups below as well.
 * Every process that goes with its group (`oom_group_kill`) counts as `oom_kill` of its own group too.
 * v1: `oom_kill` of memory.oom_control (Linux 4.13), and both files of `failcnt`, which count each time that the limit was reached,
 * also when reclaim could make room.
 */
export function readKillCounters(kind: GroupKind, directory: string): KillCounters {
  if (kind === 'cgroup-v2') {
    const events =
      readGroupFile(`${directory}/memory.events.local`) ?? readGroupFile(`${directory}/memory.events`) ?? Buffer.of();
    return { kills: readKey(events, KILL_KEY), limitHits: readKey(events, HIT_KEY), swapLimitReached: false };
  }
  const hits = readNumber(`${directory}/memory.failcnt`);
  const limitBytes = readNumber(`${directory}/memory.memsw.limit_in_bytes`) ?? Number.POSITIVE_INFINITY;
  return {
    kills: readKey(readGroupFile(`${directory}/memory.oom_control`) ?? Buffer.of(), KILL_KEY),
    limitHits: hits === undefined ? undefined : hits + (readNumber(`${directory}/memory.memsw.failcnt`) ?? 0),
    swapLimitReached: (readNumber(`${directory}/memory.memsw.max_usage_in_bytes`) ?? 0) >= limitBytes,
  };
}

/** `oom_kill 1` of /proc/vmstat (Linux 4.13): every kill on this machine, also those within control groups of others. */
export function readHostKills(prefix: string): number | undefined {
  return readKey(readGroupFile(`${prefix}/proc/vmstat`) ?? Buffer.of(), KILL_KEY);
}

function readKey(bytes: Uint8Array, key: readonly Uint8Array[]): number | undefined {
  const values = new Float64Array(1);
  scanKeys(bytes, bytes.length, key, 1, values);
  return toCount(values[0]!);
}

function readNumber(file: string): number | undefined {
  const bytes = readGroupFile(file);
  return bytes && toCount(parseNumberFile(bytes, bytes.length));
}

/** Neither NaN nor GARBAGE, nor a limit that is none. */
function toCount(value: number): number | undefined {
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
