/** The cheapest of all sets that yield enough of each of several things. Pure: what is yielded and what it costs is the caller's affair. */

/** One that may be taken, as a whole. */
export interface CoverItem {
  /** What it yields of each thing, in the order of what is missing. */
  readonly yields: readonly number[];
  readonly cost: number;
}

/** Of so many items every set is tried: at most 65,536 of them, 2 ms. */
export const EXACT_ITEMS = 16;

/**
 * Items that together yield what is missing of each thing, at the least cost; of sets that cost the same, one of the fewest items.
 * Beyond `EXACT_ITEMS` items that help, the cost is at most twice the least for each thing that is missing. `undefined` if all of them
 * yield too little; empty if nothing is missing.
 */
export function findCheapestCover<T extends CoverItem>(
  items: readonly T[],
  missing: readonly number[],
): readonly T[] | undefined {
  const helping = items.filter(({ yields }) => missing.some((amount, index) => amount > 0 && yields[index]! > 0));
  if (!covers(helping, missing)) return undefined;
  return helping.length <= EXACT_ITEMS ? searchAll(helping, missing) : coverInTurn(helping, missing);
}

function covers(items: readonly CoverItem[], missing: readonly number[]): boolean {
  return missing.every((amount, index) => items.reduce((sum, { yields }) => sum + yields[index]!, 0) >= amount);
}

/** Each item is taken or left, in their order. What can't become better, or not enough, is not followed. */
function searchAll<T extends CoverItem>(items: readonly T[], missing: readonly number[]): readonly T[] {
  /** What the items from here on yield together. */
  const rest: (readonly number[])[] = [missing.map(() => 0)];
  for (const { yields } of [...items].reverse()) rest.unshift(rest[0]!.map((sum, index) => sum + yields[index]!));
  let best: { readonly taken: readonly T[]; readonly cost: number } | undefined;

  const follow = (at: number, taken: readonly T[], cost: number, left: readonly number[]): void => {
    if (best && (cost > best.cost || (cost === best.cost && taken.length >= best.taken.length))) return;
    if (left.every((amount) => amount <= 0)) {
      best = { taken, cost };
      return;
    }
    if (left.some((amount, index) => amount > rest[at]![index]!)) return;
    const item = items[at]!;
    follow(at + 1, taken, cost, left);
    follow(at + 1, [...taken, item], cost + item.cost, subtract(left, item.yields));
  };

  follow(0, [], 0, missing);
  return best!.taken;
}

/** One thing after the other. What was taken for one counts for those after it, so that each costs at most twice the least of all. */
function coverInTurn<T extends CoverItem>(items: readonly T[], missing: readonly number[]): readonly T[] {
  let taken: readonly T[] = [];
  let left = missing;
  for (const index of missing.keys()) {
    const more = coverOne(
      items.filter((item) => !taken.includes(item)),
      index,
      left[index]!,
    );
    taken = [...taken, ...more];
    left = more.reduce((amounts, { yields }) => subtract(amounts, yields), left);
  }
  return leaveOutSpare(taken, missing);
}

/**
 * Items by their cost for what they yield. One that would be enough with those kept so far makes a set, and is left out again; any
 * other is kept. The cheapest of these sets costs at most twice the least (Csirik, Frenk, Labbé and Zhang, 1991).
 */
function coverOne<T extends CoverItem>(items: readonly T[], index: number, missing: number): readonly T[] {
  if (missing <= 0) return [];
  const share = ({ cost, yields }: T) => cost / yields[index]!;
  const order = items.filter(({ yields }) => yields[index]! > 0).sort((a, b) => share(a) - share(b));
  const kept: T[] = [];
  let [left, keptCost] = [missing, 0];
  let best: { readonly taken: readonly T[]; readonly cost: number } | undefined;
  for (const item of order) {
    if (item.yields[index]! < left) {
      kept.push(item);
      left -= item.yields[index]!;
      keptCost += item.cost;
    } else if (!best || keptCost + item.cost < best.cost) {
      best = { taken: [...kept, item], cost: keptCost + item.cost };
    }
  }
  return best!.taken;
}

/** Without those that are not needed beside the others, the costliest first. */
function leaveOutSpare<T extends CoverItem>(taken: readonly T[], missing: readonly number[]): readonly T[] {
  let left = taken;
  for (const item of [...taken].sort((a, b) => b.cost - a.cost)) {
    const others = left.filter((other) => other !== item);
    if (covers(others, missing)) left = others;
  }
  return left;
}

function subtract(amounts: readonly number[], yields: readonly number[]): readonly number[] {
  return amounts.map((amount, index) => amount - yields[index]!);
}
