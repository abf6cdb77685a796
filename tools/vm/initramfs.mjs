/** Knows what a guest needs: busybox, the very Node that runs this, the libraries of both, this package. It boots nothing. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Archive } from './archive.mjs';
import { listModuleFiles } from './kernel.mjs';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
const ADDON = 'build/Release/nexa_memory_guard.node';
/** Paths in the package, at the same place below /package in the guest. */
const ALWAYS = [
  'package.json',
  'dist',
  'lib',
  ADDON,
  'tools/control-groups.mjs',
  'tools/vm/guest',
  'node_modules/eventemitter3',
  'node_modules/systeminformation',
];
const DISK_MODULES = ['virtio_pci', 'virtio_blk'];

/** @typedef {import('./run-in-vm.mjs').VmOptions} VmOptions */

/**
 * @param {string} file @param {import('./kernel.mjs').Kernel} kernel @param {string} busybox
 * @param {Required<Pick<VmOptions, 'script' | 'input' | 'include' | 'programs' | 'modules' | 'hierarchy'>>} options
 */
export function buildInitramfs(file, kernel, busybox, { script, input, include, programs, modules, hierarchy }) {
  const archive = new Archive(file);
  archive.characterDevice('/dev/console', 5, 1);
  for (const folder of ['/proc', '/sys', '/tmp', '/disk']) archive.directory(folder);
  archive.file('/init', readFileSync(new URL('guest/init', import.meta.url)), { executable: true });
  archive.copy(busybox, '/bin/busybox');

  const files = listModuleFiles(kernel, [...DISK_MODULES, ...modules]);
  for (const module of files) archive.copy(module, `/modules/${basename(module)}`);
  const wanted = {
    script: `/package/${script}`,
    hierarchy,
    modules: files.map((module) => basename(module)).join(' '),
  };
  archive.file(
    '/settings',
    Object.entries(wanted)
      .map(([key, value]) => `${key}='${value}'\n`)
      .join(''),
  );
  archive.file('/input.json', JSON.stringify(input ?? null));

  const binaries = [process.execPath, ...programs.map(findProgram)];
  for (const binary of binaries) archive.copy(binary, `/bin/${basename(binary)}`);
  for (const path of [...ALWAYS, script, ...include]) {
    for (const source of listFiles(join(PACKAGE, path))) {
      archive.copy(source, `/package/${relative(PACKAGE, source)}`);
      if (/\.node$|\.so(\.|$)/.test(source)) binaries.push(source);
    }
  }
  for (const library of listLibraries(binaries)) archive.copy(library, library);
  archive.close();
}

/** @param {string} path @returns {string[]} */
function listFiles(path) {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** @param {string} name */
function findProgram(name) {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }).stdout.trim();
  if (found === '') throw new Error(`${name} is not on this machine`);
  return found;
}

/** `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f2499920000)` and the loader without an arrow. @param {string[]} binaries */
function listLibraries(binaries) {
  const { stdout } = spawnSync('ldd', binaries, { encoding: 'utf8' });
  const found = [...stdout.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => /** @type {string} */ (match[1]));
  return new Set(found);
}
