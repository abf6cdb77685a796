/** The arithmetic of section "Headroom" over raw numbers; it reads nothing and knows no file. */
import type { MemoryMeasure } from '../core/memory-reader.ts';
import type { MemoryPressure, MemoryScope, MemorySnapshot, ScopeKind } from '../core/types.ts';

/**
 * Both readers fill one flat array: row 0 is the host, then one row per planned scope, each `STRIDE` numbers wide.
 * NaN means "not present or not read", Infinity "no limit".
 */
export const STRIDE = 10;
export const LIMIT = 0;
/** `memory.high`. */
export const HIGH = 1;
export const USED = 2;
/** File pages on the LRU lists, and slab where the kernel tells. Tmpfs and locked pages are on other lists. */
export const RECLAIMABLE = 3;
export const DIRTY = 4;
/** v2: memory.swap.max; v1: memory.memsw.limit_in_bytes, which is memory and swap together; host: SwapFree. */
export const SWAP_LIMIT = 5;
/** v2: memory.swap.current; v1: memory.memsw.usage_in_bytes; host: size of zram devices (see resolve.ts). */
export const SWAP_USED = 6;
/** v1's `hierarchical_memory_limit` of the topmost group that can be seen, where a namespace hides its ancestors. */
export const HIDDEN = 7;
/** The kernel's own answer: MemAvailable. It holds back up to the low watermark; stated, not corrected. */
export const AVAILABLE = 8;
/** Of our own group; 0: the kernel rather kills in it than use swap. */
export const SWAPPINESS = 9;

export interface ScopeName {
  readonly kind: ScopeKind;
  readonly path: string;
  /** Of a control group. */
  readonly directory?: string;
}

function at(rows: Float64Array, row: number, column: number): number {
  return rows[row * STRIDE + column] as number;
}

/** `candidate` where it is the lower one. Absent numbers are NaN and drop out, which `Math.min` would not allow. */
export function lower(bound: number, candidate: number): number {
  if (candidate < bound) return candidate;
  return bound;
}

/** The lowest of max, high and the limit that hidden ancestors set. */
function limitOf(rows: Float64Array, row: number): number {
  return lower(lower(at(rows, row, LIMIT), at(rows, row, HIGH)), at(rows, row, HIDDEN));
}

/** How much more swap, or memory and swap, the group's own limit leaves. NaN: no such limit was read. */
function swapRoom(rows: Float64Array, row: number): number {
  return at(rows, row, SWAP_LIMIT) - at(rows, row, SWAP_USED);
}

/** Swap that our pages may go to, within the tightest v2 group on our path. */
interface SwapHeadroom {
  /** What leaves the machine's memory. Zram is in that memory, and what can't be compressed takes as much there. */
  readonly host: number;
  /** What leaves our groups, zram included: none is charged for what is stored there (measured on Linux 6.1). */
  readonly groups: number;
}

const NO_SWAP: SwapHeadroom = { host: 0, groups: 0 };

function swapHeadroom(rows: Float64Array, scopes: readonly ScopeName[]): SwapHeadroom {
  let limit = Number.POSITIVE_INFINITY;
  let used = true;
  for (let row = 1; row < scopes.length; row++) {
    if (scopes[row]?.kind === 'cgroup-v2') limit = lower(limit, swapRoom(rows, row));
    if (at(rows, row, SWAPPINESS) === 0) used = false;
  }
  return {
    host: Math.max(0, lower(limit, swapRoom(rows, 0))),
    groups: used ? Math.max(0, lower(limit, at(rows, 0, SWAP_LIMIT))) : 0,
  };
}

/**
 * memory.stat of a group contains what its children hold, but may lag until the kernel's next round (2 s) when someone else
 * reads an ancestor's at the wrong moment: on Linux 6.18, beside a process that read the root's all the time, 100 MiB of page
 * cache were missing from a parent in 2 of 7 runs. What our own group holds is the least that every group above it holds.
 */
function raiseToChild(rows: Float64Array, scopes: readonly ScopeName[]): void {
  let below = 0;
  for (let row = scopes.length - 1; row > 0; row--) {
    const kind = scopes[row]?.kind;
    if (kind !== 'cgroup-v1' && kind !== 'cgroup-v2') continue;
    const own = row * STRIDE + RECLAIMABLE;
    if ((rows[own] as number) < below) rows[own] = below;
    else if ((rows[own] as number) > below) below = rows[own] as number;
  }
}

/** What one scope would still let us take, where `swap` is what may leave memory for swap. */
function availableOf(rows: Float64Array, row: number, kind: ScopeKind, swap: SwapHeadroom): number {
  if (kind === 'host') return at(rows, 0, AVAILABLE) + swap.host;
  const used = at(rows, row, USED);
  let room = limitOf(rows, row) - used;
  if (kind === 'cgroup-v2') room += swap.groups;
  // memsw counts memory and swap together: pages already swapped out take from it even if no more swap is wanted.
  if (kind === 'cgroup-v1') room = lower(room + swap.groups, swapRoom(rows, row));
  // memory.stat may lag behind the usage by the counters that the processors have not flushed yet.
  const reclaimable = at(rows, row, RECLAIMABLE);
  if (reclaimable > 0) room += lower(used, reclaimable);
  return Math.max(0, room);
}

/**
 * The least that `row` can offer whatever its memory.stat says. Where this already exceeds the smallest availability
 * found so far, the file need not be read and the minimum stays exact. Not for readings that count swap.
 */
export function roomWithoutReclaim(rows: Float64Array, row: number): number {
  const base = row * STRIDE;
  const limit = lower(rows[base + LIMIT] as number, rows[base + HIGH] as number);
  const room = limit - (rows[base + USED] as number);
  return lower(room, (rows[base + SWAP_LIMIT] as number) - (rows[base + SWAP_USED] as number));
}

/** The two figures that decide. Rows whose memory.stat was skipped have NaN there and can't be the smallest. */
export function measureRows(rows: Float64Array, scopes: readonly ScopeName[], withSwap: boolean): MemoryMeasure {
  raiseToChild(rows, scopes);
  const swap = withSwap ? swapHeadroom(rows, scopes) : NO_SWAP;
  let totalBytes = at(rows, 0, LIMIT);
  let availableBytes = availableOf(rows, 0, 'host', swap);
  let hostBinds = true;
  for (let row = 1; row < scopes.length; row++) {
    const limit = limitOf(rows, row);
    // lxcfs shows a group's limit as the host's total: it is the group's all the same, and exact.
    if (limit <= totalBytes) hostBinds = false;
    totalBytes = lower(totalBytes, limit);
    availableBytes = lower(availableBytes, availableOf(rows, row, (scopes[row] as ScopeName).kind, swap));
  }
  return { totalBytes, availableBytes, hostBinds };
}

/** What each scope has, of readings that `measureRows` was given: at least that where memory.stat was skipped. */
export function availableRows(rows: Float64Array, scopes: readonly ScopeName[], withSwap: boolean): number[] {
  const swap = withSwap ? swapHeadroom(rows, scopes) : NO_SWAP;
  return scopes.map(({ kind }, row) => availableOf(rows, row, kind, swap));
}

function scopeOf(rows: Float64Array, row: number, name: ScopeName, swap: SwapHeadroom): MemoryScope {
  const limit = lower(at(rows, row, LIMIT), at(rows, row, HIDDEN));
  const high = at(rows, row, HIGH);
  const dirty = at(rows, row, DIRTY);
  const usedBytes = at(rows, row, USED);
  const scope: { -readonly [Key in keyof MemoryScope]: MemoryScope[Key] } = {
    kind: name.kind,
    path: name.path,
    usedBytes,
    reclaimableBytes: at(rows, row, RECLAIMABLE),
    availableBytes: availableOf(rows, row, name.kind, swap),
  };
  if (limit !== Number.POSITIVE_INFINITY) scope.limitBytes = limit;
  if (high < Number.POSITIVE_INFINITY) scope.highBytes = high;
  if (dirty >= 0) scope.dirtyBytes = dirty;
  if (swap !== NO_SWAP) {
    const room = swapRoom(rows, row);
    // Under v1 the room beyond what memory alone still has; both without limit: nothing but the host's swap counts.
    const own = name.kind === 'cgroup-v1' && limit !== Number.POSITIVE_INFINITY ? room - (limit - usedBytes) : room;
    if (!Number.isNaN(room)) scope.swapBytes = Math.max(0, Math.min(own, at(rows, 0, SWAP_LIMIT)));
  }
  return Object.freeze(scope);
}

/** Everything that was read, frozen to the ground. */
export function snapshotRows(
  rows: Float64Array,
  plan: { readonly scopes: readonly ScopeName[]; readonly ancestorsHidden: boolean; readonly swap: boolean },
  source: MemorySnapshot['source'],
  takenAtMs: number,
  pressure?: MemoryPressure,
): MemorySnapshot {
  raiseToChild(rows, plan.scopes);
  const swap = plan.swap ? swapHeadroom(rows, plan.scopes) : NO_SWAP;
  const scopes: MemoryScope[] = [];
  let totalBytes = Number.POSITIVE_INFINITY;
  let limitedBy: MemoryScope | undefined;
  for (let row = 0; row < plan.scopes.length; row++) {
    const scope = scopeOf(rows, row, plan.scopes[row] as ScopeName, swap);
    totalBytes = lower(totalBytes, limitOf(rows, row));
    if (limitedBy === undefined || scope.availableBytes < limitedBy.availableBytes) limitedBy = scope;
    scopes.push(scope);
  }
  const smallest = limitedBy as MemoryScope;
  return Object.freeze({
    totalBytes,
    availableBytes: smallest.availableBytes,
    limitedBy: smallest,
    scopes: Object.freeze(scopes),
    source,
    precise: source !== 'node',
    ancestorsHidden: plan.ancestorsHidden,
    ...(pressure !== undefined && { pressure }),
    takenAtMs,
  });
}
