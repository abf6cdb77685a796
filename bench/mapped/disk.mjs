/** A disk of a known speed for one process: a v1 group of the block controller. It knows nothing of memory. */
import { existsSync, mkdirSync, readFileSync, realpathSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const CONTROLLER = '/sys/fs/cgroup/blkio';

/** Makes a group that reads the disk under this folder at most so fast, or says why it can't. @param {string} folder @param {number} bytesPerSecond @returns {{ directory: string } | { reason: string }} */
export function makeDiskGroup(folder, bytesPerSecond) {
  if (!existsSync(`${CONTROLLER}/blkio.throttle.read_bps_device`))
    return { reason: 'no v1 block controller is mounted' };
  const device = findDisk(folder);
  if (device === undefined) return { reason: `what ${folder} lies on is no disk of its own` };
  const directory = `${CONTROLLER}/nexa-memory-guard-mapped-${process.pid}`;
  mkdirSync(directory);
  try {
    writeFileSync(`${directory}/blkio.throttle.read_bps_device`, `${device} ${bytesPerSecond}`);
    return { directory };
  } catch (error) {
    rmdirSync(directory);
    return { reason: `the disk ${device} can't be limited: ${/** @type {Error} */ (error).message}` };
  }
}

/** `254:0`; the whole disk's if the folder lies on a partition of it. @param {string} folder */
function findDisk(folder) {
  // Linux' makedev: 12 bits of major from bit 8, 20 bits of minor around them.
  const { dev } = statSync(folder);
  const link = `/sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  if (!existsSync(link)) return undefined;
  const directory = realpathSync(link);
  const disk = existsSync(`${directory}/partition`) ? path.dirname(directory) : directory;
  return readFileSync(`${disk}/dev`, 'utf8').trim();
}
