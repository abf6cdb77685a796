/** Where the addon is looked for, what is silent and what is told; and that it keeps its word when called wrongly. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TARGETS } from '../../native/build/targets.mjs';
import type { Addon } from '../../src/addon/addon.ts';
import {
  describeAddonProblem,
  findAddon,
  isBuiltFor,
  loadAddon,
  loadAddonFrom,
  namePrebuildFolder,
} from '../../src/addon/load-addon.ts';
import { PARSE } from '../../src/sensors/linux/read-plan.ts';
import { STRIDE } from '../../src/sensors/scope-rows.ts';
import { getFixture } from '../support/fixtures.ts';

const BUILT = fileURLToPath(new URL('../../build/Release/nexa_memory_guard.node', import.meta.url));
const READER = new URL('../../lib/sensors/open-reader.js', import.meta.url);
const LOADER = new URL('../../lib/addon/load-addon.js', import.meta.url);
const there = existsSync(BUILT);
if (!there) console.warn('The addon is not tested: it is not built (npm run build:native).');

function packageDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-addon-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function put(directory: string, path: string, from?: string): void {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  if (from === undefined) writeFileSync(file, 'not a library');
  else copyFileSync(from, file);
}

const platform = `${process.platform}-${process.arch}`;
const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
const musl = report.header.glibcVersionRuntime === undefined;

describe('finding the addon', () => {
  it('is silent where there is none, and where nobody knows where to look', () => {
    expect(loadAddonFrom([packageDirectory()])).toEqual({});
    expect(loadAddonFrom([])).toEqual({});
  });

  it.skipIf(!there)('takes the one that was built here', () => {
    expect(loadAddonFrom([fileURLToPath(new URL('../..', import.meta.url))]).addon?.MemoryFiles).toBeTypeOf('function');
    expect(loadAddon()?.memoryFilesSupported).toBe(process.platform === 'linux');
    expect(describeAddonProblem()).toBeUndefined();
  });

  it.skipIf(!there)('prefers a prebuilt one of this platform', () => {
    const directory = packageDirectory();
    put(directory, `prebuilds/${platform}${musl ? '-musl' : ''}/nexa-memory-guard.node`, BUILT);
    put(directory, `prebuilds/${platform}${musl ? '' : '-musl'}/nexa-memory-guard.node`);
    put(directory, 'build/Release/nexa_memory_guard.node');
    const { addon, problem } = loadAddonFrom([directory]);
    expect(addon?.MemoryFiles).toBeTypeOf('function');
    expect(problem).toBeUndefined();
  });

  it('looks for it in the folder of this system, one of the eight that are built', () => {
    const looked = (['linux', 'darwin', 'win32'] as const).flatMap((system) =>
      ['x64', 'arm64'].flatMap((arch) => [false, true].map((libc) => namePrebuildFolder(system, arch, libc))),
    );
    expect(new Set(looked)).toEqual(new Set(TARGETS.map(({ name }) => name)));
    expect(namePrebuildFolder('linux', 'arm64', true)).toBe('linux-arm64-musl');
    expect(namePrebuildFolder('darwin', 'arm64', true)).toBe('darwin-arm64');
  });

  it('does not take one of another platform', () => {
    const directory = packageDirectory();
    put(directory, 'prebuilds/sunos-sparc/nexa-memory-guard.node');
    expect(loadAddonFrom([directory])).toEqual({});
  });

  it.skipIf(!there)('goes on to the next when one is broken', () => {
    const directory = packageDirectory();
    put(directory, `prebuilds/${platform}/nexa-memory-guard.node`);
    put(directory, 'build/Release/nexa_memory_guard.node', BUILT);
    expect(loadAddonFrom([directory]).addon?.MemoryFiles).toBeTypeOf('function');
  });

  it('tells why one that is there cannot be loaded', () => {
    const directory = packageDirectory();
    put(directory, 'build/Release/nexa_memory_guard.node');
    const { addon, problem } = loadAddonFrom([directory]);
    expect(addon).toBeUndefined();
    expect(problem).toMatch(/^The native addon could not be loaded: .*nexa_memory_guard\.node: .+\.$/s);
  });

  it('looks for none when it is turned off', () => {
    const directory = packageDirectory();
    put(directory, 'build/Release/nexa_memory_guard.node');
    expect(findAddon([join(directory, 'dist/bundle.js')], 'off')).toEqual({});
  });

  it('says what is missing where there should be one: of a bundle, and of one that is broken', () => {
    const directory = packageDirectory();
    put(directory, 'package.json');
    writeFileSync(join(directory, 'package.json'), '{ "name": "program" }');
    const bundle = join(directory, 'dist/bundle.js');
    const { addon, problem, help } = findAddon([bundle], undefined);
    expect([addon, problem]).toEqual([undefined, undefined]);
    expect(help).toContain(`${join(directory, 'dist/nexa-memory-guard/prebuilds', platform)}`);
    expect(help).toContain("`external: ['nexa-memory-guard']`");
    put(directory, 'build/Release/nexa_memory_guard.node');
    expect(findAddon([bundle], undefined).help).toMatch(
      /^found one that does not serve \(The native addon could not be/,
    );
  });

  it.skipIf(!there)('takes one that was copied beside a bundle, before that of the program', () => {
    const directory = packageDirectory();
    put(directory, `dist/nexa-memory-guard/prebuilds/${platform}${musl ? '-musl' : ''}/nexa-memory-guard.node`, BUILT);
    put(directory, 'build/Release/nexa_memory_guard.node');
    const found = findAddon([join(directory, 'dist/bundle.js')], undefined);
    expect(found.addon?.MemoryFiles).toBeTypeOf('function');
    expect(found.help).toBeUndefined();
  });

  it('is built for the systems of the table, and expected on no other', () => {
    for (const { platform, arch } of TARGETS) expect(isBuiltFor(platform, arch)).toBe(true);
    expect([isBuiltFor('freebsd', 'x64'), isBuiltFor('linux', 'ppc64')]).toEqual([false, false]);
  });

  it.skipIf(!there)('takes a program that Node lets load no addon for one that chose so', () => {
    const program = `import { describeMissingAddon, loadAddon } from ${JSON.stringify(LOADER.href)};
      process.stdout.write(String([loadAddon(), describeMissingAddon()]));`;
    const flags = ['--no-addons', '--input-type=module', '-e', program];
    expect(spawnSync(process.execPath, flags, { encoding: 'utf8' })).toMatchObject({ stdout: ',', stderr: '' });
  });

  it.skipIf(!there || !existsSync(READER))(
    'is turned off by NEXA_MEMORY_GUARD_ADDON=off, and not by another value',
    () => {
      const program = `import { openReader } from ${JSON.stringify(READER.href)}; process.stdout.write(openReader().source);`;
      const sourceWith = (setting: string) =>
        spawnSync(process.execPath, ['--input-type=module', '-e', program], {
          env: { ...process.env, NEXA_MEMORY_GUARD_ADDON: setting },
          encoding: 'utf8',
        }).stdout;
      expect(sourceWith('off')).toBe('procfs');
      expect(sourceWith('')).toBe('native');
    },
  );
});

describe.skipIf(!there)('the addon', () => {
  const { MemoryFiles, ThreadPoolHold } = (loadAddon() ?? {}) as Addon;
  const rows = () => new Float64Array(2 * STRIDE);
  const meminfo = join(getFixture('host-only'), 'proc/meminfo');

  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['paths that are no list', ['x', new Int32Array(3), rows(), false]],
    ['a path that is no text', [[1], new Int32Array(3), rows(), false]],
    ['a table of another type', [[meminfo], new Float64Array(3), rows(), false]],
    ['a table that is too short', [[meminfo], new Int32Array(2), rows(), false]],
    ['rows of another type', [[meminfo], new Int32Array(3), new Int32Array(18), false]],
    ['no room for a row', [[meminfo], new Int32Array(3), new Float64Array(STRIDE - 1), false]],
    ['an unknown format', [[meminfo], Int32Array.of(5, 0, 0), rows(), false]],
    ['a row behind the end', [[meminfo], Int32Array.of(PARSE.number, 2, 0), rows(), false]],
    ['a column behind the end', [[meminfo], Int32Array.of(PARSE.number, 0, STRIDE), rows(), false]],
    ['a second row behind the end', [[meminfo], Int32Array.of(PARSE.meminfo, 0, 2), rows(), false]],
    ['a negative row', [[meminfo], Int32Array.of(PARSE.number, -1, 0), rows(), false]],
  ])('refuses %s', (_, args) => {
    expect(() => new MemoryFiles(...(args as ConstructorParameters<typeof MemoryFiles>))).toThrow(TypeError);
  });

  it('holds the thread pool back until it is released, also twice, and for a number that is no count', async () => {
    for (const threads of [-1, 0, 4, 2 ** 31 - 1]) {
      const hold = new ThreadPoolHold(threads);
      const work = stat(meminfo);
      hold.release();
      hold.release();
      expect((await work).isFile()).toBe(true);
    }
  });

  it('does not read after it was closed', () => {
    const files = new MemoryFiles([meminfo], Int32Array.of(PARSE.meminfo, 0, 0), rows(), false, undefined, undefined);
    expect(files.read(false)).toBe(0);
    expect(files.problem()).toBeUndefined();
    files.close();
    files.close();
    expect(() => files.read(false)).toThrow('closed');
    expect(files.problem()).toBeUndefined();
  });

  it('forgets the last problem with the next reading', () => {
    const cells = rows();
    const files = new MemoryFiles(
      ['/proc/self/nothing'],
      Int32Array.of(PARSE.number, 0, 0),
      cells,
      false,
      undefined,
      undefined,
    );
    expect(files.read(true)).toBe(1);
    expect(files.problem()).toEqual({ file: '/proc/self/nothing', errno: 'ENOENT' });
  });

  it('serves workers, each by itself, and survives their end in the middle of reading', async () => {
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { MemoryFiles } = require(workerData.built);
      const rows = new Float64Array(${STRIDE});
      const files = new MemoryFiles([workerData.meminfo], Int32Array.of(1, 0, 0), rows, false);
      for (let at = 0; at < 1000; at++) files.read(true);
      parentPort.postMessage(rows[0]);
      for (;;) files.read(true);`;
    const totals = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const worker = new Worker(program, { eval: true, workerData: { built: BUILT, meminfo } });
        const total = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
        await worker.terminate();
        return total;
      }),
    );
    expect(totals).toEqual(Array.from({ length: 4 }, () => 24_683_656 * 1024));
    const files = new MemoryFiles([meminfo], Int32Array.of(PARSE.meminfo, 0, 0), rows(), false, undefined, undefined);
    expect(files.read(true)).toBe(0);
  });
});
