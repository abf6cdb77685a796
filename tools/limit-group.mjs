/** A real memory limit for one process: a control group made here and removed here. It needs root and Linux. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * @typedef {object} LimitGroup
 * @property {string} directory the group, for its members to set `limitFile`
 * @property {string} limitFile
 * @property {string} usageFile
 */

/** Makes an unlimited group below this process's own, or says why it can't.
 * @returns {{ group: LimitGroup } | { reason: string }} */
export function makeGroup() {
  if (process.platform !== 'linux') return { reason: `control groups are Linux's, this is ${process.platform}` };
  if (process.getuid?.() !== 0) return { reason: 'making a control group needs root' };
  const parent = ownGroup();
  if (!parent) return { reason: 'no memory controller is mounted' };
  const directory = path.join(parent.directory, `nexa-memory-guard-demo-${process.pid}`);
  try {
    mkdirSync(directory);
    const limitFile = path.join(directory, parent.version === 1 ? 'memory.limit_in_bytes' : 'memory.max');
    const usageFile = path.join(directory, parent.version === 1 ? 'memory.usage_in_bytes' : 'memory.current');
    if (!existsSync(limitFile)) {
      rmdirSync(directory);
      return { reason: `the memory controller is not handed down to ${directory}` };
    }
    return { group: { directory, limitFile, usageFile } };
  } catch (error) {
    return { reason: `${directory} can't be made: ${/** @type {Error} */ (error).message}` };
  }
}

/** @param {LimitGroup} group */
export function enterGroup({ directory }) {
  writeFileSync(path.join(directory, 'cgroup.procs'), String(process.pid));
}

/** Its members may take a moment to end. @param {LimitGroup} group */
export async function removeGroup({ directory }) {
  for (let attempt = 1; ; attempt++) {
    try {
      return rmdirSync(directory);
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** @param {LimitGroup} group */
export function usedBytes({ usageFile }) {
  return Number(readFileSync(usageFile, 'utf8'));
}

/** Where new groups may be made: under v2 only the root may hold both processes and groups. */
function ownGroup() {
  const lines = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes('memory'));
  const v1Directory = v1 && path.join('/sys/fs/cgroup/memory', /** @type {string} */ (v1[2]));
  if (v1Directory && existsSync(v1Directory)) return { version: 1, directory: v1Directory };
  const controllers = '/sys/fs/cgroup/cgroup.subtree_control';
  if (existsSync(controllers) && readFileSync(controllers, 'utf8').includes('memory')) {
    return { version: 2, directory: '/sys/fs/cgroup' };
  }
  return undefined;
}
