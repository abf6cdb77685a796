/** The documented recommendation of a quantization for a machine. Pure. */
import { GiB } from '../core/bytes.ts';
import type { MemoryMeasure } from '../core/memory-reader.ts';
import type { MemorySnapshot, Quantization } from '../core/types.ts';

/** Sizes in GiB that machines are sold with. */
const SOLD_GIB = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

/** Firmware and the kernel's own image take up to a tenth of a machine's memory before any program sees it. */
const SHOWN_RATIO = 0.9;

/** The size a machine was sold with: one "of 32 GB" shows about 31 GiB. A size that fits no such machine stays as it is. */
export function nominalTotalBytes(shownBytes: number): number {
  const sold = SOLD_GIB.find((size) => size * GiB >= shownBytes);
  return sold !== undefined && shownBytes >= sold * GiB * SHOWN_RATIO ? sold * GiB : shownBytes;
}

/** Whether the machine itself, no group or process limit, has the smallest limit. lxcfs shows a group's limit as the machine's. */
export function hostBinds({ scopes, totalBytes }: Pick<MemorySnapshot, 'scopes' | 'totalBytes'>): boolean {
  const [host, ...others] = scopes;
  const binds = ({ limitBytes, highBytes }: (typeof others)[number]) =>
    Math.min(limitBytes ?? Infinity, highBytes ?? Infinity) <= totalBytes;
  return host?.limitBytes === totalBytes && !others.some(binds);
}

/** The total that the recommendation compares: nominal if the machine itself binds, exact for every other limit. */
export function comparedTotalBytes({ totalBytes, hostBinds }: MemoryMeasure): number {
  return hostBinds ? nominalTotalBytes(totalBytes) : totalBytes;
}

/** If a machine stands among the documented system requirements. */
export type MachineClass = 'below minimum' | 'minimum' | 'recommended' | 'high performance';

/** 8 GB minimum, 16 GB recommended, 32 GB and more high performance. */
export function machineClass(totalBytes: number): MachineClass {
  if (totalBytes >= 32 * GiB) return 'high performance';
  if (totalBytes >= 16 * GiB) return 'recommended';
  return totalBytes >= 8 * GiB ? 'minimum' : 'below minimum';
}

/** 32 GB with 8 GB available: Q5_K_M. 8 GB or less, or 5 GB available or less: Q4_0. Else Q4_K_M. */
export function recommendQuantization(totalBytes: number, availableBytes: number): Quantization {
  if (totalBytes >= 32 * GiB && availableBytes >= 8 * GiB) return 'Q5_K_M';
  if (totalBytes <= 8 * GiB || availableBytes <= 5 * GiB) return 'Q4_0';
  return 'Q4_K_M';
}
