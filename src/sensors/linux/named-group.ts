/** Finds a control group by the path that somebody types, with the groups above it that limit it. It reads no figure of theirs. */
import { MemoryGuardError } from '../../core/errors.ts';
import { type ControlGroups, followMounts } from './control-groups.ts';
import { readBytes } from './kernel-files.ts';
import { type Membership, parseMembership, parseMounts } from './mountinfo.ts';

/**
 * The group of a path as `/proc/PID/cgroup` has it, such as `/docker/0123`, or as its directory, such as `/sys/fs/cgroup/memory/docker/0123`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if there is none, `ERR_SENSOR` if it can't be told.
 */
export function findNamedGroup(prefix: string, typed: string): ControlGroups {
  const path = typed.replace(/\/+$/, '') || '/';
  const mountFile = `${prefix}/proc/self/mountinfo`;
  const mountText = readBytes(mountFile).toString('utf8');
  const mountsOf = (version: 1 | 2) => parseMounts(mountText, version, mountFile);
  const membership = findBelowMount(path, mountsOf) ?? { version: findVersion(prefix), path };
  const found = followMounts(prefix, membership, mountsOf(membership.version), 'memory');
  const own = found.own;
  if (!own || path.split('/').includes('..')) throw noGroup(path, 'no such group');
  // Without the controller, what is read would be that of a group above it.
  if (own.path !== '/' && found.groups.at(-1) !== own) throw noGroup(path, 'a group without the memory controller');
  return found;
}

/** `/sys/fs/cgroup/memory/a` lies below a mount: it is the group `/a` there. The longest mount counts: that of v1 may lie below one of v2. */
function findBelowMount(
  path: string,
  mountsOf: (version: 1 | 2) => ReturnType<typeof parseMounts>,
): Membership | undefined {
  const below = ([1, 2] as const).flatMap((version) =>
    mountsOf(version)
      .filter(({ point }) => path === point || path.startsWith(`${point}/`))
      .map(({ root, point }) => ({ version, point, path: join(root, path.slice(point.length)) })),
  );
  return below.sort((a, b) => b.point.length - a.point.length)[0];
}

function join(root: string, rest: string): string {
  return `${root === '/' ? '' : root}${rest}` || '/';
}

/** The hierarchy that limits this process limits the others as well. */
function findVersion(prefix: string): 1 | 2 {
  const file = `${prefix}/proc/self/cgroup`;
  return parseMembership(readBytes(file).toString('utf8'), file)?.version ?? 2;
}

function noGroup(path: string, found: string): MemoryGuardError {
  const expected =
    'a control group with the memory controller, such as /docker/0123 or /sys/fs/cgroup/memory/docker/0123';
  return new MemoryGuardError(
    'ERR_INVALID_OPTION',
    `Expected \`group\` to be ${expected}, found ${found} at ${JSON.stringify(path)}.`,
  );
}
