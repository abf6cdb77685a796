/** The arithmetic of availability over raw numbers (docs/headroom.md, section 1); it reads nothing and knows no file. */
import type { MemoryMeasure, ScopeLimit } from '../core/memory-reader.ts';
import type { MemoryPressure, MemoryScope, MemorySnapshot, ScopeKind } from '../core/types.ts';

/**
 * Every reader fills one flat array: row 0 is the host, then comes one row for each planned scope. A row is `STRIDE` numbers
 * wide. NaN means "not present or not read", Infinity "no limit". native/memory_files.h has the same columns.
 */
export const STRIDE = 10;
export const LIMIT = 0;
/** `memory.high`. */
export const HIGH = 1;
export const USED = 2;
/** File pages on the LRU lists, and slab if the kernel tells it. Tmpfs and locked pages are on other lists. */
export const RECLAIMABLE = 3;
export const DIRTY = 4;
/** v2: memory.swap.max; v1: memory.memsw.limit_in_bytes, which is memory and swap together; host: SwapFree. */
export const SWAP_LIMIT = 5;
/** v2: memory.swap.current; v1: memory.memsw.usage_in_bytes; host: the size of the zram devices (see linux/resolve-plan.ts). */
export const SWAP_USED = 6;
/** v1's `hierarchical_memory_limit` of the topmost group that can be seen, if a namespace hides its ancestors. */
export const HIDDEN = 7;
/** The kernel's own answer: MemAvailable. It holds back up to the low watermark, which is stated and not corrected. */
export const AVAILABLE = 8;
/** The swappiness of our own group. At 0 the kernel kills in the group rather than use swap. */
export const SWAPPINESS = 9;

export interface ScopeName {
  readonly kind: ScopeKind;
  readonly path: string;
  /** The directory of a control group. */
  readonly directory?: string;
}

/** What a snapshot needs beside the rows. */
export interface RowsPlan {
  readonly scopes: readonly ScopeName[];
  readonly ancestorsHidden: boolean;
  readonly swap: boolean;
}

/** Measures the two figures that decide. A row whose memory.stat was skipped has NaN there and can't be the smallest. */
export function measureRows(rows: Float64Array, scopes: readonly ScopeName[], withSwap: boolean): MemoryMeasure {
  raiseToChild(rows, scopes);
  const swap = withSwap ? computeSwapHeadroom(rows, scopes) : NO_SWAP;
  let totalBytes = getCell(rows, 0, LIMIT);
  let availableBytes = computeAvailable(rows, 0, 'host', swap);
  let hostBinds = true;
  for (let row = 1; row < scopes.length; row++) {
    const limit = findLimit(rows, row);
    // lxcfs shows a group's limit as the host's total: it is the group's all the same, and exact.
    if (limit <= totalBytes) hostBinds = false;
    totalBytes = takeLower(totalBytes, limit);
    availableBytes = takeLower(availableBytes, computeAvailable(rows, row, scopes[row]!.kind, swap));
  }
  return { totalBytes, availableBytes, hostBinds };
}

/** Computes what each scope has, from rows that `measureRows` was given: a lower bound if memory.stat was skipped. */
export function computeAvailablePerScope(
  rows: Float64Array,
  scopes: readonly ScopeName[],
  withSwap: boolean,
): number[] {
  const swap = withSwap ? computeSwapHeadroom(rows, scopes) : NO_SWAP;
  return scopes.map(({ kind }, row) => computeAvailable(rows, row, kind, swap));
}

/** Lists what each scope allows. */
export function listLimits(rows: Float64Array, scopes: readonly ScopeName[]): readonly ScopeLimit[] {
  return scopes.map(({ kind, path }, row) => {
    const limitBytes = findLimit(rows, row);
    return limitBytes < Number.POSITIVE_INFINITY ? { kind, path, limitBytes } : { kind, path };
  });
}

/** Makes a snapshot of everything that was read, frozen with all that is in it. */
export function snapshotRows(
  rows: Float64Array,
  plan: RowsPlan,
  source: MemorySnapshot['source'],
  takenAtMs: number,
  pressure?: MemoryPressure,
): MemorySnapshot {
  raiseToChild(rows, plan.scopes);
  const swap = plan.swap ? computeSwapHeadroom(rows, plan.scopes) : NO_SWAP;
  const scopes = plan.scopes.map((name, row) => buildScope(rows, row, name, swap));
  let totalBytes = Number.POSITIVE_INFINITY;
  let limitedBy = scopes[0]!;
  for (let row = 0; row < scopes.length; row++) {
    totalBytes = takeLower(totalBytes, findLimit(rows, row));
    if (scopes[row]!.availableBytes < limitedBy.availableBytes) limitedBy = scopes[row]!;
  }
  return Object.freeze({
    totalBytes,
    availableBytes: limitedBy.availableBytes,
    limitedBy,
    scopes: Object.freeze(scopes),
    source,
    precise: source !== 'node',
    ancestorsHidden: plan.ancestorsHidden,
    ...(pressure !== undefined && { pressure }),
    takenAtMs,
  });
}

/** Takes `candidate` if it is the lower one. Absent numbers are NaN and drop out, which `Math.min` would not allow. */
export function takeLower(bound: number, candidate: number): number {
  if (candidate < bound) return candidate;
  return bound;
}

/**
 * Computes the least that `row` can offer whatever its memory.stat says. If this already exceeds the smallest availability
 * found so far, the file need not be read and the minimum stays exact. It must not be used for readings that count swap.
 */
export function computeRoomWithoutReclaim(rows: Float64Array, row: number): number {
  const base = row * STRIDE;
  const limit = takeLower(rows[base + LIMIT]!, rows[base + HIGH]!);
  const room = limit - rows[base + USED]!;
  return takeLower(room, rows[base + SWAP_LIMIT]! - rows[base + SWAP_USED]!);
}

/** Swap that our pages may go to, within the tightest v2 group on our path. */
interface SwapHeadroom {
  /** What leaves the machine's memory. Zram is in that memory, and what can't be compressed takes as much there. */
  readonly host: number;
  /** What leaves our groups, zram included: no group is charged for what is stored there (measured on Linux 6.1). */
  readonly groups: number;
}

const NO_SWAP: SwapHeadroom = { host: 0, groups: 0 };

function computeSwapHeadroom(rows: Float64Array, scopes: readonly ScopeName[]): SwapHeadroom {
  let limit = Number.POSITIVE_INFINITY;
  let used = true;
  for (let row = 1; row < scopes.length; row++) {
    if (scopes[row]!.kind === 'cgroup-v2') limit = takeLower(limit, computeSwapRoom(rows, row));
    if (getCell(rows, row, SWAPPINESS) === 0) used = false;
  }
  return {
    host: Math.max(0, takeLower(limit, computeSwapRoom(rows, 0))),
    groups: used ? Math.max(0, takeLower(limit, getCell(rows, 0, SWAP_LIMIT))) : 0,
  };
}

/**
 * memory.stat of a group contains what its children hold, but may lag until the kernel's next round (2 s) if someone else
 * reads an ancestor's at the wrong moment: on Linux 6.18, beside a process that read the root's all the time, 100 MiB of page
 * cache were missing from a parent in 2 of 7 runs. What our own group holds is the least that every group above it holds.
 */
function raiseToChild(rows: Float64Array, scopes: readonly ScopeName[]): void {
  let below = 0;
  for (let row = scopes.length - 1; row > 0; row--) {
    const { kind } = scopes[row]!;
    if (kind !== 'cgroup-v1' && kind !== 'cgroup-v2') continue;
    const own = row * STRIDE + RECLAIMABLE;
    if (rows[own]! < below) rows[own] = below;
    else if (rows[own]! > below) below = rows[own]!;
  }
}

/** Computes what one scope would still let us take; `swap` is what may leave memory for swap. */
function computeAvailable(rows: Float64Array, row: number, kind: ScopeKind, swap: SwapHeadroom): number {
  if (kind === 'host') return getCell(rows, 0, AVAILABLE) + swap.host;
  const used = getCell(rows, row, USED);
  let room = findLimit(rows, row) - used;
  if (kind === 'cgroup-v2') room += swap.groups;
  // memsw counts memory and swap together: pages already swapped out take from it even if no more swap is wanted.
  if (kind === 'cgroup-v1') room = takeLower(room + swap.groups, computeSwapRoom(rows, row));
  // memory.stat may lag behind the usage by the counters that the processors have not flushed yet.
  const reclaimable = getCell(rows, row, RECLAIMABLE);
  if (reclaimable > 0) room += takeLower(used, reclaimable);
  return Math.max(0, room);
}

function buildScope(rows: Float64Array, row: number, name: ScopeName, swap: SwapHeadroom): MemoryScope {
  const limit = takeLower(getCell(rows, row, LIMIT), getCell(rows, row, HIDDEN));
  const high = getCell(rows, row, HIGH);
  const dirty = getCell(rows, row, DIRTY);
  const usedBytes = getCell(rows, row, USED);
  const scope: { -readonly [Key in keyof MemoryScope]: MemoryScope[Key] } = {
    kind: name.kind,
    path: name.path,
    usedBytes,
    reclaimableBytes: getCell(rows, row, RECLAIMABLE),
    availableBytes: computeAvailable(rows, row, name.kind, swap),
  };
  if (limit !== Number.POSITIVE_INFINITY) scope.limitBytes = limit;
  if (high < Number.POSITIVE_INFINITY) scope.highBytes = high;
  if (dirty >= 0) scope.dirtyBytes = dirty;
  if (swap !== NO_SWAP) {
    const room = computeSwapRoom(rows, row);
    // Under v1 only the room beyond what memory alone still has is swap. If both have no limit, only the host's swap counts.
    const own = name.kind === 'cgroup-v1' && limit !== Number.POSITIVE_INFINITY ? room - (limit - usedBytes) : room;
    if (!Number.isNaN(room)) scope.swapBytes = Math.max(0, Math.min(own, getCell(rows, 0, SWAP_LIMIT)));
  }
  return Object.freeze(scope);
}

/** Finds the lowest of max, high and the limit that hidden ancestors set. */
function findLimit(rows: Float64Array, row: number): number {
  return takeLower(takeLower(getCell(rows, row, LIMIT), getCell(rows, row, HIGH)), getCell(rows, row, HIDDEN));
}

/** Computes how much more swap, or memory and swap, the scope's own limit leaves. NaN: no such limit was read. */
function computeSwapRoom(rows: Float64Array, row: number): number {
  return getCell(rows, row, SWAP_LIMIT) - getCell(rows, row, SWAP_USED);
}

function getCell(rows: Float64Array, row: number, column: number): number {
  return rows[row * STRIDE + column]!;
}
