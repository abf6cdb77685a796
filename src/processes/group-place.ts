/** Finds where control groups for children can be made, or says why nowhere. It reads and asks for permission, and makes nothing. */

import { accessSync, constants } from 'node:fs';
import { formatBytes } from '../core/bytes.ts';
import { readMessage } from '../core/errors.ts';
import { type ControlGroup, type FoundGroups, findGroups, usesHierarchy } from '../sensors/linux/control-groups.ts';
import { toPrefix } from '../sensors/linux/kernel-files.ts';
import { parseNumberFile } from '../sensors/linux/kernel-text.ts';
import { getErrno } from '../sensors/sensor-error.ts';
import { readGroupFile } from './group-files.ts';
import type { GroupKind } from './group-limits.ts';

/** The group below which children's groups are made. */
export interface GroupPlace {
  readonly kind: GroupKind;
  readonly directory: string;
}

/** One sentence, with what would make it available. */
export interface NoPlace {
  readonly reason: string;
}

const DELEGATE =
  'set `Delegate=yes` and `DelegateSubgroup=` in its systemd unit, or start it in a group below one that is delegated to its user';

/** Finds the place below `root`, the directory in which /proc and the mounts of control groups stand. It never throws. */
export function findGroupPlace(root: string): GroupPlace | NoPlace {
  try {
    const found = findGroups(toPrefix(root));
    if (found?.own === undefined) {
      return refuse(
        'to see the control group of this process with the memory controller',
        'none',
        'mount the control groups where this process can see its own',
      );
    }
    return found.version === 1 ? findPlaceV1(found, found.own) : findPlaceV2(found, found.own);
  } catch (error) {
    return { reason: readMessage(error) };
  }
}

/** v1: below our own group, so that its limit holds for the child as before. */
function findPlaceV1(found: FoundGroups, { directory }: ControlGroup): GroupPlace | NoPlace {
  // Nothing limits the real root, and so nothing is lost there.
  if (!isRealRoot(found, directory) && !usesHierarchy(directory)) {
    return refuse(
      `1 in ${directory}/memory.use_hierarchy, since groups below it would not keep its limit`,
      '0',
      'write 1 to it before there are groups below it, or use Linux 5.11 or later',
    );
  }
  const errno = findDenial([directory]);
  return errno === undefined
    ? { kind: 'cgroup-v1', directory }
    : refuse(`to make groups in ${directory}`, errno, 'run as root, with control groups that can be written');
}

/**
 * v2: beside our own group, since one that holds processes can't have limited ones below it; the real root can. Linux'
 * cgroup-v2.rst ("Delegation"): a group is delegated by write access to its directory, `cgroup.procs` and
 * `cgroup.subtree_control`, and who moves a process needs the `cgroup.procs` of the common ancestor.
 */
function findPlaceV2(found: FoundGroups, own: ControlGroup): GroupPlace | NoPlace {
  const above = isRealRoot(found, own.directory) ? own : found.visible.at(-2);
  if (above === undefined) {
    return refuse(
      'a control group above that of this process, which holds processes and so can have no limited ones below it',
      `that none above ${own.directory} can be seen`,
      'start the program in a group below that one, with `memory` in its `cgroup.subtree_control`',
    );
  }
  const { directory } = above;
  // systemd delegates services and scopes, never slices: in those it removes groups and takes controllers back.
  if (directory.endsWith('.slice')) {
    return refuse(`the group of this process to be in a delegated one`, `it in ${directory}, a slice`, DELEGATE);
  }
  const errno = findDenial([directory, `${directory}/cgroup.procs`]);
  if (errno !== undefined) return refuse(`to make groups in ${directory} and move processes there`, errno, DELEGATE);
  return whyNoMemory(found, above) ?? whyLimited(own, directory) ?? { kind: 'cgroup-v2', directory };
}

/** The group must hand the memory controller down, or be ours so that we may let it. */
function whyNoMemory(found: FoundGroups, { directory }: ControlGroup): NoPlace | undefined {
  const control = `${directory}/cgroup.subtree_control`;
  if (handsDownMemory(directory)) return undefined;
  if (!listsMemory(`${directory}/cgroup.controllers`)) {
    const advice = isRealRoot(found, directory)
      ? 'boot Linux with `cgroup_enable=memory`, and with control groups v2 alone'
      : 'write `+memory` to `cgroup.subtree_control` above';
    return refuse(`\`memory\` in ${directory}/cgroup.controllers`, 'none', advice);
  }
  const errno = findDenial([control]);
  if (errno !== undefined || !isDelegated(found, directory)) {
    return refuse(`\`memory\` in ${control}`, errno ?? 'none', 'write `+memory` to it');
  }
  const members = readGroupFile(`${directory}/cgroup.procs`)?.toString('latin1').trim();
  return members === ''
    ? undefined
    : refuse(`no process in ${directory} itself`, 'some', 'move them to a group below it');
}

/** Root may write everywhere, so for root only a unit of systemd or the topmost group of a container is known to be its own. */
function isDelegated(found: FoundGroups, directory: string): boolean {
  if (process.geteuid?.() !== 0) return true;
  return /\.(service|scope)$/.test(directory) || (found.ancestorsHidden && directory === found.visible[0]?.directory);
}

/** Beside a group that has a limit a child would be out of that limit. The real root has none. */
function whyLimited(own: ControlGroup, above: string): NoPlace | undefined {
  for (const name of ['memory.max', 'memory.high']) {
    const file = `${own.directory}/${name}`;
    const bytes = readGroupFile(file);
    const limitBytes = bytes ? parseNumberFile(bytes, bytes.length) : Number.POSITIVE_INFINITY;
    if (limitBytes === Number.POSITIVE_INFINITY) continue;
    return refuse(
      `no limit in ${file}, since a group beside it would be out of that`,
      formatBytes(limitBytes),
      `set it in ${above}/${name}`,
    );
  }
  return undefined;
}

/** Whether groups below `directory` can have a limit of memory. */
export function handsDownMemory(directory: string): boolean {
  return listsMemory(`${directory}/cgroup.subtree_control`);
}

/** `cpu memory pids` */
function listsMemory(file: string): boolean {
  return (readGroupFile(file)?.toString('latin1') ?? '').split(/\s/).includes('memory');
}

function isRealRoot({ visible, ancestorsHidden }: FoundGroups, directory: string): boolean {
  return directory === visible[0]?.directory && !ancestorsHidden;
}

/** The errno of the first of them that this process may not write. */
function findDenial(paths: readonly string[]): string | undefined {
  try {
    for (const path of paths) accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return getErrno(error);
  }
}

function refuse(expected: string, found: string, advice: string): NoPlace {
  return { reason: `Expected ${expected}, found ${found}; ${advice}.` };
}
