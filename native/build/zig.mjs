/** Installs zig's npm package below native/build/toolchain on its first use (400 MB) and runs it. It knows no addon. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const toolchain = path.join(root, 'native', 'build', 'toolchain');
/** Where the toolchain's packages lie: zig, and the headers of Node-API. */
export const packages = path.join(toolchain, 'node_modules');

export function installToolchain() {
  if (existsSync(path.join(packages, '@zigc', 'lib'))) return;
  console.log('installing zig …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  execFileSync(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: toolchain, stdio: 'inherit' });
}

/** Runs zig, and throws what it says if it fails. @param {string[]} args @param {string} cwd */
export function zig(args, cwd) {
  const name = `@zigc/${process.platform}-${process.arch}`;
  const program = path.join(packages, name, 'bin', process.platform === 'win32' ? 'zig.exe' : 'zig');
  const cache = process.env['ZIG_GLOBAL_CACHE_DIR'] ?? path.join(toolchain, 'cache');
  const env = {
    ...process.env,
    ZIG_LIB_DIR: path.join(packages, '@zigc', 'lib'),
    ZIG_GLOBAL_CACHE_DIR: cache,
    SOURCE_DATE_EPOCH: '0',
  };
  // Its output is kept back unless it fails: the first run builds libc++, whose warnings are not ours.
  const options = { cwd, env: { ...env, ZIG_LOCAL_CACHE_DIR: cache }, encoding: /** @type {const} */ ('utf8') };
  const { status, stderr, error } = spawnSync(program, args, { ...options, maxBuffer: 2 ** 30 });
  if (status === 0) return;
  const lines = stderr.split('\n').filter((line) => /(^|\s)error\b/.test(line));
  throw new Error(`zig ${args.join(' ')}\n${lines.join('\n') || error?.message || stderr.slice(-2000)}`);
}

/** A small C or C++ program of this repository. @param {string} target @param {string[]} args @param {string} output */
export function zigCompile(target, args, output) {
  installToolchain();
  zig([args.some((arg) => arg.endsWith('.c')) ? 'cc' : 'c++', '-target', target, ...args, '-o', output], root);
}
