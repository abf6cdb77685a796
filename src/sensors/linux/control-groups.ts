/** Finds the control groups that limit us, from the topmost one that can be seen down to ours; it reads no figure of theirs. */
import { readdirSync } from 'node:fs';
import { getErrno, malformed, unreadable } from '../sensor-error.ts';
import { exists, readBytes, readBytesIfPresent } from './kernel-files.ts';
import {
  type Controller,
  type Membership,
  type Mount,
  parseMembership,
  parseMounts,
  relateToMount,
} from './mountinfo.ts';

export interface ControlGroup {
  readonly directory: string;
  /** The path below the mount's root: what a reader of `/sys/fs/cgroup` would type. */
  readonly path: string;
}

/** A folder of /proc: this process, or one by its number. */
export type ProcessName = 'self' | number;

export interface ControlGroups {
  readonly version: 1 | 2;
  /** Topmost first. Only groups that limit us and can have a limit: not the real root, none without the controller. */
  readonly groups: readonly ControlGroup[];
  readonly ancestorsHidden: boolean;
  /** Topmost first: every group on the way to ours that can be seen, also those that can have no limit. */
  readonly visible: readonly ControlGroup[];
  /** The group that this process is in, the last of `visible`. `undefined` if it can't be seen. */
  readonly own: ControlGroup | undefined;
}

export interface FoundGroups extends ControlGroups {
  /** /proc/self/cgroup and its content, from which a later reading sees whether we were moved. */
  readonly file: string;
  readonly bytes: Buffer;
}

/**
 * Finds our groups, or those of another process, below `prefix`, which stands before every absolute path.
 *
 * @returns `undefined` on a kernel without control groups.
 * @throws MemoryGuardError `ERR_SENSOR` if a file that tells where our groups are can't be read or understood.
 */
export function findGroups(
  prefix: string,
  controller: Controller = 'memory',
  processName: ProcessName = 'self',
): FoundGroups | undefined {
  const file = `${prefix}/proc/${processName}/cgroup`;
  const mountFile = `${prefix}/proc/self/mountinfo`;
  const mountText = readBytes(mountFile).toString('utf8');
  const bytes = readBytesIfPresent(file);
  if (bytes === undefined) {
    // No such file means a kernel without control groups; with such mounts it means that something hides it from us.
    if (/ - cgroup2? /.test(mountText)) throw unreadable(file, 'ENOENT');
    return undefined;
  }
  const membership = parseMembership(bytes.toString('utf8'), file, controller);
  if (membership?.version !== 1) {
    assertMountedIsListed(mountText, mountFile, membership === undefined, file, controller);
  }
  const found: ControlGroups =
    membership === undefined
      ? { version: 2, groups: [], ancestorsHidden: false, visible: [], own: undefined }
      : followMounts(prefix, membership, parseMounts(mountText, membership.version, mountFile, controller), controller);
  return { ...found, file, bytes };
}

/**
 * Every kernel's v1 group has both files. gVisor's stand-in has neither: its groups have a limit and a usage, and nothing of
 * what is used can be taken back.
 */
export function tellsCache(directory: string): boolean {
  return exists(`${directory}/memory.stat`) || exists(`${directory}/memory.use_hierarchy`);
}

/** Every hierarchy that is mounted is listed among ours. If one isn't, the list is damaged and a limit would be missed. */
function assertMountedIsListed(
  mountText: string,
  mountFile: string,
  nothingListed: boolean,
  file: string,
  controller: Controller,
): void {
  const missed =
    parseMounts(mountText, 1, mountFile, controller).length > 0
      ? `"4:${controller}:/group"`
      : nothingListed && parseMounts(mountText, 2, mountFile).length > 0
        ? '"0::/group"'
        : undefined;
  if (missed !== undefined) throw malformed(file, `a line such as ${missed}, which is mounted,`, 'no such line');
}

interface GroupChain {
  /** The mount's root first, our group last, as far as they exist. */
  readonly groups: readonly ControlGroup[];
  readonly complete: boolean;
}

/** Follows every mount and takes the one that shows our group and the most above it. */
export function followMounts(
  prefix: string,
  { version, path }: Membership,
  mounts: readonly Mount[],
  controller: Controller,
): ControlGroups {
  let best: GroupChain | undefined;
  for (const mount of mounts) {
    const chain = followChain(prefix, mount, path);
    if (chain.groups.length === 0) continue;
    if (best === undefined || rankChain(chain) > rankChain(best)) best = chain;
  }
  // The hierarchy exists and is not mounted for us: a limit may hold that nobody here can see.
  if (best === undefined) return { version, groups: [], ancestorsHidden: true, visible: [], own: undefined };
  const top = best.groups[0]!;
  const atRealRoot = version === 1 ? isRootV1(top.directory) : isRootV2(top.directory);
  const named = best.groups.slice(atRealRoot ? 1 : 0);
  return {
    version,
    groups:
      version === 2
        ? named.filter((group) => hasControllerV2(group, controller))
        : controller === 'memory'
          ? keepLimitingV1(best.groups, named)
          : named,
    ancestorsHidden: !atRealRoot || !best.complete,
    visible: best.groups,
    own: best.complete ? best.groups.at(-1) : undefined,
  };
}

function rankChain(chain: GroupChain): number {
  return chain.groups.length + (chain.complete ? 1000 : 0);
}

/**
 * If our group cannot be seen under the mount, the part of the way that exists is used, at the least the mount's root:
 * container runtimes mount exactly the container's group, and one scope more can only lower the figure.
 */
function followChain(prefix: string, mount: Mount, path: string): GroupChain {
  const base: ControlGroup = { directory: `${prefix}${mount.point}`, path: '/' };
  if (!exists(base.directory)) return { groups: [], complete: false };
  const relation = relateToMount(mount.root, path);
  if (relation.kind === 'elsewhere') return { groups: [base], complete: false };
  const groups = [base];
  if (relation.kind === 'unnamed') {
    const names = findUnnamedLevels(prefix, base.directory, relation.unnamed, relation.segments);
    if (names === undefined) return { groups, complete: false };
    return followSegments(groups, [...names, ...relation.segments]);
  }
  return followSegments(groups, relation.segments);
}

function followSegments(groups: ControlGroup[], segments: readonly string[]): GroupChain {
  for (const segment of segments) {
    const parent = groups.at(-1)!;
    const child: ControlGroup = {
      directory: `${parent.directory}/${segment}`,
      path: parent.path === '/' ? `/${segment}` : `${parent.path}/${segment}`,
    };
    if (!exists(child.directory)) return { groups, complete: false };
    groups.push(child);
  }
  return { groups, complete: true };
}

/** Finds the names of the levels between a mount's root and our namespace's root: the way to the group that lists this process. */
function findUnnamedLevels(
  prefix: string,
  directory: string,
  depth: number,
  rest: readonly string[],
): string[] | undefined {
  if (depth === 0) {
    const ours = [directory, ...rest].join('/');
    if (!exists(ours)) return undefined;
    const processes = readBytes(`${ours}/cgroup.procs`).toString('latin1').split('\n');
    return processes.includes(readOwnPid(prefix)) ? [] : undefined;
  }
  for (const name of listSubdirectories(directory)) {
    const names = findUnnamedLevels(prefix, `${directory}/${name}`, depth - 1, rest);
    if (names !== undefined) return [name, ...names];
  }
  return undefined;
}

function listSubdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  } catch (error) {
    throw unreadable(directory, getErrno(error), error);
  }
}

/** `4021 (node) S 1 ...`: as the mounted /proc names us, which is also how cgroup.procs lists us. */
function readOwnPid(prefix: string): string {
  const file = `${prefix}/proc/self/stat`;
  const text = readBytes(file).toString('latin1');
  const pid = /^\d+(?= \()/.exec(text)?.[0];
  if (pid === undefined) throw malformed(file, 'our process number', text);
  return pid;
}

/** These two files exist in a v1 hierarchy's real root only. That root can't be limited and its usage is the host's. */
function isRootV1(directory: string): boolean {
  return exists(`${directory}/release_agent`) || exists(`${directory}/cgroup.sane_behavior`);
}

/** The real root of v2 has neither; every other group has both. It has no memory.max and no memory.current either. */
function isRootV2(directory: string): boolean {
  return !exists(`${directory}/cgroup.type`) && !exists(`${directory}/cgroup.events`);
}

/**
 * A group limits its children only if its own memory.use_hierarchy is 1 (always so since Linux 5.11; before, it can't
 * change once there are children). Upwards from ours, the first parent with 0 ends the chain.
 */
function keepLimitingV1(chain: readonly ControlGroup[], candidates: readonly ControlGroup[]): ControlGroup[] {
  const limiting: ControlGroup[] = [];
  for (let index = chain.length - 1; index >= 0; index--) {
    const group = chain[index]!;
    if (index < chain.length - 1 && !usesHierarchy(group.directory)) break;
    if (candidates.includes(group)) limiting.unshift(group);
  }
  return limiting;
}

/** Whether a v1 group holds the groups below it within its own limit. */
export function usesHierarchy(directory: string): boolean {
  if (!tellsCache(directory)) return true;
  const file = `${directory}/memory.use_hierarchy`;
  const text = readBytes(file).toString('latin1').trim();
  if (text !== '0' && text !== '1') throw malformed(file, '0 or 1', text);
  return text === '1';
}

/** `cpu memory pids`: without the memory controller the nearest ancestor that has it accounts this group. */
function hasControllerV2({ directory }: ControlGroup, controller: Controller): boolean {
  return readBytes(`${directory}/cgroup.controllers`).toString('latin1').trim().split(' ').includes(controller);
}
