/** The situations in which a reading is compared with the truth, as data for the guest that makes them and the test that judges. */

/**
 * @typedef {object} Situation
 * @property {Record<string, Record<string, number>>} groups Top first, ours last; with what is written to their files, in MiB.
 * @property {{ in: string, hold?: number, lock?: number }} [neighbour] Holds so many MiB, or a file of so many with locked pages.
 * @property {{ on: '/disk' | '/dev/shm', mib: number, sync?: boolean, reads?: number }} [write] By the reading process, beforehand.
 * @property {number} [lookUpMiB] So much slab for names that don't exist.
 * @property {boolean} [throttled] The truth is where `memory.high` begins to hold back: nothing is killed.
 * @property {'zram' | 'disk'} [swap] 128 MiB of it, and `swap: true`.
 * @property {number} [swappiness] `vm.swappiness`. Default 60.
 * @property {'mounted' | 'unmounted'} [namespace] Of control groups, with its own mount of them or with the one from before.
 * @property {string} limitedBy The path of the scope that has the least.
 * @property {{ reclaimable?: number, dirty?: number, truth?: number }} [atLeast] MiB that must be seen in that scope, or else
 * the situation isn't what its name says.
 * @property {number} [below] How far a reading may be below the truth. Default 0.02.
 * @property {number} [above] The same for above.
 * @property {true} [hidden] The limit that holds can't be seen: the reading is too high, and must say that it may be.
 */

const max = (/** @type {number} */ mib) => ({ 'memory.max': mib });
const bytes = (/** @type {number} */ mib) => ({ 'memory.limit_in_bytes': mib });
/** MemAvailable holds back up to the low watermark. */
const HOST = { limitedBy: 'host', below: 0.1 };
const SWAP = { limitedBy: '/a', above: 0.04 };
/** More than the 128 MiB of the group, or no swap was used. */
const USED = { ...SWAP, atLeast: { truth: 160 } };

/** @type {Record<string, Situation>} */
export const V2 = {
  'leaf limit': { groups: { '/a': max(256) }, limitedBy: '/a' },
  'tighter parent': { groups: { '/a': max(256), '/a/b': max(512) }, limitedBy: '/a' },
  'unlimited leaf': { groups: { '/a': max(256), '/a/b': {} }, limitedBy: '/a' },
  'sibling that uses the parent up': {
    groups: { '/a': max(384), '/a/sibling': {}, '/a/b': max(320) },
    neighbour: { in: '/a/sibling', hold: 100 },
    limitedBy: '/a',
  },
  'three levels, the middle one the tightest': {
    groups: { '/a': max(512), '/a/b': max(320), '/a/b/sibling': {}, '/a/b/c': max(300) },
    neighbour: { in: '/a/b/sibling', hold: 80 },
    write: { on: '/disk', mib: 60, reads: 1 },
    limitedBy: '/a/b',
  },
  '150 MiB of clean cache, read once': {
    groups: { '/a': max(256) },
    write: { on: '/disk', mib: 150, reads: 1 },
    limitedBy: '/a',
    atLeast: { reclaimable: 145 },
  },
  '150 MiB of clean cache, read 4 times': {
    groups: { '/a': max(256) },
    write: { on: '/disk', mib: 150, reads: 4 },
    limitedBy: '/a',
    atLeast: { reclaimable: 145 },
  },
  '80 MiB on tmpfs': { groups: { '/a': max(320) }, write: { on: '/dev/shm', mib: 80 }, limitedBy: '/a' },
  '150 MiB of dirty pages': {
    groups: { '/a': max(256) },
    write: { on: '/disk', mib: 150, sync: false },
    limitedBy: '/a',
    atLeast: { reclaimable: 145, dirty: 100 },
  },
  '50 MiB of dentries': { groups: { '/a': max(256) }, lookUpMiB: 50, limitedBy: '/a', atLeast: { reclaimable: 45 } },
  '240 MiB of locked file pages': { groups: { '/a': max(448) }, neighbour: { in: '/a', lock: 240 }, limitedBy: '/a' },
  'memory.high': { groups: { '/a': { 'memory.high': 256, ...max(384) } }, throttled: true, limitedBy: '/a' },
  'host with less than the limit': { groups: { '/a': max(4096) }, ...HOST },
  'swap on a disk': { groups: { '/a': max(128) }, swap: 'disk', ...USED },
  'swap on zram': { groups: { '/a': max(128) }, swap: 'zram', ...USED },
  'limited swap on zram': { groups: { '/a': { ...max(128), 'memory.swap.max': 64 } }, swap: 'zram', ...USED },
  'swap, vm.swappiness 0': { groups: { '/a': max(256) }, swap: 'disk', swappiness: 0, ...SWAP },
  'host with zram, less than the limit': { groups: { '/a': max(4096) }, swap: 'zram', ...HOST, above: 0.04 },
  'namespace with a mount of its own': {
    groups: { '/a': max(512), '/a/b': max(256) },
    namespace: 'mounted',
    limitedBy: '/',
  },
  'namespace that hides the tighter parent': {
    groups: { '/a': max(256), '/a/b': max(512) },
    namespace: 'mounted',
    limitedBy: '/',
    hidden: true,
  },
  'namespace that sees the old mount': {
    groups: { '/a': max(256), '/a/b': max(512) },
    namespace: 'unmounted',
    limitedBy: '/a',
  },
};

/** @type {Record<string, Situation>} */
export const V1 = {
  'leaf limit': { groups: { '/a': bytes(256) }, limitedBy: '/a' },
  'tighter parent': { groups: { '/a': bytes(256), '/a/b': bytes(512) }, limitedBy: '/a' },
  '100 MiB of clean cache, read 4 times': {
    groups: { '/a': bytes(256) },
    write: { on: '/disk', mib: 100, reads: 4 },
    limitedBy: '/a',
  },
  '80 MiB on tmpfs': { groups: { '/a': bytes(320) }, write: { on: '/dev/shm', mib: 80 }, limitedBy: '/a' },
  'swap on zram': { groups: { '/a': bytes(128) }, swap: 'zram', ...USED },
  'swap on a disk, memory.swappiness 0': {
    groups: { '/a': { ...bytes(256), 'memory.swappiness': 0 } },
    swap: 'disk',
    ...SWAP,
  },
};

/** @param {'v1' | 'v2'} hierarchy */
export function getSituations(hierarchy) {
  return hierarchy === 'v1' ? V1 : V2;
}
