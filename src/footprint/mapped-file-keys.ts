/**
 * Knows how the process's own mappings name files, so that one that is mapped already is recognised. It must not read
 * anything.
 */
import type { HeldFile } from '../core/types.ts';
import type { FileIdentity } from '../gguf/read-gguf.ts';

/**
 * Names files by device in hexadecimal and inode, as /proc/self/maps does: `fe:00 339380`. On btrfs and overlayfs the
 * devices differ, and nothing is recognised. `share` of each is needed.
 */
export function nameHeldFiles(files: readonly FileIdentity[], share = 1): readonly HeldFile[] {
  return files.map(({ device, inode, sizeBytes }) => ({
    key: `${formatMajor(device)}:${formatMinor(device)} ${inode}`,
    bytes: Math.ceil(sizeBytes * share),
  }));
}

/** The C library packs a device number so: the major number in bits 8-19 and 32-63, the minor one in bits 0-7 and 20-31. */
function formatMajor(device: number): string {
  return formatHexadecimal((Math.floor(device / 2 ** 8) & 0xfff) + Math.floor(device / 2 ** 32) * 2 ** 12);
}

function formatMinor(device: number): string {
  return formatHexadecimal((device & 0xff) + (Math.floor(device / 2 ** 12) & 0xfff00));
}

function formatHexadecimal(value: number): string {
  return value.toString(16).padStart(2, '0');
}
