/** Parses /proc/self/cgroup and /proc/self/mountinfo and relates their paths; it opens nothing. */
import { malformed } from '../sensor-error.ts';

/** `4:memory:/docker/0123` · `0::/user.slice` */
export interface Membership {
  readonly version: 1 | 2;
  readonly path: string;
}

/**
 * The hierarchy that accounts our memory: v1 where a hierarchy has the `memory` controller (alone, co-mounted as in
 * `cpu,memory`, or in a long list), else v2. `undefined`: the kernel has neither.
 */
export function membershipOf(text: string, file: string): Membership | undefined {
  let unified: Membership | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    // The path is everything behind the second colon: it may hold colons itself.
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) throw malformed(file, 'lines such as "4:memory:/group"', line);
    const path = match[3] as string;
    if ((match[2] as string).split(',').includes('memory')) return { version: 1, path };
    if (match[1] === '0' && match[2] === '') unified = { version: 2, path };
  }
  return unified;
}

/** `35 31 0:32 /docker/0123 /sys/fs/cgroup/memory ro,relatime master:9 - cgroup cgroup rw,memory` */
export interface Mount {
  /** The part of the hierarchy that is mounted, seen from our cgroup namespace. */
  readonly root: string;
  readonly point: string;
}

/** Mounts that show the hierarchy of that version (for v1: the one with the memory controller), in mount order. */
export function mountsOf(text: string, version: 1 | 2, file: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [left, right] = line.split(' - ', 2) as [string, string | undefined];
    const fields = left.split(' ');
    const [type, , options] = (right ?? '').split(' ');
    if (right === undefined || fields.length < 6)
      throw malformed(file, 'lines such as "35 31 0:32 / /sys rw - cgroup2 cgroup2 rw"', line);
    if (version === 2 ? type !== 'cgroup2' : type !== 'cgroup' || !(options ?? '').split(',').includes('memory'))
      continue;
    mounts.push({ root: unescapeOctal(fields[3] as string), point: unescapeOctal(fields[4] as string) });
  }
  return mounts;
}

/** The kernel writes blank, tab, newline and backslash as three octal digits: `\040`. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** How our group is found below a mount. */
export type Relation =
  /** Segments from the mount's root down to our group. */
  | { readonly kind: 'below'; readonly segments: readonly string[] }
  /** The mount starts above the root of our cgroup namespace: `unnamed` levels follow whose names we are not told, then `segments`. */
  | { readonly kind: 'unnamed'; readonly unnamed: number; readonly segments: readonly string[] }
  /** The mount shows another part of the hierarchy. */
  | { readonly kind: 'elsewhere' };

export function relate(mountRoot: string, path: string): Relation {
  const root = segmentsOf(mountRoot);
  const ours = segmentsOf(path);
  const up = leadingUps(root);
  if (up > 0) {
    const inside = up === root.length && leadingUps(ours) === 0;
    return inside ? { kind: 'unnamed', unnamed: up, segments: ours } : sameUps(root, ours);
  }
  return sameUps(root, ours);
}

/** Plain prefixes: `/docker/0123` holds `/docker/0123/child` and not `/docker/01234`. */
function sameUps(root: readonly string[], ours: readonly string[]): Relation {
  const prefix = root.every((segment, index) => ours[index] === segment);
  const segments = ours.slice(root.length);
  return prefix && !segments.includes('..') ? { kind: 'below', segments } : { kind: 'elsewhere' };
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function leadingUps(segments: readonly string[]): number {
  const index = segments.findIndex((segment) => segment !== '..');
  return index === -1 ? segments.length : index;
}
