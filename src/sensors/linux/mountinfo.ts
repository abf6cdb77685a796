/** Parses /proc/self/cgroup and /proc/self/mountinfo and relates their paths; it opens nothing. */
import { malformed } from '../sensor-error.ts';

/** What a control group limits. */
export type Controller = 'memory' | 'cpu';

/** Which hierarchy has the controller, and where in it we are: `4:memory:/docker/0123` · `0::/user.slice` */
export interface Membership {
  readonly version: 1 | 2;
  readonly path: string;
}

/**
 * Parses the hierarchy that limits us: v1 if a hierarchy has the controller (alone, co-mounted as in `cpu,memory`, or in a long list),
 * else v2. `undefined`: the kernel has neither.
 */
export function parseMembership(text: string, file: string, controller: Controller = 'memory'): Membership | undefined {
  let unified: Membership | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    // The path is everything behind the second colon: it may hold colons itself.
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) throw malformed(file, 'lines such as "4:memory:/group"', line);
    const [, number, controllers, path] = match;
    if (controllers!.split(',').includes(controller)) return { version: 1, path: path! };
    if (number === '0' && controllers === '') unified = { version: 2, path: path! };
  }
  return unified;
}

/** `35 31 0:32 /docker/0123 /sys/fs/cgroup/memory ro,relatime master:9 - cgroup cgroup rw,memory` */
export interface Mount {
  /** The part of the hierarchy that is mounted, seen from our cgroup namespace. */
  readonly root: string;
  readonly point: string;
}

/** Parses the mounts that show the hierarchy of that version (for v1: the one with the controller), in mount order. */
export function parseMounts(text: string, version: 1 | 2, file: string, controller: Controller = 'memory'): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [left = '', right] = line.split(' - ', 2);
    const fields = left.split(' ');
    if (right === undefined || fields.length < 6)
      throw malformed(file, 'lines such as "35 31 0:32 / /sys rw - cgroup2 cgroup2 rw"', line);
    const [type, , options = ''] = right.split(' ');
    if (version === 2 ? type !== 'cgroup2' : type !== 'cgroup' || !options.split(',').includes(controller)) continue;
    mounts.push({ root: unescapeOctal(fields[3]!), point: unescapeOctal(fields[4]!) });
  }
  return mounts;
}

/** The kernel writes blank, tab, newline and backslash as three octal digits: `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** How our group is found below a mount. */
export type MountRelation =
  /** Segments from the mount's root down to our group. */
  | { readonly kind: 'below'; readonly segments: readonly string[] }
  /** The mount starts above the root of our cgroup namespace: `unnamed` levels follow whose names we are not told, then `segments`. */
  | { readonly kind: 'unnamed'; readonly unnamed: number; readonly segments: readonly string[] }
  /** The mount shows another part of the hierarchy. */
  | { readonly kind: 'elsewhere' };

/** Relates our group's path to the part of the hierarchy that a mount shows. */
export function relateToMount(mountRoot: string, path: string): MountRelation {
  const root = splitSegments(mountRoot);
  const ours = splitSegments(path);
  const up = countLeadingUps(root);
  if (up > 0) {
    const inside = up === root.length && countLeadingUps(ours) === 0;
    return inside ? { kind: 'unnamed', unnamed: up, segments: ours } : stripPrefix(root, ours);
  }
  return stripPrefix(root, ours);
}

/** Compares plain prefixes: `/docker/0123` holds `/docker/0123/child` and not `/docker/01234`. */
function stripPrefix(root: readonly string[], ours: readonly string[]): MountRelation {
  const prefix = root.every((segment, index) => ours[index] === segment);
  const segments = ours.slice(root.length);
  return prefix && !segments.includes('..') ? { kind: 'below', segments } : { kind: 'elsewhere' };
}

function splitSegments(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function countLeadingUps(segments: readonly string[]): number {
  const index = segments.findIndex((segment) => segment !== '..');
  return index === -1 ? segments.length : index;
}
