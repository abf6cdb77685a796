import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { findChild } from '../../src/children/find-child.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-find-child-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

const write = (path: string, text = '') => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
  return join(folder, path);
};
const runFrom = (path: string) => [join(folder, path)];

test("of this package it is found from the sources, by their package's folder", () => {
  expect(findChild(undefined)).toBe(join(ROOT, 'dist/child.js'));
});

test('it is the one beside the module, then that of a copied package, of the program, and that in node_modules', () => {
  write('package.json', '{ "name": "app" }');
  const installed = write('node_modules/nexa-memory-guard/dist/child.js');
  write('node_modules/nexa-memory-guard/package.json', '{ "name": "nexa-memory-guard" }');
  expect(findChild(undefined, runFrom('out/bundle.js'))).toBe(installed);
  const own = write('dist/child.js');
  expect(findChild(undefined, runFrom('out/bundle.js'))).toBe(own);
  const copied = write('out/nexa-memory-guard/dist/child.js');
  expect(findChild(undefined, runFrom('out/bundle.js'))).toBe(copied);
  const beside = write('out/child.js');
  expect(findChild(undefined, runFrom('out/bundle.js'))).toBe(beside);
});

test('it is the one that is given, and no other', () => {
  const given = write('given.js');
  expect(findChild(given)).toBe(given);
  rmSync(given);
  expect(() => findChild(given)).toThrow(
    expect.objectContaining({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message: `Expected the program of a model's process at ${given}, found no file there; keep nexa-memory-guard out of your bundle by \`external: ['nexa-memory-guard']\`, or copy it beside your bundle (\`cp -rL node_modules/nexa-memory-guard <folder of the bundle>/\`), or pass the path of its dist/child.js as \`childPath\`, or choose \`isolation: 'none'\`.`,
    }),
  );
});

test('where there is none, every place is named once', () => {
  write('package.json', '{ "name": "app" }');
  expect(() => findChild(undefined, runFrom('dist/bundle.js'))).toThrow(
    `Expected the program of a model's process at ${join(folder, 'dist/child.js')} or ${join(folder, 'dist/nexa-memory-guard/dist/child.js')}, found no file there;`,
  );
});

test('code that knows no file of its own looks nowhere, and says so', () => {
  expect(() => findChild(undefined, [])).toThrow("Expected the program of a model's process at a known place,");
});

test('an application that is bundled into an empty folder is told what to pass, and runs with it, also by a copy', async () => {
  const files = makeTinyModels();
  onTestFinished(() => files.remove());
  const entry = write(
    'source/app.mjs',
    `import { NexaSDK } from ${JSON.stringify(join(ROOT, 'dist/index.js'))};
    const [, , childPath] = process.argv;
    try {
      const sdk = await NexaSDK.initialize({ runtime: 'llama', ...(childPath && { childPath }) });
      const model = await sdk.loadModel(${JSON.stringify(files.model())}, { contextSize: 256 });
      let text = '';
      for await (const piece of model.generate({ prompt: 'Hi', maxTokens: 4 })) text += piece;
      console.log(JSON.stringify({ pid: model.pid !== process.pid, tokens: model.lastResult.generatedTokens }));
      await sdk.dispose();
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message }));
    }`,
  );
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    external: ['@fugood/llama.node'],
    logLevel: 'silent',
  });
  await bundle.write({ file: join(folder, 'app/main.mjs'), format: 'esm', codeSplitting: false });
  await bundle.close();
  const run = (...args: string[]) =>
    JSON.parse(
      execFileSync(process.execPath, [join(folder, 'app/main.mjs'), ...args], {
        cwd: join(folder, 'app'),
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '' },
        timeout: 20_000,
      }),
    );
  expect(run()).toMatchObject({ code: 'ERR_RUNTIME_NOT_FOUND', message: expect.stringContaining('as `childPath`') });
  const child = join(ROOT, 'dist/child.js');
  expect(run(child)).toEqual({ pid: true, tokens: 4 });
  // It is one file by itself, and finds the engine where the application lies.
  const copy = join(folder, 'app/child.js');
  execFileSync('cp', [child, copy]);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'app/node_modules'));
  write('app/package.json', '{ "type": "module" }');
  expect(existsSync(copy)).toBe(true);
  expect(run()).toEqual({ pid: true, tokens: 4 });
}, 60_000);
