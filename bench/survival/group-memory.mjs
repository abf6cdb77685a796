/** Reads what a limited group of this bench holds, and lets go of cached files. It decides nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readProcessMemory } from '../../tools/process-memory.mjs';

/** @typedef {import('../../tools/control-groups.mjs').ControlGroup} ControlGroup */

/** What could still be taken: the limit less usage, if page cache is taken back. @param {ControlGroup} group @param {number} limitBytes */
export function readAvailableBytes(group, limitBytes) {
  const stat = readFileSync(path.join(group.directory, 'memory.stat'), 'utf8');
  // v1 has each twice, the group alone and with all below it, which v2 has alone.
  const key = stat.includes('total_active_file')
    ? /^total_(?:in)?active_file (\d+)$/gm
    : /^(?:in)?active_file (\d+)$/gm;
  const reclaimableBytes = [...stat.matchAll(key)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  return limitBytes - group.readUsedBytes() + reclaimableBytes;
}

/** Page tables and the like, which v1 counts as usage. @param {ControlGroup} group */
export function readKernelBytes({ directory }) {
  const file = path.join(directory, 'memory.kmem.usage_in_bytes');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

/** `undefined` for a process that has just ended. @param {number | undefined} pid */
export function readAnonymousBytes(pid) {
  if (pid === undefined) return undefined;
  try {
    return readProcessMemory(pid).anonymousBytes;
  } catch {
    return undefined;
  }
}

/** Pages of a file are charged to the group that reads them first; those that were read before would be charged to nobody here. @param {string} folder */
export function dropPages(folder) {
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.gguf'))) {
    spawnSync('dd', [`if=${path.join(folder, name)}`, 'iflag=nocache', 'count=0', 'status=none'], { stdio: 'inherit' });
  }
}
