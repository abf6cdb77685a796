/** Boots a Linux of its own in QEMU, without root and without KVM, runs one Node program there and returns what it reported. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildInitramfs } from './initramfs.mjs';
import { getKernel } from './kernel.mjs';

const QEMU = 'qemu-system-x86_64';
const BUSYBOX = '/bin/busybox';
/** Sparse files: they take what is written. */
const DISK_BYTES = 2 ** 31;
/**
 * A panic ends the machine at once. The programs lie in a ramfs: a tmpfs would hold no more than half of the memory, and swap
 * out. An emulated clock on a busy machine is late, which the kernel must not take for a broken one.
 */
const KERNEL_COMMAND = [
  ...['console=ttyS0', 'loglevel=4', 'panic=-1', 'psi=1', 'rootfstype=ramfs', 'mitigations=off'],
  ...['no_timer_check', 'tsc=reliable', 'cryptomgr.notests'],
].join(' ');
/** Enough of the console to see why a guest died. */
const CONSOLE_LINES = 25;

/**
 * @typedef {object} VmOptions
 * @property {string} script Path in this repository of a module that Node runs in the guest; it reports with `guest/report.mjs`.
 * @property {unknown} [input] What `input()` of `guest/report.mjs` returns there.
 * @property {number} [memoryMiB] Of the guest, 512 or more: 160 of them hold the programs. Default 1024.
 * @property {number} [cpus] Default 1.
 * @property {'v1' | 'v2'} [hierarchy] The control groups under /sys/fs/cgroup (v1: /sys/fs/cgroup/memory). Default v2.
 * @property {readonly string[]} [modules] Kernel modules to load, such as `zram`.
 * @property {readonly string[]} [include] Files and folders of this repository, found below /package in the guest.
 * @property {readonly string[]} [programs] Programs of this machine, such as `perl`, found in /bin with their libraries.
 * @property {(line: any) => void} [onLine] Told of each report as it comes.
 * @property {number} [timeoutMs] Default 120000.
 */

/** Why no machine can be booted here; `undefined` if one can. Downloads the kernel (27 MB) if it isn't kept yet. */
export function whyNoVm() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this is not Linux on x64, as the guest is';
  if (spawnSync(QEMU, ['--version']).status !== 0) return `${QEMU} is missing (Debian: qemu-system-x86)`;
  if (!existsSync(BUSYBOX)) return `${BUSYBOX} is missing (Debian: busybox-static)`;
  try {
    getKernel();
    return undefined;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}

/** How a guest failed, in one sentence, with the end of its console below. */
export class VmError extends Error {
  /** @param {string} reason @param {readonly unknown[]} lines @param {readonly string[]} console */
  constructor(reason, lines, console) {
    super(`${reason}\n${console.slice(-CONSOLE_LINES).join('\n')}`);
    this.name = 'VmError';
    /** What the guest had reported by then. */
    this.lines = lines;
  }
}

/**
 * @param {VmOptions} options
 * @returns {Promise<any[]>} what the program reported, in order
 * @throws {VmError} if the program fails, the kernel panics or the time is over; the machine is gone by then
 */
export async function runInVm(options) {
  const { script, input, include = [], programs = [], modules = [], hierarchy = 'v2', timeoutMs = 120_000 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'nexa-vm-'));
  const forget = () => rmSync(folder, { recursive: true, force: true });
  try {
    const kernel = getKernel();
    const initramfs = join(folder, 'initramfs');
    buildInitramfs(initramfs, kernel, BUSYBOX, { script, input, include, programs, modules, hierarchy });
    const disks = ['disk', 'blank'].map((name) => join(folder, name));
    for (const disk of disks) {
      writeFileSync(disk, '');
      truncateSync(disk, DISK_BYTES);
    }
    const { memoryMiB = 1024, cpus = 1 } = options;
    const machine = { kernel: kernel.imageFile, initramfs, disks, memoryMiB, cpus, port: join(folder, 'port') };
    return await bootMachine(machine, { timeoutMs, started: forget, onLine: options.onLine });
  } finally {
    forget();
  }
}

/** @typedef {{ kernel: string, initramfs: string, disks: string[], memoryMiB: number, cpus: number, port: string }} Machine */

/**
 * @param {Machine} machine
 * @param {{ timeoutMs: number, started: () => void, onLine: VmOptions['onLine'] }} options
 * `started` is called when the machine has its files open and needs their names no more.
 */
async function bootMachine(machine, { timeoutMs, started, onLine }) {
  /** @type {unknown[]} */
  const lines = [];
  /** @type {string[]} */
  const console = [];
  /** @type {number | undefined} */
  let ended;
  /** @type {string | undefined} */
  let broken;
  const take = (/** @type {string} */ text) => {
    const message = parseMessage(text);
    if (message === undefined) broken ??= `The guest sent a line that is no JSON: ${text.slice(0, 100)}`;
    else if (message.booted) started();
    else if (message.ended !== undefined) ended = message.ended;
    else {
      lines.push(message.line);
      onLine?.(message.line);
    }
  };

  const server = createServer((socket) => createInterface({ input: socket }).on('line', take));
  server.listen(machine.port);
  await once(server, 'listening');
  const child = spawnMachine(machine);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, timeoutMs);
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => console.push(line));
  try {
    const [code, signal] = await once(child, 'close');
    // Closed when its connection is, and with it the last line has come.
    await new Promise((resolve) => server.close(resolve));
    const panic = console.find((line) => line.includes('Kernel panic'));
    const fail = (/** @type {string} */ reason) => new VmError(reason, lines, console);
    if (late) throw fail(`The guest did not end within ${timeoutMs / 1000} s.`);
    if (panic !== undefined) throw fail(`The guest's kernel panicked: ${panic}`);
    if (broken !== undefined) throw fail(broken);
    if (ended === undefined) throw fail(`The guest ended without a word (${QEMU}: ${signal ?? code}).`);
    if (ended !== 0) throw fail(`The guest's program ended with code ${ended}.`);
    return lines;
  } finally {
    clearTimeout(timer);
    process.removeListener('exit', kill);
    server.close();
  }
}

/** `{"booted":true}`, `{"line":…}` for each report, at last `{"ended":0}` with the program's exit code. @param {string} text */
function parseMessage(text) {
  try {
    return /** @type {{ booted?: boolean, line?: unknown, ended?: number }} */ (JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The machine ends with this process, however that ends, if util-linux can arrange it. @param {Machine} machine */
function spawnMachine({ kernel, initramfs, disks, memoryMiB, cpus, port }) {
  const qemu = [
    ...[QEMU, '-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', `${memoryMiB}M`, '-smp', String(cpus)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', kernel, '-initrd', initramfs, '-append', KERNEL_COMMAND],
    ...['-serial', 'stdio', '-chardev', `socket,id=port,path=${port}`, '-serial', 'chardev:port'],
    ...disks.flatMap((disk) => ['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`]),
  ];
  const tied = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  const [program, ...args] = /** @type {[string, ...string[]]} */ ([
    ...(tied ? ['setpriv', '--pdeathsig', 'KILL'] : []),
    ...qemu,
  ]);
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
