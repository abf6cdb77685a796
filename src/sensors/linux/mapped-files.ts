/** Reads which files a process has mapped and how much of each; it knows nothing of models. */
import { malformed } from '../sensor-error.ts';
import { readBytes, toPrefix } from './kernel-files.ts';

export interface MappedFile {
  /** As the kernel prints it: `fe:00`. */
  readonly device: string;
  /** A text, since 64-bit inodes don't fit a number. */
  readonly inode: string;
  readonly path: string;
  /** Distinct bytes of the file that are mapped: parts mapped twice count once. */
  readonly bytes: number;
  /** All its mappings added up: a file that is mapped once more has more of them. */
  readonly mappingsBytes: number;
  /** True if a part of it may be executed: it is a program or a library, not data. */
  readonly executable: boolean;
}

/** `7f1cc16a6000-7f1cc17fc000 r-xp 00026000 fe:00 339380                     /usr/lib/x86_64-linux-gnu/libc.so.6` */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) ([-rwxsp]{4}) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/;
/** Memory that has an inode and no file behind it: shared memory, memfds, and what drivers map. */
const NOT_A_FILE = /^(\/memfd:|\/SYSV[0-9a-f]{8}|\/dev\/zero|\/anon_hugepage|\/\[|anon_inode:)/;
/** Their pages are not page cache that the kernel could drop and read again. */
const IN_MEMORY = new Set(['tmpfs', 'devtmpfs', 'ramfs', 'hugetlbfs']);

interface MappedRanges {
  readonly device: string;
  readonly inode: string;
  readonly path: string;
  readonly ranges: [from: number, to: number][];
  executable: boolean;
}

/**
 * Reads the mapped files of this process, or of another one, that lie on a disk, by device and inode; 0.1 ms in a plain Node process. Files on tmpfs are left out.
 *
 * @throws MemoryGuardError `ERR_SENSOR` if the mappings or the mounts can't be read or understood.
 */
export function readMappedFiles(options: { readonly root?: string; readonly pid?: number } = {}): MappedFile[] {
  const { root = '/', pid = 'self' } = options;
  const prefix = toPrefix(root);
  const file = `${prefix}/proc/${pid}/maps`;
  const inMemory = listInMemoryDevices(`${prefix}/proc/self/mountinfo`);
  const found = new Map<string, MappedRanges>();
  for (const line of readBytes(file).toString('utf8').split('\n')) {
    if (line === '') continue;
    const match = LINE.exec(line) as [string, string, string, string, string, string, string, string] | null;
    if (match === null)
      throw malformed(file, 'lines such as "7f1c-7f1d r--p 00000000 fe:00 339380 /lib/libc.so"', line);
    const [, start, end, flags, offset, device, inode, path] = match;
    if (inode === '0' || NOT_A_FILE.test(path) || inMemory.has(toDecimalDevice(device))) continue;
    const key = `${device} ${inode}`;
    const mapped = found.get(key) ?? { device, inode, path: cleanPath(path), ranges: [], executable: false };
    found.set(key, mapped);
    mapped.executable ||= flags.includes('x');
    const from = Number.parseInt(offset, 16);
    mapped.ranges.push([from, from + (Number.parseInt(end, 16) - Number.parseInt(start, 16))]);
  }
  return [...found.values()].map(({ ranges, ...file }) => ({
    ...file,
    mappingsBytes: ranges.reduce((sum, [from, to]) => sum + to - from, 0),
    bytes: sumDistinct(ranges),
  }));
}

/** The kernel escapes a newline only, and marks a file that has no name any more. */
function cleanPath(path: string): string {
  return path.replace(/ \(deleted\)$/, '').replaceAll('\\012', '\n');
}

function sumDistinct(ranges: [from: number, to: number][]): number {
  let bytes = 0;
  let covered = 0;
  for (const [from, to] of ranges.sort((a, b) => a[0] - b[0])) {
    bytes += Math.max(0, to - Math.max(from, covered));
    covered = Math.max(covered, to);
  }
  return bytes;
}

/** `31 23 0:28 / /dev/shm rw - tmpfs tmpfs rw`: mountinfo counts in decimal, maps in hexadecimal. */
function listInMemoryDevices(file: string): Set<string> {
  const devices = new Set<string>();
  for (const line of readBytes(file).toString('utf8').split('\n')) {
    const [left, right] = line.split(' - ', 2);
    if (right !== undefined && IN_MEMORY.has(right.split(' ')[0]!)) devices.add(left!.split(' ')[2]!);
  }
  return devices;
}

function toDecimalDevice(device: string): string {
  const [major, minor] = device.split(':');
  return `${Number.parseInt(major!, 16)}:${Number.parseInt(minor!, 16)}`;
}
