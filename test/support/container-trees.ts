/**
 * What the files of known runtimes must read as. `captured`: read inside a real container on a real kernel (v1: Linux 6.18
 * with Docker 20.10, Podman 4.3, LXC 5.0 and lxcfs 5.0; v2: Linux 6.1 with runc 1.1 and the group names of containerd);
 * `rebuilt`: written after public sources, named beside each. test/fixtures/README.md tells more.
 */
import { KiB, MiB } from '../../src/core/bytes.ts';
import { HOST_AVAILABLE, HOST_TOTAL, type TreeSituation } from './linux-situations.ts';

const captured = 'captured' as const;
const rebuilt = 'rebuilt' as const;
const mib = (total: number, available: number) => ({ totalBytes: total * MiB, availableBytes: available * MiB });
const HOST = { totalBytes: HOST_TOTAL, availableBytes: HOST_AVAILABLE, limitedBy: 'host', hostBinds: true } as const;

const POD_V1 = '/kubepods/burstable/pod6c5b9a1e-21f4-4a53-9d3e-0f7b7a0a5d11';
const CONTAINER_V1 = `${POD_V1}/cae153028a0d7137d13a89506c8f286f842869f745f8e46fc0909f6ae51e0537`;
const PODS_V2 = '/kubepods.slice/kubepods-burstable.slice';
const POD_V2 = `${PODS_V2}/kubepods-burstable-pod6c5b9a1e_21f4_4a53_9d3e_0f7b7a0a5d11.slice`;
const CONTAINER_V2 = `${POD_V2}/cri-containerd-b3f1c0ffee5a4d0e8f7c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6.scope`;
const DOCKER = '/system.slice/docker-52f89ab87f0a9d0197f408075b0b83e6af4cf1e879b3f38b3c8a368f3e70618e.scope';
const USER = '/user.slice/user-1000.slice';
const PODMAN = `${USER}/user@1000.service/user.slice/libpod-c8aa5d9c6ac4d4d93ba84a0c8d5d6d64b9d5e7b1f2a3c4d5e6f708192a3b4c5d.scope`;

/** `/a/b/c` as its chain: `/a`, `/a/b`, `/a/b/c`. */
function chain(path: string): string[] {
  const names = path.split('/').slice(1);
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
}

export const CONTAINERS: readonly TreeSituation[] = [
  {
    name: 'docker-v1',
    origin: captured,
    totalBytes: 512 * MiB,
    availableBytes: 536_870_912 - 1_560_576,
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
    fields: { '/': { kind: 'cgroup-v1' } },
  },
  {
    name: 'docker-v1-private-namespace',
    origin: captured,
    totalBytes: 512 * MiB,
    availableBytes: 536_870_912 - 1_863_680,
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
  },
  // The systemd driver with --cgroupns=host: the whole hierarchy is seen. Layout as in Docker's and runc's documentation.
  {
    name: 'docker-v2-host-namespace',
    origin: rebuilt,
    ...mib(640, 640 - 420 + 130),
    limitedBy: DOCKER,
    scopes: ['host', ...chain(DOCKER)],
  },
  {
    name: 'podman-v1',
    origin: captured,
    totalBytes: 512 * MiB,
    availableBytes: 536_870_912 - 1_789_952 + 4096,
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
  },
  // Rootless, in the host's cgroup namespace. Group names as in Podman's and systemd's documentation.
  {
    name: 'podman-v2-rootless',
    origin: rebuilt,
    ...mib(512, 512 - 200 + 85),
    limitedBy: PODMAN,
    scopes: ['host', ...chain(`${PODMAN}/container`)],
  },
  // The pod has 384 MiB, the container 512: the pod's group is hidden and its limit is not.
  {
    name: 'kubernetes-v1',
    origin: captured,
    totalBytes: 384 * MiB,
    availableBytes: 402_653_184 - 1_953_792 + 12_288,
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
    fields: { '/': { limitBytes: 384 * MiB } },
  },
  // Two mounts show our group; the second one is the node's, which shows those above it as well.
  {
    name: 'kubernetes-v1-node-agent',
    origin: captured,
    totalBytes: 384 * MiB,
    availableBytes: 402_653_184 - 2_805_760 + 8192,
    limitedBy: POD_V1,
    scopes: ['host', ...chain(CONTAINER_V1)],
  },
  {
    name: 'kubernetes-v2',
    origin: captured,
    totalBytes: 512 * MiB,
    availableBytes: 536_870_912 - 552_960 + 90_472,
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
    fields: { '/': { kind: 'cgroup-v2' } },
  },
  // The pod's reclaimable slab lags behind the container's: 265,672 and 269,952 bytes.
  {
    name: 'kubernetes-v2-host-namespace',
    origin: captured,
    totalBytes: 300 * MiB,
    availableBytes: 314_572_800 - 737_280 + 269_952,
    limitedBy: POD_V2,
    scopes: ['host', ...chain(CONTAINER_V2)],
  },
  // lxcfs shows the group's limit as the machine, and less of it available than the group has.
  {
    name: 'lxc-v1-lxcfs',
    origin: captured,
    totalBytes: 512 * MiB,
    availableBytes: 523_044 * KiB,
    limitedBy: 'host',
    scopes: ['host', '/'],
    hidden: true,
    fields: { '/': { availableBytes: 536_870_912 - 1_044_480 + 16_384 } },
  },
  // meminfo as lxcfs writes it (captured under v1), the groups as LXC 5 names them.
  {
    name: 'lxc-v2-lxcfs',
    origin: rebuilt,
    ...mib(700, 700 - 300 + 162),
    limitedBy: '/system.slice/web.service',
    scopes: ['host', '/', '/system.slice', '/system.slice/web.service'],
    hidden: true,
    fields: { host: { limitBytes: 1024 * MiB, availableBytes: 782_336 * KiB }, '/': { availableBytes: 764 * MiB } },
  },
  // Reports of WSL 2 in issue trackers: drives are 9p shares whose options hold blanks, backslashes and " - ".
  { name: 'wsl2', origin: rebuilt, ...HOST, scopes: ['host'] },
  { name: 'wsl2-systemd', origin: rebuilt, ...HOST, scopes: ['host', ...chain(`${USER}/session-1.scope`)] },
  // Task and container ids as in the ECS metadata documentation: the task's limit shows in hierarchical_memory_limit only.
  {
    name: 'fargate-v1',
    origin: rebuilt,
    ...mib(2048, 2048 - 300 + 120),
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
    fields: { '/': { limitBytes: 2048 * MiB } },
  },
  {
    name: 'fargate-kubernetes-v1',
    origin: rebuilt,
    ...mib(768, 768 - 500 + 120),
    limitedBy: '/',
    scopes: ['host', '/'],
    hidden: true,
  },
  // gVisor's source: meminfo, status and an empty list of groups, no /proc/swaps.
  {
    name: 'gvisor',
    origin: rebuilt,
    totalBytes: 2048 * MiB,
    availableBytes: 1_804_288 * KiB,
    limitedBy: 'host',
    hostBinds: true,
    scopes: ['host'],
  },
  // With its cgroupfs: a limit and a usage, no memory.stat.
  {
    name: 'gvisor-cgroupfs',
    origin: rebuilt,
    ...mib(1024, 1024 - 286),
    limitedBy: '/9f2c',
    scopes: ['host', '/', '/9f2c'],
    hidden: true,
    fields: { '/9f2c': { reclaimableBytes: 0 }, '/': { limitBytes: undefined } },
  },
  // systemd's documentation of slices, scopes and escaped names.
  {
    name: 'systemd-user-slice',
    origin: rebuilt,
    ...mib(1024, 1024 - 800 + 60),
    limitedBy: USER,
    scopes: [
      'host',
      ...chain(`${USER}/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn\\x2d42.scope`),
    ],
    fields: { [USER]: { highBytes: 1024 * MiB, limitBytes: undefined } },
  },
  {
    name: 'systemd-service',
    origin: rebuilt,
    ...mib(2048, 2048 - 1500 + 180),
    limitedBy: '/system.slice/system-inference.slice',
    scopes: ['host', ...chain('/system.slice/system-inference.slice/inference@7b.service')],
  },
  {
    name: 'systemd-hybrid-v1',
    origin: rebuilt,
    ...mib(768, 768 - 500 + 100),
    limitedBy: '/system.slice/web.service',
    scopes: ['host', '/system.slice', '/system.slice/web.service'],
    fields: { '/system.slice/web.service': { kind: 'cgroup-v1' } },
  },
];
