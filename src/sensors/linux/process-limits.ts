/**
 * Reads the limits that are not control groups: RLIMIT_AS, RLIMIT_DATA, strict overcommit, zram. They are read with the
 * resolution and then at most once a second.
 */
import { malformed } from '../sensor-error.ts';
import type { ProcessName } from './control-groups.ts';
import { readBytes, readBytesIfPresent } from './kernel-files.ts';

export interface ProcessLimits {
  /** Infinity: the limit is not set. */
  readonly addressSpaceBytes: number;
  readonly dataBytes: number;
  /** `vm.overcommit_memory` is 2: the kernel refuses what exceeds CommitLimit, touched or not. */
  readonly strictOvercommit: boolean;
  /** What zram devices could hold. What is swapped to them stays in the machine's memory. */
  readonly zramBytes: number;
  /** Some swap device is on. */
  readonly swapping: boolean;
}

/** Reads them all below `prefix`, or those of no process. It throws `ERR_SENSOR` if a file can't be read or understood. */
export function readProcessLimits(prefix: string, processName: ProcessName | 'none' = 'self'): ProcessLimits {
  return {
    ...(processName === 'none' ? NO_LIMITS : readOwnLimits(`${prefix}/proc/${processName}/limits`)),
    strictOvercommit: readOvercommitMode(`${prefix}/proc/sys/vm/overcommit_memory`) === 2,
    ...readSwapDevices(`${prefix}/proc/swaps`),
  };
}

const NO_LIMITS = { addressSpaceBytes: Number.POSITIVE_INFINITY, dataBytes: Number.POSITIVE_INFINITY };

function readOwnLimits(file: string): Pick<ProcessLimits, 'addressSpaceBytes' | 'dataBytes'> {
  const text = readBytes(file).toString('latin1');
  return {
    addressSpaceBytes: parseSoftLimit(text, 'Max address space', file),
    dataBytes: parseSoftLimit(text, 'Max data size', file),
  };
}

/** `Max address space         4294967296           unlimited            bytes     ` */
function parseSoftLimit(text: string, name: string, file: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(name));
  const soft = line?.slice(name.length).trim().split(/\s+/)[0];
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
  // A longer number is none that a kernel prints.
  if (soft === undefined || !/^\d{1,20}$/.test(soft))
    throw malformed(file, `a size or "unlimited" after "${name}"`, line ?? 'no such line');
  return Number(soft);
}

/** `0\n`: heuristic, `1\n`: always, `2\n`: strict. */
function readOvercommitMode(file: string): number {
  const text = readBytes(file).toString('latin1').trim();
  if (!/^[012]$/.test(text)) throw malformed(file, '0, 1 or 2', text);
  return Number(text);
}

/**
 * `/dev/zram0                              partition	8388604		0		100`
 * The whole size is taken off the free swap, not the free part: swap is filled by priority, and the lower figure is safe
 * whichever device the kernel picks next.
 */
function readSwapDevices(file: string): Pick<ProcessLimits, 'zramBytes' | 'swapping'> {
  const text = readBytesIfPresent(file)?.toString('latin1');
  // A kernel without swap has no such file. Should there be swap all the same, nobody can tell how much of it is zram.
  if (text === undefined) return { zramBytes: Number.POSITIVE_INFINITY, swapping: true };
  const devices = text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '');
  let zramBytes = 0;
  for (const line of devices) {
    const [name = '', , size] = line.split(/\s+/);
    if (size === undefined || !/^\d+$/.test(size)) throw malformed(file, 'a size in KiB in the third column', line);
    if (/\/zram\d+$/.test(name)) zramBytes += Number(size) * 1024;
  }
  return { zramBytes, swapping: devices.length > 0 };
}
