/** The facts of this machine in one object, for people: it decides nothing and admits no load. */

import { describeAddonProblem, loadAddon } from './addon/load-addon.ts';
import type { MemorySnapshot, Quantization } from './core/types.ts';
import {
  comparedTotalBytes,
  hostBinds,
  type MachineClass,
  machineClass,
  recommendQuantization,
} from './policy/recommend-quantization.ts';
import { openReader } from './sensors/open-reader.ts';

export interface MachineReport {
  /** Such as "Debian GNU/Linux 12 (x64)". */
  readonly os: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** The native addon: `loaded`, `missing` (the JavaScript readers serve), or why it could not be loaded. */
  readonly addon: string;
  readonly memory: MemorySnapshot;
  /** The files that were read for it, or how else memory was asked for. */
  readonly readFrom: readonly string[];
  /** If the memory that this process may use stands among the documented requirements. */
  readonly machineClass: MachineClass;
  readonly recommendedQuantization: Quantization;
}

/** Asks the system; takes some tens of milliseconds and may start processes. Throws `ERR_SENSOR` if memory can't be read. */
export async function machineReport(): Promise<MachineReport> {
  const { memory, readFrom } = readOnce();
  // Imported here: it takes 25 ms, and a program that only guards its loads never asks.
  const { default: systeminformation } = await import('systeminformation');
  const [os, cpu] = await Promise.all([systeminformation.osInfo(), systeminformation.cpu()]);
  const { totalBytes, availableBytes } = memory;
  const comparedBytes = comparedTotalBytes({ totalBytes, availableBytes, hostBinds: hostBinds(memory) });
  return Object.freeze({
    os: `${os.distro} ${os.release} (${os.arch})`,
    kernel: os.kernel,
    cpu: cpu.brand,
    cores: cpu.cores,
    node: process.version,
    addon: describeAddonProblem() ?? (loadAddon() ? 'loaded' : 'missing: the JavaScript readers serve'),
    memory,
    readFrom,
    machineClass: machineClass(comparedBytes),
    recommendedQuantization: recommendQuantization(comparedBytes, availableBytes),
  });
}

function readOnce(): Pick<MachineReport, 'memory' | 'readFrom'> {
  const reader = openReader();
  try {
    return { memory: reader.snapshot(), readFrom: Object.freeze(reader.readFrom?.() ?? []) };
  } finally {
    reader.close();
  }
}
