import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findLlamaNodeFiles, findNodeLlamaCppFiles } from '../../src/adapters/find-engine-files.ts';

const MODULE = new URL('../../lib/adapters/find-engine-files.js', import.meta.url).href;
const linux = process.platform === 'linux';

/** What a program finds that lies in another folder. `files` are written beside it. */
function findFrom(files: readonly string[], call: string): unknown {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'nexa-engine-files-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  const program = join(folder, 'program.mjs');
  writeFileSync(
    program,
    `import * as find from ${JSON.stringify(MODULE)}; console.log(JSON.stringify(${call}) ?? 'null');`,
  );
  const found = execFileSync(process.execPath, [program], { cwd: folder, encoding: 'utf8' });
  return JSON.parse(found.replaceAll(folder, ''));
}

test.runIf(linux)('the libraries that are installed are found', async () => {
  const llamaNode = await findLlamaNodeFiles();
  expect(llamaNode?.libraries.map((path) => basename(path))).toEqual(['index.node']);
  const { libraries = [], backends = '' } = (await findNodeLlamaCppFiles()) ?? {};
  expect(libraries.map((path) => basename(path))).toEqual([
    'libggml-base.so',
    expect.stringMatching(/^libggml\.[vb]/),
    expect.stringMatching(/^libllama\.[vb]/),
  ]);
  expect(dirname(libraries[0]!)).toBe(backends);
});

const part = `node-llama-${process.platform}-${process.arch}`;

test.runIf(linux)('a program has its own engine, and the variant that it asks for', () => {
  const own = ['node_modules/@fugood/llama.node/package.json'];
  const files = (variant: string) =>
    [`package.json`, 'index.node'].map((file) => `node_modules/@fugood/${part}${variant}/${file}`);
  const all = [...own, ...files(''), ...files('-vulkan')];
  const library = (variant: string) => ({ libraries: [`/node_modules/@fugood/${part}${variant}/index.node`] });
  expect(findFrom(all, 'await find.findLlamaNodeFiles()')).toEqual(library(''));
  expect(findFrom(all, "await find.findLlamaNodeFiles('default')")).toEqual(library(''));
  expect(findFrom(all, "await find.findLlamaNodeFiles('vulkan')")).toEqual(library('-vulkan'));
});

test.runIf(linux)('an engine that lacks a part is not found', () => {
  const system = `linux-${process.arch}`;
  const engine = 'node_modules/node-llama-cpp/package.json';
  const bins = `node_modules/@node-llama-cpp/${system}`;
  const files = [
    engine,
    `${bins}/package.json`,
    `${bins}/bins/${system}/libggml-base.so`,
    `${bins}/bins/${system}/libggml.b1.so`,
  ];
  expect(findFrom(files, 'await find.findNodeLlamaCppFiles()')).toBeNull();
  const whole = [...files, `${bins}/bins/${system}/libllama.b1.so`, `${bins}/bins/${system}/libllama-common.so`];
  expect(findFrom(whole, 'await find.findNodeLlamaCppFiles()')).toMatchObject({ backends: `/${bins}/bins/${system}` });
});

test.runIf(linux)('a library that the program has loaded is the one that is asked', () => {
  const load = `(process.dlopen({ exports: {} }, ${JSON.stringify(realpathSync(fileURLToPath(new URL(`../../node_modules/@fugood/${part}/index.node`, import.meta.url))))}), await find.findLlamaNodeFiles())`;
  expect(findFrom([], load)).toEqual({ libraries: [expect.stringMatching(/node_modules\/@fugood\/.*\/index\.node$/)] });
});

test.runIf(linux)('an engine whose folder can’t be listed is not found', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'nexa-engine-files-')));
  const main = vi.spyOn(process, 'argv', 'get').mockReturnValue([process.execPath, join(folder, 'program.mjs')]);
  onTestFinished(() => {
    main.mockRestore();
    rmSync(folder, { recursive: true, force: true });
  });
  const system = `linux-${process.arch}`;
  for (const name of ['node-llama-cpp', `@node-llama-cpp/${system}`]) {
    mkdirSync(join(folder, 'node_modules', name, 'bins'), { recursive: true });
    writeFileSync(join(folder, 'node_modules', name, 'package.json'), '');
  }
  writeFileSync(join(folder, 'node_modules/@node-llama-cpp', system, 'bins', system), 'no folder');
  expect(await findNodeLlamaCppFiles()).toBeUndefined();
});
