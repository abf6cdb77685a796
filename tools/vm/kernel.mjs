/** Gets Debian's kernel for virtual machines: its image and its modules, unpacked and kept; nothing is installed. It boots nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const META_PACKAGE = 'linux-image-cloud-amd64';
const KEPT = fileURLToPath(new URL('../../.vm/', import.meta.url));

/** @type {Kernel | undefined} apt takes half a second to tell. */
let known;

/** @typedef {{ version: string, imageFile: string, modulesFolder: string }} Kernel */

/**
 * The newest kernel that apt knows, from `.vm/` or downloaded (27 MB).
 * @returns {Kernel} @throws {Error} with one sentence if there is none
 */
export function getKernel() {
  known ??= findNewestKernel();
  return known;
}

/** If apt can't be asked (offline, or while it is updated), the newest one that is kept serves. */
function findNewestKernel() {
  try {
    return readKernel(getNewestFolder());
  } catch (error) {
    const kept = existsSync(KEPT) ? readdirSync(KEPT).filter((name) => name.startsWith('linux-image-')) : [];
    const newest = kept.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
    if (newest === undefined) throw error;
    return readKernel(join(KEPT, newest));
  }
}

/** The folder of the newest kernel that apt knows. */
function getNewestFolder() {
  const name = /^\s*Depends: (linux-image-\S+)/m.exec(run('apt-cache', ['depends', META_PACKAGE]))?.[1];
  if (name === undefined) throw new Error(`apt knows no kernel for ${META_PACKAGE} (apt-get update)`);
  const version = /^Version: (\S+)/m.exec(run('apt-cache', ['show', '--no-all-versions', name]))?.[1];
  if (version === undefined) throw new Error(`apt knows no version of ${name} (apt-get update)`);
  const folder = join(KEPT, `${name}_${version.replaceAll(':', '_')}`);
  if (!existsSync(folder)) downloadPackage(name, version, folder);
  return folder;
}

/** Unpacked beside and moved into place, so that a folder that is there is whole and two runs don't meet. @param {string} name @param {string} version @param {string} folder */
function downloadPackage(name, version, folder) {
  mkdirSync(KEPT, { recursive: true });
  const beside = mkdtempSync(join(KEPT, 'unpacking-'));
  try {
    run('apt-get', ['download', '-qq', `${name}=${version}`], beside);
    const archive = readdirSync(beside).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download ${name} left no package`);
    run('dpkg', ['-x', archive, 'kernel'], beside);
    try {
      renameSync(join(beside, 'kernel'), folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

/** @param {string} folder @returns {Kernel} */
function readKernel(folder) {
  const image = readdirSync(join(folder, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`${folder} holds no kernel; remove it`);
  const version = image.slice('vmlinuz-'.length);
  const above = [join(folder, 'lib/modules', version), join(folder, 'usr/lib/modules', version)];
  const modulesFolder = above.find((candidate) => existsSync(candidate));
  if (modulesFolder === undefined) throw new Error(`${folder} holds no modules; remove it`);
  return { version, imageFile: join(folder, 'boot', image), modulesFolder };
}

/**
 * Files of modules in the order in which they can be loaded. What one needs stands in itself: `depends=virtio,virtio_ring`.
 * @param {Kernel} kernel @param {readonly string[]} names such as `zram`; one that the kernel has built in needs no file
 */
export function listModuleFiles(kernel, names) {
  const files = new Map();
  for (const entry of readdirSync(kernel.modulesFolder, { recursive: true, withFileTypes: true })) {
    if (entry.name.endsWith('.ko')) files.set(normalizeName(entry.name), join(entry.parentPath, entry.name));
  }
  const builtIn = readFileSync(join(kernel.modulesFolder, 'modules.builtin'), 'utf8').split('\n').map(normalizeName);
  const ordered = new Set();
  const add = (/** @type {string} */ name) => {
    const file = files.get(name);
    if (file === undefined && builtIn.includes(name)) return;
    if (file === undefined) throw new Error(`Linux ${kernel.version} has no module ${name}`);
    const needs = /\0depends=([^\0]*)\0/.exec(readFileSync(file, 'latin1'))?.[1] ?? '';
    for (const need of needs.split(',').filter(Boolean)) add(normalizeName(need));
    ordered.add(file);
  };
  for (const name of names) add(normalizeName(name));
  return /** @type {string[]} */ ([...ordered]);
}

/** `kernel/fs/9p/foo-bar.ko` and `foo_bar` are one. @param {string} path */
function normalizeName(path) {
  return basename(path, '.ko').replaceAll('-', '_');
}

/** @param {string} program @param {string[]} args @param {string} [cwd] */
function run(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (error) throw new Error(`${program} could not be run (${/** @type {NodeJS.ErrnoException} */ (error).code})`);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr.trim().split('\n').at(-1)}`);
  return stdout;
}
