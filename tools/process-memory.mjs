/** Reads what the kernel says a process holds. Linux only; it knows nothing of this package. */
import { readFileSync } from 'node:fs';

/** @typedef {{ anonymousBytes: number, fileBytes: number, swappedBytes: number }} ProcessMemory resident, but for what is swapped */

/**
 * A process that has just ended still has this file, with `NaN` for each of them.
 * @param {number | 'self'} pid @returns {ProcessMemory} @throws {Error} if there is no such process
 */
export function readProcessMemory(pid = 'self') {
  // `RssAnon:     5544 kB`
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (/** @type {string} */ key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1]) * 1024;
  return { anonymousBytes: bytes('RssAnon'), fileBytes: bytes('RssFile'), swappedBytes: bytes('VmSwap') };
}
