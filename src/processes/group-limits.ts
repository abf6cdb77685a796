/** Limits a group's memory, swap included, so that the kernel kills what goes beyond. It makes and enters no group. */
import { KiB } from '../core/bytes.ts';
import { exists } from '../sensors/linux/kernel-files.ts';
import { readGroupFile, writeGroupFile } from './group-files.ts';

/** What a group that can be limited is called in a snapshot as well. */
export type GroupKind = 'cgroup-v1' | 'cgroup-v2';

/**
 * What memory and swap together may be above memory alone: a page of any kernel. Where both limits are the same, v1 meets that of both
 * first, and Linux 6.18 doesn't count that in any `failcnt`; so the scope of a kill would not be known.
 */
const SWAP_BYTES = 64 * KiB;

const ADVICE = 'check whether its process has ended, or holds more than that already';

/** Prepares a new group: what reaches its limit is killed, neither swapped out nor stopped. On v2 all of the group is killed together. */
export function prepareGroup(kind: GroupKind, directory: string): void {
  if (kind === 'cgroup-v1') {
    // `oom_kill_disable 1` is inherited: at its limit a process would stop for ever.
    const control = `${directory}/memory.oom_control`;
    if (/^oom_kill_disable 1$/m.test(readGroupFile(control)?.toString('latin1') ?? '')) {
      writeGroupFile(control, 0, ADVICE);
    }
    return;
  }
  // Kernels without swap accounting lack the first, those before 4.19 the second. Half of a model's processes are of no use.
  const wanted = { 'memory.swap.max': 0, 'memory.oom.group': 1 };
  for (const [name, value] of Object.entries(wanted)) {
    if (exists(`${directory}/${name}`)) writeGroupFile(`${directory}/${name}`, value, ADVICE);
  }
}

/**
 * Sets the limit. `formerBytes` is the one that was set before.
 *
 * @throws ContainmentError if the kernel doesn't take it, for example v1 if more is held and can't be reclaimed.
 */
export function writeLimit(
  kind: GroupKind,
  directory: string,
  bytes: number,
  formerBytes = Number.POSITIVE_INFINITY,
): void {
  if (kind === 'cgroup-v2') {
    writeGroupFile(`${directory}/memory.max`, bytes, ADVICE);
    return;
  }
  const limits = [[`${directory}/memory.limit_in_bytes`, bytes]] as [file: string, bytes: number][];
  // The limit of both may never be the lower of the two, so it is lowered last and raised first.
  const withSwap = `${directory}/memory.memsw.limit_in_bytes`;
  if (exists(withSwap)) limits.push([withSwap, bytes + SWAP_BYTES]);
  if (bytes > formerBytes) limits.reverse();
  for (const [file, value] of limits) writeGroupFile(file, value, ADVICE);
}
