/** The line of loads that wait, over all processes: who is first, and at which place each of ours stands. Pure. */
import type { WaitingLoad } from './ledger-record.ts';

/** The line of one process, as far as it tells. */
export interface PublishedLine {
  /** The first of them. */
  readonly waiting: readonly WaitingLoad[];
  /** How many there are, with those that are not named. */
  readonly waitingCount: number;
}

/** Whether a load still counts: one whose process has stopped to renew its place, or whose time is over, does not. */
export function isWaiting({ untilUs = Number.POSITIVE_INFINITY }: WaitingLoad, nowUs: number): boolean {
  return untilUs > nowUs;
}

/** Finds the first load that counts, of those that joined the line before `beforeUs`. */
export function findFirstWaiting(
  loads: readonly WaitingLoad[],
  beforeUs: number,
  nowUs: number,
): WaitingLoad | undefined {
  let first: WaitingLoad | undefined;
  for (const load of loads) {
    if (load.sinceUs < (first?.sinceUs ?? beforeUs) && isWaiting(load, nowUs)) first = load;
  }
  return first;
}

/**
 * Counts the places of our own loads, which are given in their order; 1 is next. Loads that another process does not name stand
 * right behind the last one that it does.
 */
export function countPlaces<L extends WaitingLoad>(
  own: Iterable<L>,
  others: readonly PublishedLine[],
  nowUs: number,
): ReadonlyMap<L, number> {
  const elsewhere = others.flatMap((line) => listGroups(line, nowUs)).sort((a, b) => a.sinceUs - b.sinceUs);
  const places = new Map<L, number>();
  let [passed, before] = [0, 0];
  for (const load of own) {
    for (; elsewhere[passed] && elsewhere[passed]!.sinceUs < load.sinceUs; passed++) before += elsewhere[passed]!.count;
    before += 1;
    places.set(load, before);
  }
  return places;
}

function listGroups({ waiting, waitingCount }: PublishedLine, nowUs: number) {
  const groups = waiting.filter((load) => isWaiting(load, nowUs)).map(({ sinceUs }) => ({ sinceUs, count: 1 }));
  const last = groups.at(-1);
  if (last) last.count += waitingCount - waiting.length;
  return groups;
}
