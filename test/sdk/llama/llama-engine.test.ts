import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findEngine } from '../../../src/sdk/llama/llama-engine.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-engine-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('finds the engine and its version', async () => {
  const engine = await findEngine();
  expect(engine.version).toMatch(/^\d+\.\d+\.\d+ \(llama\.cpp b\d+\)$/);
  expect(engine.llama.loadModel).toBeTypeOf('function');
});

test('says what to install where it is not there', async () => {
  await expect(findEngine('@fugood/not.there')).rejects.toMatchObject({
    code: 'ERR_RUNTIME_NOT_FOUND',
    message:
      'The embedded runtime @fugood/not.there could not be imported; install it with `npm install @fugood/not.there`.',
    cause: { code: 'ERR_MODULE_NOT_FOUND' },
  });
});

test('says what to install where its native library is not there', async () => {
  const home = join(folder, 'engine');
  mkdirSync(home);
  writeFileSync(
    join(home, 'package.json'),
    '{ "name": "engine", "version": "1.0.0", "type": "module", "main": "index.js" }',
  );
  writeFileSync(
    join(home, 'index.js'),
    "export const BuildInfo = { number: '1' };\nexport const initLlama = async () => { throw new Error('no binary'); };\n",
  );
  const broken = findEngine(home, pathToFileURL(join(home, 'index.js')).href);
  await expect(broken).rejects.toMatchObject({
    code: 'ERR_RUNTIME_NOT_FOUND',
    message: expect.stringMatching(
      /^The native library of .* could not be loaded; install it with `npm install @fugood\/node-llama-\w+-\w+`\.$/,
    ),
    cause: { message: 'no binary' },
  });
});
