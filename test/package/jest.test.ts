/**
 * The packed package in Jest: its registry, its realm, and whether it ends while guards and models are left open. Jest comes by `npm install --no-save` in
 * test/package/bundlers; without it these tests count as skipped.
 */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';
import { Installed, ROOT } from './installed.ts';

const JEST = fileURLToPath(new URL('bundlers/node_modules/jest/bin/jest.js', import.meta.url));
const there = process.platform === 'linux' && existsSync(JEST);
if (!there)
  console.log('skipped: the package in Jest; npm install --no-save in test/package/bundlers brings it, on Linux');

describe.skipIf(!there)('in Jest', { timeout: 90_000 }, () => {
  let installed: Installed;
  let models: TinyModels;
  beforeAll(() => {
    installed = new Installed();
    models = makeTinyModels();
    installed.linkEngine();
  }, 120_000);
  afterAll(() => {
    installed.remove();
    models.remove();
  });

  function runJest(file: string, flags: readonly string[] = []) {
    const config = join(installed.project, 'jest.config.json');
    const { project: rootDir } = installed;
    writeFileSync(
      config,
      JSON.stringify({ rootDir, testMatch: [`**/${file}`], testEnvironment: 'node', transform: {} }),
    );
    return installed.run('node', [...flags, JEST, '--config', config, '--runInBand'], { MODEL: models.model() });
  }

  it('guards, counts over its registries, loads, and keeps no run from ending', () => {
    const name = 'guarded.jest.mjs';
    copyFileSync(join(ROOT, 'test/package/programs', name), join(installed.project, name));
    const { status, stderr } = runJest(name, ['--experimental-vm-modules', '--no-warnings']);
    expect(stderr).toMatch(/^Tests: +2 passed, 2 total$/m);
    expect(stderr).not.toMatch(/did not exit|open handle/);
    expect(status).toBe(0);
  });

  it('is loaded by `import()` in a test that is CommonJS', () => {
    const text = `test('it', async () => {
      const { createMemoryGuard } = await import('nexa-memory-guard');
      expect(createMemoryGuard().ledger.kind).toBe('shared');
    });`;
    writeFileSync(join(installed.project, 'common.jest.cjs'), text);
    const { status, stderr } = runJest('common.jest.cjs', ['--experimental-vm-modules', '--no-warnings']);
    expect(stderr).toMatch(/^Tests: +1 passed, 1 total$/m);
    expect(status).toBe(0);
  });
});
