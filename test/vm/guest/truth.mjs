/** Makes each situation in turn and reports what the readings said there and what could be allocated. It judges nothing. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlGroup } from '../../../tools/control-groups.mjs';
import { input, report } from '../../../tools/vm/guest/report.mjs';
import { getSituations } from '../situations.mjs';

const MiB = 2 ** 20;
const CHILD = fileURLToPath(new URL('../../support/programs/allocate-until-killed.mjs', import.meta.url));
const RESULT = '/tmp/result';
const SWAP_MIB = 128;
const DEVICES = { zram: '/dev/zram0', disk: '/dev/vdb' };

/** Writes a file of so many MiB, so that its pages are charged to the writer's group; then mmap (9) and mlock (149). */
const LOCK = `my $bytes = $ARGV[1] << 20; open F, "+>", $ARGV[0] or die $!;
  print F "x" x (1 << 20) for 1 .. $ARGV[1]; close F; open F, "<", $ARGV[0] or die $!;
  my $at = syscall 9, 0, $bytes, 1, 1, fileno F, 0; syscall(149, $at, $bytes) == 0 or die $!;
  $| = 1; print "ready\n"; <STDIN>`;
const REMOUNT = 'umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"';
const NAMESPACES = {
  mounted: ['/bin/unshare', '-C', '-m', 'sh', '-c', REMOUNT, 'sh'],
  unmounted: ['/bin/unshare', '-C'],
};

/** @param {import('../situations.mjs').Situation} situation */
async function measureTruth({
  groups: wanted,
  neighbour,
  write,
  lookUpMiB,
  throttled,
  swap,
  swappiness = 60,
  namespace,
}) {
  const groups = createGroups(wanted);
  const ours = /** @type {ControlGroup} */ (groups.at(-1));
  if (swap) swapOn(swap);
  setKernel('swappiness', swappiness);
  setKernel('drop_caches', 3);
  const others = neighbour ? [await startNeighbour(neighbour, groups)] : [];

  const task = {
    result: RESULT,
    swap: swap !== undefined,
    write: write && { path: `${write.on}/file`, sync: write.sync ?? true, reads: write.reads ?? 0, mib: write.mib },
    lookUp: lookUpMiB && { directory: '/disk/names', mib: lookUpMiB },
    group: throttled && ours.directory,
  };
  writeFileSync(RESULT, ' '.repeat(4096));
  const before = namespace ? NAMESPACES[namespace] : [];
  const child = ours.spawn([...before, process.execPath, '--expose-gc', CHILD, JSON.stringify(task)], {
    oomScore: 1000,
  });
  let printed = '';
  child.stdout?.on('data', (text) => {
    printed += text;
  });
  const stalled = setInterval(killStalled, 1000, child, { count: 0, atMs: 0 });
  const [code, signal] = await once(child, 'close');
  clearInterval(stalled);
  const text = readFileSync(RESULT, 'utf8');

  for (const other of others) {
    other.kill('SIGKILL');
    await once(other, 'close');
  }
  for (const path of ['/disk/file', '/disk/locked', '/dev/shm/file']) rmSync(path, { force: true });
  for (const group of groups.reverse()) await group.remove();
  if (swap) execFileSync('swapoff', [DEVICES[swap]]);
  return {
    ...JSON.parse(text.slice(64).split('\n')[0] ?? ''),
    truthBytes: Number.parseInt(text, 10) * MiB,
    ended: signal ?? code,
    stalledUs: printed === '' ? undefined : Number(printed),
  };
}

/** @param {import('../situations.mjs').Situation['groups']} wanted */
function createGroups(wanted) {
  /** @type {ControlGroup[]} */
  const groups = [];
  for (const [path, files] of Object.entries(wanted)) {
    const parent = groups.find((group) => group.path === dirname(path));
    const group = parent ? parent.createChild(basename(path)) : ControlGroup.create(basename(path));
    for (const [file, mib] of Object.entries(files)) group.writeFile(file, mib * MiB);
    groups.push(group);
  }
  return groups;
}

/** Where swap is full the kernel may move pages to and fro for minutes before it kills: what isn't given within this is not given. */
const STALLED_MS = 10_000;

/** @param {import('node:child_process').ChildProcess} child @param {{ count: number, atMs: number }} seen */
function killStalled(child, seen) {
  const count = Number.parseInt(readFileSync(RESULT, 'utf8'), 10);
  if (count !== seen.count) Object.assign(seen, { count, atMs: performance.now() });
  else if (count > 0 && performance.now() - seen.atMs > STALLED_MS) child.kill('SIGKILL');
}

/** @param {import('../situations.mjs').Situation['neighbour'] & {}} neighbour @param {readonly ControlGroup[]} groups */
async function startNeighbour({ in: path, hold, lock }, groups) {
  const group = /** @type {ControlGroup} */ (groups.find((candidate) => candidate.path === path));
  const command =
    lock === undefined
      ? [process.execPath, CHILD, JSON.stringify({ result: '', hold })]
      : ['perl', '-e', LOCK, '/disk/locked', String(lock)];
  const child = group.spawn(command, { oomScore: 0 });
  const stdout = /** @type {import('node:stream').Readable} */ (child.stdout);
  const [first] = await Promise.race([once(stdout, 'data'), once(child, 'close')]);
  if (!String(first).includes('ready')) throw new Error(`The neighbour in ${path} ended (${first}).`);
  return child;
}

/** @param {'zram' | 'disk'} kind */
function swapOn(kind) {
  if (kind === 'zram') {
    writeFileSync('/sys/block/zram0/reset', '1');
    writeFileSync('/sys/block/zram0/disksize', String(SWAP_MIB * MiB));
  }
  execFileSync('mkswap', [DEVICES[kind], String(SWAP_MIB * 1024)], { stdio: 'ignore' });
  execFileSync('swapon', [DEVICES[kind]]);
}

/** @param {string} name @param {number} value */
function setKernel(name, value) {
  writeFileSync(`/proc/sys/vm/${name}`, String(value));
}

mkdirSync('/disk/names');
// What is dirty stays dirty until the group is short of memory.
setKernel('dirty_ratio', 90);
setKernel('dirty_background_ratio', 80);
setKernel('dirty_expire_centisecs', 100_000);

const { hierarchy, names } = input();
for (const name of names) {
  const startedAt = performance.now();
  const truth = await measureTruth(
    /** @type {import('../situations.mjs').Situation} */ (getSituations(hierarchy)[name]),
  );
  report({ name, ...truth, seconds: (performance.now() - startedAt) / 1000 });
}
