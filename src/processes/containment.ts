/** The door to groups of their own for children: whether this process may make them here, and then one for each child. */
import { type ContainedProcess, containProcess } from './contained-process.ts';
import type { GroupKind } from './group-limits.ts';
import { findGroupPlace } from './group-place.ts';
import { removeLeftovers } from './remove-leftovers.ts';

export type { ContainedProcess } from './contained-process.ts';

/** A place in which a model's process hits a wall of its own. */
export interface Containment {
  readonly kind: GroupKind;
  /**
   * Puts a child into a group of its own with this limit. Memory that it has taken by then stays charged to the group that it was in, so
   * contain it before it loads anything. Rejects with a ContainmentError of one sentence; the child is then where it was.
   */
  contain(pid: number, limitBytes: number): Promise<ContainedProcess>;
}

/**
 * Finds out once, without making anything, whether this process may contain its children. If not, `reason` says why in one sentence,
 * and what would make it available. Groups that a killed program left in the same place are removed. It never throws.
 *
 * On v1 the groups are below our own. On v2 they are beside it, in a delegated group, and the program itself is never moved.
 */
export function openContainment({
  root = '/',
}: {
  readonly root?: string;
} = {}): { readonly containment: Containment } | { readonly reason: string } {
  const place = findPlace(root);
  if ('reason' in place) return place;
  removeLeftovers(place.directory);
  return {
    containment: { kind: place.kind, contain: (pid, limitBytes) => containProcess(place, pid, limitBytes) },
  };
}

/** What `openContainment` would find, without removing anything: the kind of groups that children could get, or why they get none. */
export function describeContainment(): { readonly kind: GroupKind } | { readonly reason: string } {
  const place = findPlace('/');
  return 'reason' in place ? place : { kind: place.kind };
}

function findPlace(root: string): ReturnType<typeof findGroupPlace> {
  if (process.platform === 'linux') return findGroupPlace(root);
  return { reason: `Expected Linux, found ${process.platform}; control groups are Linux's alone.` };
}
