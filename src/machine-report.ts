/** The facts of this machine in one object, for people. It decides nothing and admits no load. */
import { describeAddonProblem, loadAddon } from './addon/load-addon.ts';
import type { MemorySnapshot, Quantization } from './core/types.ts';
import {
  comparedTotalBytes,
  hostBinds,
  type MachineClass,
  machineClass,
  recommendQuantization,
} from './policy/recommend-quantization.ts';
import { describeContainment } from './processes/containment.ts';
import { findOomGroup } from './processes/oom-group.ts';
import { openReader } from './sensors/open-reader.ts';

/** What `machineReport` resolves with. Frozen; all sizes are bytes. */
export interface MachineReport {
  /** Name, version and architecture, for example "Debian GNU/Linux 12 (x64)". */
  readonly os: string;
  readonly kernel: string;
  /** The processor's brand, for example "EPYC". */
  readonly cpu: string;
  /** Logical cores. */
  readonly cores: number;
  /** Version of Node, for example "v20.19.0". */
  readonly node: string;
  /** The native addon: `loaded`, `missing` (the JavaScript readers serve), or why it could not be loaded. */
  readonly addon: string;
  readonly memory: MemorySnapshot;
  /** The files that were read for `memory`, or how else the system was asked. */
  readonly readFrom: readonly string[];
  /**
   * Directory of the control group whose `memory.oom.group` is 1, ours or one above it: if the kernel ends one process there for lack
   * of memory, it ends all of them. Absent if there is none.
   */
  readonly oomGroup?: string;
  /**
   * Whether the process of a model gets a control group with a limit of its own here: of which kind, or why not, in one sentence with what would make
   * it available.
   */
  readonly containment: { readonly kind: 'cgroup-v1' | 'cgroup-v2' } | { readonly reason: string };
  /** Where the memory that this process may use stands among Qwen2-Audio's documented requirements. */
  readonly machineClass: MachineClass;
  /** The quantization with which a load of Qwen2-Audio would begin. */
  readonly recommendedQuantization: Quantization;
}

/**
 * Asks the system what it is and what memory this process may use there. Programs are started for that (`lscpu` on Linux), which
 * takes some tenths of a second, so this is for people and logs and not for each load.
 *
 * @throws MemoryGuardError `ERR_SENSOR` if memory can't be read.
 *
 * @example
 * import { formatBytes, machineReport } from 'nexa-memory-guard';
 *
 * const { os, memory, recommendedQuantization } = await machineReport();
 * console.log(`${os}: ${formatBytes(memory.availableBytes)} of ${formatBytes(memory.totalBytes)}, ${recommendedQuantization}`);
 */
export async function machineReport(): Promise<MachineReport> {
  const { memory, readFrom } = readOnce();
  // Imported here: it takes 44 ms (bench/import), and a program that only guards its loads never asks.
  const { default: systeminformation } = await import('systeminformation');
  const [os, cpu] = await Promise.all([systeminformation.osInfo(), systeminformation.cpu()]);
  const { totalBytes, availableBytes } = memory;
  const oomGroup = findOomGroup();
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
    ...(oomGroup !== undefined && { oomGroup }),
    containment: Object.freeze(describeContainment()),
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
