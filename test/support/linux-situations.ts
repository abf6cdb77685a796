/** What each fixture tree must read as. Numbers are written as limit - used + reclaimable; it knows no reader. */
import { KiB, MiB } from '../../src/core/bytes.ts';
import type { MemoryScope } from '../../src/core/types.ts';

export const HOST_TOTAL = 24_683_656 * KiB;
/** MemAvailable of the fixtures. */
export const HOST_AVAILABLE = 22_363_128 * KiB;

export interface TreeSituation {
  readonly name: string;
  /** Where the tree is from. Without it: files of Linux 6.18 (v1) and 6.1 (v2) with numbers set so that every term shows. */
  readonly origin?: 'captured' | 'rebuilt';
  readonly swap?: boolean;
  readonly totalBytes: number;
  readonly availableBytes: number;
  /** Path of `limitedBy`. */
  readonly limitedBy: string;
  readonly scopes: readonly string[];
  readonly hidden?: boolean;
  readonly hostBinds?: boolean;
  /** Fields of the scope with that path, beyond the ones above. */
  readonly fields?: Readonly<Record<string, Partial<Record<keyof MemoryScope, unknown>>>>;
}

const HOST = { totalBytes: HOST_TOTAL, availableBytes: HOST_AVAILABLE, limitedBy: 'host', hostBinds: true } as const;
const mib = (total: number, available: number) => ({ totalBytes: total * MiB, availableBytes: available * MiB });
const PODS = '/kubepods.slice/kubepods-burstable.slice';
const POD = `${PODS}/kubepods-burstable-pod6c5b9a1e_21f4_4a53_9d3e_0f7b7a0a5d11.slice`;
const CONTAINER = `${POD}/cri-containerd-b3f1c0ffee5a4d0e8f7c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6.scope`;

export const SITUATIONS: readonly TreeSituation[] = [
  { name: 'host-only', ...HOST, scopes: ['host'] },
  { name: 'host-no-memory-controller', ...HOST, scopes: ['host'] },
  {
    name: 'v1-leaf-limit',
    ...mib(512, 512 - 400 + 350),
    limitedBy: '/app',
    scopes: ['host', '/app'],
    fields: {
      '/app': {
        kind: 'cgroup-v1',
        limitBytes: 512 * MiB,
        usedBytes: 400 * MiB,
        reclaimableBytes: 350 * MiB,
        dirtyBytes: 24 * MiB,
      },
      host: {
        usedBytes: (24_683_656 - 20_459_792) * KiB,
        reclaimableBytes: (1_027_256 + 957_164 + 124_048) * KiB,
        dirtyBytes: 228 * KiB,
        swapBytes: undefined,
      },
    },
  },
  { name: 'v1-parent-limit', ...mib(256, 256 - 150 + 30), limitedBy: '/pod', scopes: ['host', '/pod', '/pod/app'] },
  {
    name: 'v1-no-limit',
    ...HOST,
    scopes: ['host', '/app'],
    fields: { '/app': { limitBytes: undefined, availableBytes: Infinity } },
  },
  { name: 'v1-64k-sentinel', ...HOST, scopes: ['host', '/app'], fields: { '/app': { limitBytes: undefined } } },
  { name: 'v1-above-physical', ...HOST, scopes: ['host', '/app'], fields: { '/app': { limitBytes: 2 ** 40 } } },
  { name: 'v1-no-hierarchy', ...mib(1024, 1024 - 60 + 20), limitedBy: '/pod/app', scopes: ['host', '/pod/app'] },
  { name: 'v1-comounted', ...mib(512, 512 - 100 + 30), limitedBy: '/app', scopes: ['host', '/app'] },
  { name: 'v1-docker-bind', ...mib(512, 512 - 200 + 60), limitedBy: '/', scopes: ['host', '/'], hidden: true },
  {
    name: 'v1-hidden-limit',
    ...mib(384, 384 - 200 + 60),
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
    fields: { '/': { limitBytes: 384 * MiB } },
  },
  {
    name: 'v1-unnamed-levels',
    ...mib(300, 300 - 100 + 30),
    limitedBy: '/pod/app',
    scopes: ['host', '/pod', '/pod/app'],
  },
  // Memory and swap together leave 80 MiB, memory alone would leave 112, whether swap counts or not.
  { name: 'v1-memsw', ...mib(512, 640 - 560 + 50), limitedBy: '/app', scopes: ['host', '/app'] },
  {
    name: 'v1-memsw',
    swap: true,
    ...mib(512, 640 - 560 + 50),
    limitedBy: '/app',
    scopes: ['host', '/app'],
    fields: { host: { swapBytes: 1_572_860 * KiB }, '/app': { swapBytes: 0 } },
  },
  {
    name: 'v2-leaf',
    ...mib(512, 512 - 400 + 200 + 100 + 30),
    limitedBy: '/app',
    scopes: ['host', '/app'],
    fields: { '/app': { kind: 'cgroup-v2', highBytes: undefined, reclaimableBytes: 330 * MiB, dirtyBytes: 20 * MiB } },
  },
  {
    name: 'v2-parent-limit',
    ...mib(300, 300 - 180 + 16),
    limitedBy: '/pod.slice',
    scopes: ['host', '/pod.slice', '/pod.slice/app.scope'],
  },
  {
    name: 'v2-high',
    ...mib(320, 320 - 100 + 22),
    limitedBy: '/app',
    scopes: ['host', '/app'],
    fields: { '/app': { limitBytes: 512 * MiB, highBytes: 320 * MiB } },
  },
  { name: 'v2-three-levels', ...mib(600, 900 - 600 + 70), limitedBy: '/a/b', scopes: ['host', '/a', '/a/b', '/a/b/c'] },
  { name: 'v2-namespace-hidden', ...mib(512, 512 - 100 + 22), limitedBy: '/', scopes: ['host', '/'], hidden: true },
  { name: 'v2-dotdot', ...mib(512, 512 - 100 + 22), limitedBy: '/', scopes: ['host', '/'], hidden: true },
  { name: 'v2-swap', ...mib(512, 512 - 400 + 20), limitedBy: '/pod/app', scopes: ['host', '/pod', '/pod/app'] },
  // The pod's swap limit leaves 200 MiB; the host has 3 GiB free, of which 1 GiB outside of zram.
  {
    name: 'v2-swap',
    swap: true,
    ...mib(512, 512 - 400 + 20 + 200),
    limitedBy: '/pod/app',
    scopes: ['host', '/pod', '/pod/app'],
    fields: {
      host: { swapBytes: 1_048_572 * KiB, availableBytes: HOST_AVAILABLE + 200 * MiB },
      '/pod': { swapBytes: 200 * MiB, availableBytes: (1024 - 500 + 20 + 200) * MiB },
      '/pod/app': { swapBytes: 3_145_720 * KiB },
    },
  },
  {
    name: 'v2-no-swap-accounting',
    swap: true,
    ...mib(512, 512 - 400 + 20 + 1024),
    limitedBy: '/app',
    scopes: ['host', '/app'],
    fields: { '/app': { swapBytes: undefined } },
  },
  { name: 'v2-without-controller-below', ...mib(512, 512 - 100 + 22), limitedBy: '/app', scopes: ['host', '/app'] },
  { name: 'v2-not-mounted', ...HOST, scopes: ['host'], hidden: true },
  {
    name: 'v2-limit-zero',
    ...mib(0, 0),
    limitedBy: '/app',
    scopes: ['host', '/app'],
    fields: { '/app': { limitBytes: 0 } },
  },
  // 60 MiB are locked and hold 60 / 32 of the slab's 4.
  { name: 'v2-tmpfs-locked', ...mib(512, 512 - 360 + 60 + 4 - 60 / 32), limitedBy: '/app', scopes: ['host', '/app'] },
  { name: 'v1-tmpfs-locked', ...mib(512, 512 - 360 + 60), limitedBy: '/app', scopes: ['host', '/app'] },
  {
    name: 'hybrid',
    ...mib(512, 512 - 100 + 30),
    limitedBy: '/app',
    scopes: ['host', '/app'],
    fields: { '/app': { kind: 'cgroup-v1' } },
  },
  {
    name: 'named-hierarchy',
    ...mib(512, 512 - 100 + 22),
    limitedBy: '/user.slice',
    scopes: ['host', '/user.slice'],
    fields: { '/user.slice': { kind: 'cgroup-v2' } },
  },
  { name: 'space-in-mount', ...mib(512, 512 - 100 + 22), limitedBy: '/my app', scopes: ['host', '/my app'] },
  {
    name: 'long-controller-list',
    ...mib(400, 400 - 100 + 30),
    limitedBy: CONTAINER,
    scopes: ['host', '/kubepods.slice', PODS, POD, CONTAINER],
  },
  {
    name: 'rlimits',
    ...mib(2048, 2048 - 256),
    limitedBy: 'RLIMIT_DATA',
    scopes: ['host', 'RLIMIT_AS', 'RLIMIT_DATA'],
    fields: {
      RLIMIT_AS: {
        kind: 'rlimit-as',
        limitBytes: 4096 * MiB,
        usedBytes: 1024 * MiB,
        availableBytes: 3072 * MiB,
        reclaimableBytes: 0,
      },
      RLIMIT_DATA: { kind: 'rlimit-data', usedBytes: 256 * MiB },
    },
  },
  {
    name: 'overcommit-2',
    totalBytes: 12_341_828 * KiB,
    availableBytes: (12_341_828 - 1_053_992) * KiB,
    limitedBy: 'CommitLimit',
    scopes: ['host', 'CommitLimit'],
    fields: { CommitLimit: { kind: 'commit', usedBytes: 1_053_992 * KiB, reclaimableBytes: 0 } },
  },
];
