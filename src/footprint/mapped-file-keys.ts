/** Names files as the process's own mappings show them, so that one that is mapped already is recognised. It reads nothing. */
import type { HeldFile } from '../core/types.ts';
import type { FileIdentity } from '../gguf/read-gguf.ts';

/** `fe:00 339380`: device in hexadecimal and inode, as in /proc/self/maps. On btrfs and overlayfs the devices differ, and nothing is recognised. */
export function heldFilesOf(files: readonly FileIdentity[]): readonly HeldFile[] {
  return files.map(({ device, inode, sizeBytes }) => ({
    key: `${major(device)}:${minor(device)} ${inode}`,
    bytes: sizeBytes,
  }));
}

/** As the C library packs a device number: `major` in bits 8-19 and 32-63, `minor` in bits 0-7 and 20-31. */
function major(device: number): string {
  return hexadecimal((Math.floor(device / 2 ** 8) & 0xfff) + Math.floor(device / 2 ** 32) * 2 ** 12);
}

function minor(device: number): string {
  return hexadecimal((device & 0xff) + (Math.floor(device / 2 ** 12) & 0xfff00));
}

function hexadecimal(value: number): string {
  return value.toString(16).padStart(2, '0');
}
