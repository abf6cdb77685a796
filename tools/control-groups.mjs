/** Groups of Linux' memory controller, v1 or v2: made, limited, run in, read and removed. They need root. It knows no reader of memory. */
import { spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const REMOVE_WITHIN_MS = 5000;
const RETRY_MS = 20;
const FILES = /** @type {const} */ ({
  1: { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes' },
  2: { limit: 'memory.max', usage: 'memory.current' },
});
/** `sh GROUP… -- SCORE PROGRAM ARG…`: the shell enters first, so that every page of the program is charged to the groups. */
const ENTER = `while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit; shift; done
shift && { [ -z "$1" ] || echo "$1" > /proc/self/oom_score_adj; } && shift && exec "$@"`;

/**
 * @typedef {object} Place where groups can be made
 * @property {1 | 2} version
 * @property {string} path as in /proc/self/cgroup; empty for the root
 * @property {string} directory
 *
 * @typedef {object} Wanted
 * @property {1 | 2} [version] Only of this version. Default: v1 if its memory controller is mounted, or else v2.
 * @property {boolean} [atRoot] With v1, a group at the root of the hierarchy instead of one below this process's own, whose limits
 * it would share. With v2 all are at the root: a group that holds processes can't hand the controller down.
 *
 * @typedef {Wanted & { limitBytes?: number | undefined }} CreateOptions without a limit: unlimited
 *
 * @typedef {object} SpawnOptions
 * @property {readonly string[]} [alsoIn] directories of groups of other controllers
 * @property {number} [oomScore] of /proc/self/oom_score_adj: 1000 is killed first. Default: this process's.
 * @property {import('node:child_process').StdioOptions} [stdio] Default: standard input and output are pipes.
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] Default: this process's.
 */

/** Why no groups can be made here; `undefined` if they can. @param {Wanted} [wanted] @returns {string | undefined} */
export function whyNoControlGroups(wanted) {
  const place = findPlace(wanted);
  return typeof place === 'string' ? place : undefined;
}

export class ControlGroup {
  /** Of the controller. @type {1 | 2} */
  version;
  /** As in /proc/self/cgroup. @type {string} */
  path;
  /** @type {string} */
  directory;

  /** A group that is there. Its fields are enough, for another process to go on with it. @param {Place} place */
  constructor({ version, path, directory }) {
    this.version = version;
    this.path = path;
    this.directory = directory;
  }

  /** @param {string} name @param {CreateOptions} [options] @throws {Error} with one sentence if it can't be made */
  static create(name, { limitBytes, ...wanted } = {}) {
    const place = findPlace(wanted);
    if (typeof place === 'string') throw new Error(place);
    return makeGroup(place, name, limitBytes);
  }

  /**
   * Gives a new group to an action and removes it afterwards.
   * @template T @param {string} name @param {CreateOptions} options @param {(group: ControlGroup) => Promise<T>} action
   */
  static async use(name, options, action) {
    const group = ControlGroup.create(name, options);
    try {
      return await action(group);
    } finally {
      await group.remove();
    }
  }

  /** With v2, no process may be in this group. @param {string} name @param {number} [limitBytes] */
  createChild(name, limitBytes) {
    if (this.version === 2) this.writeFile('cgroup.subtree_control', '+memory');
    return makeGroup(this, name, limitBytes);
  }

  /** Where its limit is set, for its members to do so. */
  get limitFile() {
    return path.join(this.directory, FILES[this.version].limit);
  }

  get usageFile() {
    return path.join(this.directory, FILES[this.version].usage);
  }

  /** @param {number} bytes */
  setLimit(bytes) {
    writeFileSync(this.limitFile, String(bytes));
  }

  readUsedBytes() {
    return Number(readFileSync(this.usageFile, 'utf8'));
  }

  /** @param {string} name such as `memory.high` @param {string | number} value */
  writeFile(name, value) {
    writeFileSync(path.join(this.directory, name), String(value));
  }

  /** What the process has taken until then stays charged where it was. @param {number} pid */
  enter(pid) {
    this.writeFile('cgroup.procs', pid);
  }

  /** Starts a program inside. @param {readonly string[]} command @param {SpawnOptions} [options] */
  spawn(command, { alsoIn = [], oomScore, stdio = ['pipe', 'pipe', 'inherit'], ...options } = {}) {
    const groups = [this.directory, ...alsoIn];
    const args = ['-c', ENTER, 'sh', ...groups, '--', String(oomScore ?? ''), ...command];
    return spawn('/bin/sh', args, { stdio, ...options });
  }

  /** With all below it. What runs inside is killed: a group can be removed when it is empty, which takes a moment. */
  async remove() {
    for (const startMs = performance.now(); !removeTree(this.directory); await sleep(RETRY_MS)) {
      if (performance.now() - startMs > REMOVE_WITHIN_MS) throw new Error(`${this.directory} can't be removed.`);
    }
  }
}

/** @param {Place} place @param {string} name @param {number | undefined} limitBytes */
function makeGroup({ version, path: above, directory }, name, limitBytes) {
  const place = { version, path: `${above}/${name}`, directory: path.join(directory, name) };
  const group = new ControlGroup(place);
  try {
    mkdirSync(group.directory);
  } catch (error) {
    throw new Error(`${group.directory} can't be made: ${/** @type {Error} */ (error).message}`);
  }
  if (!existsSync(group.limitFile)) {
    rmdirSync(group.directory);
    throw new Error(`the memory controller is not handed down to ${group.directory}`);
  }
  if (limitBytes !== undefined) group.setLimit(limitBytes);
  return group;
}

/** Where groups can be made, or why they can't. @param {Wanted} [wanted] @returns {Place | string} */
function findPlace({ version, atRoot = false } = {}) {
  if (process.platform !== 'linux') return `control groups are Linux's, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'making a control group needs root';
  const place = (version === 2 ? undefined : findV1(atRoot)) ?? (version === 1 ? undefined : findV2());
  if (place === undefined) return `no ${version ? `v${version} ` : ''}memory controller is mounted`;
  try {
    accessSync(place.directory, constants.W_OK);
  } catch {
    return `${place.directory} can't be written`;
  }
  return place;
}

/** @param {boolean} atRoot @returns {Place | undefined} */
function findV1(atRoot) {
  const directory = findMount('cgroup', 'memory');
  if (directory === undefined) return undefined;
  // The hierarchy's own root has this file; a container may be shown its own group as the root.
  if (atRoot)
    return existsSync(path.join(directory, 'release_agent')) ? { version: 1, path: '', directory } : undefined;
  // `4:memory:/docker/52f8`
  const own = /^\d+:(?:.*,)?memory(?:,.*)?:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const below = own === '/' ? '' : own;
  return existsSync(directory + below) ? { version: 1, path: below, directory: directory + below } : undefined;
}

/** @returns {Place | undefined} */
function findV2() {
  const directory = findMount('cgroup2');
  const controllers = directory && path.join(directory, 'cgroup.subtree_control');
  if (!controllers || !existsSync(controllers)) return undefined;
  return readFileSync(controllers, 'utf8').split(/\s/).includes('memory')
    ? { version: 2, path: '', directory }
    : undefined;
}

/**
 * `34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory`: where the root of a hierarchy is mounted.
 * @param {string} type @param {string} [controller]
 */
function findMount(type, controller) {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root, point] = left.split(' ');
    const [mountType, , options = ''] = right.split(' ');
    const offers = controller === undefined || options.split(',').includes(controller);
    if (mountType === type && offers && root === '/') return point;
  }
  return undefined;
}

/** Whether it is gone. @param {string} directory */
function removeTree(directory) {
  if (!existsSync(directory)) return true;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory() && !removeTree(path.join(directory, entry.name))) return false;
  }
  try {
    const members = readFileSync(path.join(directory, 'cgroup.procs'), 'utf8').split('\n').map(Number);
    // 0 is a process that this process can't see.
    for (const pid of members) if (pid > 0 && pid !== process.pid) process.kill(pid, 'SIGKILL');
    rmdirSync(directory);
    return true;
  } catch {
    // A process that has just ended may be in its group a little longer.
    return false;
  }
}
