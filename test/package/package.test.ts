/** The packed tarball: what is in it, what the linters of packages say, and what it does in an empty project with this Node. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix, relative } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { TARGETS } from '../../native/build/targets.mjs';
import { namePrebuildFolder } from '../../src/addon/load-addon.ts';
import { KiB, MiB } from '../../src/core/bytes.ts';
import { makeTinyModels } from '../support/tiny-models.ts';
import { Installed, ROOT } from './installed.ts';

let installed: Installed;
beforeAll(() => {
  installed = new Installed();
}, 120_000);
afterAll(() => installed.remove());

/** The files below a folder of the repository, by their paths in it. */
function listFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(join(ROOT, folder), join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
}

/** Set by what has just built all of them. */
const whole = process.env['EVERY_ADDON'] !== undefined;

describe('the packed tarball', () => {
  it('holds a few files that were bundled, types, documents, examples, and nothing else but addons', () => {
    const files = installed.packed.files.map(({ path }) => path).filter((path) => !path.startsWith('prebuilds/'));
    const chunks = files.filter((path) => /^dist\/chunks\/[\w-]+\.js$/.test(path));
    expect(chunks.length).toBeGreaterThan(0);
    expect(chunks.length).toBeLessThan(6);
    const types = files.filter((path) => path.endsWith('.d.ts'));
    const entries = ['dist/index.js', 'dist/metrics/guard-metrics.js', 'dist/cli/main.js', 'dist/child.js'];
    const beside = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'];
    const expected = [
      ...entries,
      ...chunks,
      ...types,
      ...beside,
      ...listFiles('docs').map((name) => `docs/${name}`),
      ...listFiles('examples').map((name) => `examples/${name}`),
    ];
    expect(files.sort()).toEqual(expected.sort());
  });

  it('holds the types that an import leads to, and no others', () => {
    const types = installed.packed.files.map(({ path }) => path).filter((path) => path.endsWith('.d.ts'));
    const imported = types.flatMap((file) => {
      const found = readFileSync(join(ROOT, file), 'utf8').matchAll(/(?:from |import\()'(\.[^']*)'/g);
      return [...found].map(([, path]) => posix.join(posix.dirname(file), path!).replace(/\.[jt]s$/, '.d.ts'));
    });
    const entries = ['dist/index.d.ts', 'dist/metrics/guard-metrics.d.ts'];
    expect(types.sort()).toEqual([...new Set([...entries, ...imported])].sort());
  });

  it('holds examples that import packages and each other, and no file that is left behind', () => {
    const packed = installed.packed.files.map(({ path }) => path);
    const examples = packed.filter((path) => /^examples\/.*js$/.test(path));
    const imported = examples.flatMap((file) => {
      const code = readFileSync(join(ROOT, file), 'utf8');
      const found = code.matchAll(/(?:from |import\(|import |require\()'(\.[^']*)'/g);
      return [...found].map(([, path]) => posix.join(posix.dirname(file), path!));
    });
    expect(imported).toContain('examples/electron/models.mjs');
    expect(imported.filter((file) => !packed.includes(file))).toEqual([]);
  });

  it('holds the addons that were built, each under the name that is looked for', () => {
    const files = installed.packed.files.map(({ path }) => path).filter((path) => path.startsWith('prebuilds/'));
    const known = TARGETS.map(({ name }) => `prebuilds/${name}/nexa-memory-guard.node`);
    expect(files.filter((file) => !known.includes(file))).toEqual([]);
    const { glibcVersionRuntime } = (process.report.getReport() as unknown as { header: Record<string, unknown> })
      .header;
    const own = namePrebuildFolder(process.platform, process.arch, glibcVersionRuntime === undefined);
    const expected = whole ? known : known.filter((file) => file.includes(`/${own}/`));
    expect(expected.length).toBeGreaterThan(0);
    expect(files).toEqual(expect.arrayContaining(expected));
  });

  it('is small: less than 1.25 MiB of JavaScript and types, as much for each addon, 432 KiB of documents and examples, 2.5 MiB to download', () => {
    const { files, size, unpackedSize } = installed.packed;
    const sum = (list: typeof files) => list.reduce((bytes, { size }) => bytes + size, 0);
    const addons = files.filter(({ path }) => path.endsWith('.node'));
    const documents = files.filter(({ path }) => /^(docs|examples)\/|\.md$/.test(path));
    const [addonBytes, documentBytes] = [sum(addons), sum(documents)];
    console.log(
      `tarball: ${size} bytes, ${unpackedSize} unpacked, of which ${addonBytes} are ${addons.length} addons, ${documentBytes} documents`,
    );
    expect(unpackedSize - addonBytes - documentBytes).toBeLessThan(1.25 * MiB);
    for (const addon of addons) expect(addon.size, addon.path).toBeLessThan(1 * MiB);
    expect(documentBytes).toBeLessThan(432 * KiB);
    expect(size).toBeLessThan(2.5 * MiB);
  });

  it('names no script that npm would run where it is installed', () => {
    const { scripts, gypfile } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?(install|uninstall|prepare)$/.test(name))).toEqual([]);
    expect(gypfile).toBe(false);
  });
});

describe('the linters of packages', () => {
  const tarball = () => {
    const { buffer, byteOffset, byteLength } = readFileSync(installed.tarball);
    return buffer.slice(byteOffset, byteOffset + byteLength);
  };

  it('publint has nothing to say, not even to suggest', async () => {
    const { messages, pkg } = await publint({ pack: { tarball: tarball() }, level: 'suggestion', strict: true });
    expect(pkg?.['name']).toBe('nexa-memory-guard');
    expect(messages.map((message) => formatMessage(message, pkg ?? {}))).toEqual([]);
  });

  it('arethetypeswrong finds types for every resolution, all of one ES module', async () => {
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball())));
    if (!result.types) throw new Error('Expected types in the tarball, found none.');
    expect(Object.keys(result.entrypoints)).toEqual(['.', './metrics', './package.json']);
    const found = result.problems.map((problem) => ({ ...problem }));
    // It takes `require` of an ES module for an error, which Node 20.19 and 22.13 brought to an end: runtimes.test.ts runs it.
    expect(found.filter(({ kind }) => kind !== 'CJSResolvesToESM')).toEqual([]);
    expect(found).toHaveLength(2);
  });
});

describe('importing the package', () => {
  it('does nothing: no listener, timer, global, addon or other package stays behind', () => {
    const { status, stdout, stderr } = installed.text(`
      import { readFileSync } from 'node:fs';
      import { createRequire } from 'node:module';
      const state = () => JSON.stringify({
        listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
        resources: process.getActiveResourcesInfo().sort(),
        globals: Reflect.ownKeys(globalThis).map(String),
        environment: { ...process.env },
        addons: process.platform === 'linux' ? /nexa-memory-guard\\.node/.test(readFileSync('/proc/self/maps', 'utf8')) : false,
        folder: process.cwd(),
        packages: Object.keys(createRequire(import.meta.url).cache).filter((file) => /systeminformation|llama|prom-client/.test(file)),
      });
      const before = state();
      const { readMemory } = await import('nexa-memory-guard');
      await import('nexa-memory-guard/metrics');
      console.log(state() === before || [before, state()]);
      readMemory();
      console.log(state() === before);
    `);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    // The second line shows that the first one could have been another.
    expect(stdout).toBe(`true\n${process.platform !== 'linux'}\n`);
  });

  it('is left out by a bundler but for what is used', async () => {
    const bundled = async (code: string) => {
      const bundle = await rolldown({
        input: 'entry',
        cwd: installed.project,
        platform: 'node',
        plugins: [
          {
            name: 'entry',
            resolveId: (id) => (id === 'entry' ? join(installed.project, 'entry.mjs') : null),
            load: (id) => (id.endsWith('entry.mjs') ? code : null),
          },
        ],
      });
      const { output } = await bundle.generate();
      await bundle.close();
      return output.reduce((sum, chunk) => sum + ('code' in chunk ? chunk.code.length : 0), 0);
    };
    expect(await bundled("import 'nexa-memory-guard'; import 'nexa-memory-guard/metrics';")).toBeLessThan(100);
    expect(await bundled("import { GiB } from 'nexa-memory-guard'; console.log(GiB);")).toBeLessThan(100);
    expect(
      await bundled("import { withMemoryGuard } from 'nexa-memory-guard'; console.log(withMemoryGuard);"),
    ).toBeGreaterThan(100_000);
  });
});

describe('in an empty project', () => {
  it('nothing is there that compiles', () => {
    for (const name of ['cc', 'gcc', 'g++', 'make', 'python3']) expect(installed.run(name, []).status).toBe(null);
  });

  it.each(['on', 'off'])('guards an SDK without an engine, its addon %s', (addon) => {
    const program = `
      import { readMemory, withMemoryGuard } from 'nexa-memory-guard';
      const sdk = { loadModel: async () => ({ dispose() {} }) };
      const nexa = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
      const model = await nexa.loadModel('qwen2audio', { memoryGuard: { footprint: '1 MiB' } });
      console.log(model.quantization, nexa.guard.models().length, readMemory().source);
      await model.dispose();
      console.log(nexa.guard.models().length);
    `;
    const { status, stdout, stderr } = installed.text(program, { NEXA_MEMORY_GUARD_ADDON: addon });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const source = process.platform !== 'linux' ? 'node' : addon === 'on' ? 'native' : 'procfs';
    expect(stdout).toMatch(new RegExp(`^Q\\w+ 1 ${source}\\n0\\n$`));
  });

  it('brings the command line, which plans without any runtime and says what is missing', () => {
    const program = join(installed.project, 'node_modules', '.bin', 'nexa-memory-guard');
    const call = (...words: string[]) => installed.run(program, words);
    expect(call('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
    const plan = call('plan', 'qwen2audio', '--memory', '16GiB', '--json');
    expect([plan.status, plan.stderr]).toEqual([0, '']);
    expect(JSON.parse(plan.stdout)).toMatchObject({ decision: { quantization: 'Q4_K_M' }, fromShape: true });
    expect(call('run', 'qwen2audio', '--prompt', 'Hi').status).toBe(5);
  });

  it('measures where neither metrics library is installed, and says what it can measure with', () => {
    const { status, stdout, stderr } = installed.text(`
      import { withMemoryGuard } from 'nexa-memory-guard';
      import { guardMetrics } from 'nexa-memory-guard/metrics';
      const { guard } = withMemoryGuard({ loadModel() {} });
      try { guardMetrics(guard, {}); } catch (error) { console.log(error.code, error.message); }
      guard.close();
    `);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^ERR_INVALID_OPTION Expected `target` to be the module `prom-client`, or a meter/);
  });

  it('runs a model in a process of its own from a bundle beside it, and from one that was carried away', async () => {
    const files = makeTinyModels();
    const elsewhere = mkdtempSync(join(tmpdir(), 'nexa-bundle-'));
    const unlink = installed.linkEngine();
    onTestFinished(() => {
      unlink();
      rmSync(elsewhere, { recursive: true, force: true });
      files.remove();
    });
    copyFileSync(join(ROOT, 'test/package/programs/isolated.mjs'), join(installed.project, 'isolated.mjs'));
    const external = ['@fugood/llama.node'];
    const input = join(installed.project, 'isolated.mjs');
    const bundle = await rolldown({ input, cwd: installed.project, platform: 'node', external });
    const inPlace = join(installed.project, 'bundle.mjs');
    await bundle.write({ file: inPlace, codeSplitting: false });
    await bundle.close();
    expect(readFileSync(inPlace, 'utf8')).not.toMatch(/from ['"]nexa-memory-guard/);
    const done = { status: 0, stderr: '', stdout: '{"own":true,"text":true,"left":false}\n' };
    expect(installed.run('node', [inPlace, files.model()])).toMatchObject(done);

    const away = join(elsewhere, 'bundle.mjs');
    cpSync(inPlace, away);
    mkdirSync(join(elsewhere, 'node_modules'));
    symlinkSync(join(ROOT, 'node_modules/@fugood'), join(elsewhere, 'node_modules/@fugood'));
    const lost = installed.run('node', [away, files.model()]);
    expect(lost.status).toBe(1);
    expect(lost.stderr).toMatch(/ERR_RUNTIME_NOT_FOUND/);
    expect(lost.stderr).toContain("`external: ['nexa-memory-guard']`");
    const child = join(elsewhere, 'model.js');
    cpSync(join(installed.project, 'node_modules/nexa-memory-guard/dist/child.js'), child);
    const off = { NEXA_MEMORY_GUARD_ADDON: 'off' };
    expect(installed.run('node', [away, files.model(), child], off)).toMatchObject(done);
  });

  it('brings examples that run a model of the user, and say that they need one', () => {
    const files = makeTinyModels();
    const unlink = installed.linkEngine();
    onTestFinished(() => {
      unlink();
      files.remove();
    });
    const example = join(installed.project, 'node_modules/nexa-memory-guard/examples/embedded.mjs');
    const { status, stdout } = installed.run('node', [example, files.model()]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^llama .* of headroom\n/);
    const none = installed.run('node', [example]);
    expect(none.status).toBe(1);
    expect(none.stderr).toContain('Expected the path or the name of a model as the first argument, found none.');
  });

  it('says what to install where the engine is missing', () => {
    const { status, stdout } = installed.text(`
      import { NexaSDK } from 'nexa-memory-guard';
      await NexaSDK.initialize().catch((error) => console.log(error.code, error.message));
    `);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ERR_RUNTIME_NOT_FOUND .*npm install @fugood\/llama\.node/);
  });
});
