/** The cheapest of all sets that yield enough of each of several things. Pure: what is yielded and what it costs is the caller's affair. */

/** One that may be taken, as a whole. */
export interface CoverItem {
  /** What it yields of each thing, in the order of what is missing. */
  readonly yields: readonly number[];
  readonly cost: number;
}

/** Of so many items every set is tried, at most 65,536: 0.1 ms as a rule, 5 ms if all of them are nearly alike. */
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

/** Each item is taken or left, cheap ones first. What can't become better, or not enough, is not followed. */
function searchAll<T extends CoverItem>(given: readonly T[], missing: readonly number[]): readonly T[] {
  const items = [...given].sort((a, b) => a.cost - b.cost);
  /** What the items from here on yield together. */
  const rest: (readonly number[])[] = [missing.map(() => 0)];
  for (const { yields } of [...items].reverse()) rest.unshift(rest[0]!.map((sum, index) => sum + yields[index]!));
  let best: { readonly taken: ReadonlySet<T>; readonly cost: number } | undefined;
  const taken = new Set<T>();

  const follow = (at: number, cost: number, left: readonly number[]): void => {
    if (best && (cost > best.cost || (cost === best.cost && taken.size >= best.taken.size))) return;
    if (left.every((amount) => amount <= 0)) {
      best = { taken: new Set(taken), cost };
      return;
    }
    if (left.some((amount, index) => amount > rest[at]![index]!)) return;
    const item = items[at]!;
    // With none left that costs less, every set from here on costs at least this one more.
    if (best && cost + item.cost > best.cost) return;
    taken.add(item);
    follow(at + 1, cost + item.cost, subtract(left, item.yields));
    taken.delete(item);
    follow(at + 1, cost, left);
  };

  follow(0, 0, missing);
  return given.filter((item) => best!.taken.has(item));
}

/** One thing after the other. What was taken for one counts for those after it, so that each costs at most twice the least of all. */
function coverInTurn<T extends CoverItem>(items: readonly T[], missing: readonly number[]): readonly T[] {
  const taken = new Set<T>();
  let left = missing;
  for (const index of missing.keys()) {
    const free = items.filter((item) => !taken.has(item));
    const more = coverOne(free, index, left[index]!);
    for (const item of more) taken.add(item);
    left = more.reduce((amounts, { yields }) => subtract(amounts, yields), left);
  }
  return leaveOutSpare([...taken], missing);
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
  const left = new Set(taken);
  let spare = taken.reduce((amounts, { yields }) => subtract(amounts, yields), missing);
  for (const item of [...taken].sort((a, b) => b.cost - a.cost)) {
    const without = spare.map((amount, index) => amount + item.yields[index]!);
    if (without.some((amount) => amount > 0)) continue;
    spare = without;
    left.delete(item);
  }
  return [...left];
}

function subtract(amounts: readonly number[], yields: readonly number[]): readonly number[] {
  return amounts.map((amount, index) => amount - yields[index]!);
}
