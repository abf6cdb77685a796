/** Finds out whether the kernel would end this whole program with one of its processes. It changes nothing. */
import { findGroups } from '../sensors/linux/control-groups.ts';
import { toPrefix } from '../sensors/linux/kernel-files.ts';
import { readGroupFile } from './group-files.ts';

/**
 * The directory of the innermost v2 group, ours or one above it, whose `memory.oom.group` is 1: if the kernel ends one process in it
 * for lack of memory, it ends all of them. Kubernetes sets it since 1.28, systemd with `OOMPolicy=kill`. A process that
 * is killed at the limit of a group of its own takes nobody else along (seen on Linux 6.1). `undefined` if there is none, or none can be
 * seen. It never throws.
 */
export function findOomGroup({ root = '/' }: { readonly root?: string } = {}): string | undefined {
  try {
    // v1 has no such file.
    const groups = findGroups(toPrefix(root))?.visible ?? [];
    return groups.findLast(({ directory }) => killsTogether(directory))?.directory;
  } catch {
    return undefined;
  }
}

function killsTogether(directory: string): boolean {
  return readGroupFile(`${directory}/memory.oom.group`)?.toString('latin1').trim() === '1';
}
