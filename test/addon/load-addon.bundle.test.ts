/** Where the addon of a bundled program is looked for: the bundle holds the module that looks, at a place of the program's choice. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { describe, expect, it, onTestFinished } from 'vitest';
import { namePrebuildFolder } from '../../src/addon/load-addon.ts';

const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const BUILT = join(ROOT, 'build/Release/nexa_memory_guard.node');
const COMPILED = join(ROOT, 'lib/sensors/open-reader.js');
const ready = process.platform === 'linux' && existsSync(BUILT) && existsSync(COMPILED);
if (!ready) console.warn('Bundles are not tested: npm run compile, on Linux.');

const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
const PREBUILT = join(
  'prebuilds',
  namePrebuildFolder(process.platform, process.arch, header.glibcVersionRuntime === undefined),
  'nexa-memory-guard.node',
);

/** A program's directory, with these files. */
function makeProgram(files: Record<string, object> = {}): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'nexa-memory-guard-bundle-')));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) write(join(directory, name), JSON.stringify(content));
  return directory;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

describe.skipIf(!ready)('a bundled program', () => {
  const entry = `import { openReader } from ${JSON.stringify(COMPILED)}; process.stdout.write(openReader().source);`;

  /** Returns what read memory in a bundle at `path`: `native` or `procfs`. */
  async function runBundle(program: string, path: string): Promise<string> {
    write(join(program, 'entry.mjs'), entry);
    const bundle = await rolldown({ input: join(program, 'entry.mjs'), platform: 'node' });
    await bundle.write({ file: join(program, path) });
    await bundle.close();
    return spawnSync(process.execPath, [join(program, path)], { encoding: 'utf8' }).stdout;
  }

  it.each(['bundle.mjs', 'dist/bundle.mjs', 'dist/server/bundle.mjs'])('at %s loads its own addon', async (path) => {
    const program = makeProgram({ 'package.json': { name: 'program' } });
    mkdirSync(dirname(join(program, PREBUILT)), { recursive: true });
    copyFileSync(BUILT, join(program, PREBUILT));
    expect(await runBundle(program, path)).toBe('native');
  });

  it('loads none if it brings none', async () => {
    const program = makeProgram({ 'package.json': { name: 'program' } });
    expect(await runBundle(program, 'dist/bundle.mjs')).toBe('procfs');
  });
});
