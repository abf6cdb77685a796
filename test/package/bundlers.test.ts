/**
 * A program with the packed package, bundled by what people bundle with: what it finds in place, carried away alone, and beside a copy of the
 * package. The bundlers come by `npm install --no-save` in test/package/bundlers; without them these tests count as skipped.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';
import { Installed, ROOT } from './installed.ts';

const BUNDLERS = fileURLToPath(new URL('bundlers', import.meta.url));
const there = process.platform === 'linux' && existsSync(join(BUNDLERS, 'node_modules'));
if (!there)
  console.log(
    'skipped: bundled programs; npm install --no-save in test/package/bundlers brings the bundlers, on Linux',
  );

const NAMES = ['esbuild', 'rolldown', 'vite', 'webpack'];
/** The formats into which the package goes, and the file that comes of it. */
const INSIDE = NAMES.flatMap((bundler) => [
  { bundler, format: 'esm', file: 'main.mjs' },
  { bundler, format: 'cjs', file: 'main.cjs' },
]);
const FOUND = { ledger: 'shared', source: 'native', own: true, text: true };

describe.skipIf(!there)('a bundled program', { timeout: 90_000 }, () => {
  let installed: Installed;
  let models: TinyModels;
  beforeAll(() => {
    installed = new Installed();
    models = makeTinyModels();
    installed.linkEngine();
    copyFileSync(join(ROOT, 'test/package/programs/bundled.mjs'), join(installed.project, 'bundled.mjs'));
  }, 120_000);
  afterAll(() => {
    installed.remove();
    models.remove();
  });

  const makeFolder = () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-bundled-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  /** Bundles in a project that has the package, and returns the file. */
  function bundle(folder: string, bundler: string, format: string, place: 'inside' | 'outside', name: string): string {
    const file = join(folder, 'out', name);
    cpSync(join(installed.project, 'bundled.mjs'), join(folder, 'bundled.mjs'));
    cpSync(join(installed.project, 'node_modules'), join(folder, 'node_modules'), { recursive: true });
    const args = [BUNDLERS, bundler, format, place, join(folder, 'bundled.mjs'), file];
    const { status, stderr } = installed.program('bundle.mjs', args);
    expect(status, stderr).toBe(0);
    return file;
  }

  function run(file: string): unknown {
    const { status, stdout, stderr } = installed.run('node', [file, models.model()]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  it.each(NAMES)('of %s that leaves the package outside shares its ledger and has models in processes', (name) => {
    expect(run(bundle(makeFolder(), name, 'esm', 'outside', 'main.mjs'))).toEqual(FOUND);
  });

  it.each(INSIDE)(
    'of $bundler, as $format, with the package inside: finds what is installed beside it, is told what to do where nothing is, and finds a copy',
    ({ bundler, format, file }) => {
      const built = makeFolder();
      const inPlace = bundle(built, bundler, format, 'inside', file);
      expect(run(inPlace)).toEqual(FOUND);

      const away = makeFolder();
      cpSync(join(built, 'out'), join(away, 'out'), { recursive: true });
      // A bundle may know the paths of the machine on which it was made.
      rmSync(built, { recursive: true });
      mkdirSync(join(away, 'node_modules'));
      symlinkSync(join(ROOT, 'node_modules/@fugood'), join(away, 'node_modules/@fugood'));
      const line = "`external: ['nexa-memory-guard']`";
      expect(run(join(away, 'out', file))).toEqual({
        guard: { code: 'ERR_LEDGER', message: expect.stringContaining(line) },
        child: { code: 'ERR_RUNTIME_NOT_FOUND', message: expect.stringContaining(line) },
        alone: 'process',
      });

      const copy = join(away, 'out/nexa-memory-guard');
      cpSync(join(installed.project, 'node_modules/nexa-memory-guard'), copy, { recursive: true });
      expect(run(join(away, 'out', file))).toEqual(FOUND);
    },
  );
});
