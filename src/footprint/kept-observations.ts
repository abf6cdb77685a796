/** Knows which observations of a folder count and which have had their day. It must not touch files. */
import type { Observation } from './apply-observations.ts';
import type { KeptObservation } from './observation-name.ts';

/** How many loads of a model are kept, the last ones. */
const KEPT_LOADS = 3;
/** How many models in their shapes are kept. Those that were observed longest ago are forgotten. */
const KEPT_KEYS = 256;

/** By key, the last loads of each, the newest last; the key that was observed last is the last one. */
export type LoadsByKey = ReadonlyMap<string, readonly KeptObservation[]>;

/** Lists what counts: the last of each load, the last loads of each key, and the last keys. */
export function selectLoads(found: readonly KeptObservation[]): LoadsByKey {
  const byKey = new Map<string, readonly KeptObservation[]>();
  for (const each of [...found].sort(compareTimes)) {
    const others = (byKey.get(each.key) ?? []).filter(({ observation }) => observation.load !== each.observation.load);
    byKey.delete(each.key);
    byKey.set(each.key, [...others, each].slice(-KEPT_LOADS));
  }
  return new Map([...byKey].slice(-KEPT_KEYS));
}

/** Lists what may be removed: all that doesn't count. */
export function selectRemovable(found: readonly KeptObservation[]): readonly KeptObservation[] {
  const counting = new Set([...selectLoads(found).values()].flat());
  return found.filter((each) => !counting.has(each));
}

/** Adds what this process observed itself, on disk or not, to what was found on disk. */
export function addOwn(
  found: readonly KeptObservation[],
  own: readonly KeptObservation[],
): (key: string) => readonly Observation[] {
  const loads = selectLoads([...found, ...own]);
  return (key) => (loads.get(key) ?? []).map(({ observation }) => observation);
}

function compareTimes(a: KeptObservation, b: KeptObservation): number {
  return a.atUs - b.atUs || (a.name < b.name ? -1 : 1);
}
