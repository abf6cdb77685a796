/** The program of docs/spawn.md as it is written there: it compiles, and runs with a real server under the name of the one that it starts. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTinyModels } from '../support/tiny-models.ts';

const ROOT = join(import.meta.dirname, '../..');
const [, snippet = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(join(ROOT, 'docs/spawn.md'), 'utf8')) ?? [];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-spawn-document-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** `llama-server -m MODEL -c TOKENS --port PORT`, for the server of tools/. */
function writeServer(): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const server = join(bin, 'llama-server');
  const model = join(ROOT, 'tools/model-server.mjs');
  const line = `exec ${process.execPath} ${model} "$2" --context "$4" --port "$6" >/dev/null 2>&1`;
  writeFileSync(server, `#!/bin/sh\n${line}\n`);
  chmodSync(server, 0o755);
  return bin;
}

it('the documented program is of the types of the package', () => {
  writeFileSync(join(folder, 'snippet.mts'), snippet);
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
    paths: { 'nexa-memory-guard': [join(ROOT, 'dist/index.d.ts')] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['snippet.mts'] }));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const compile = () => spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' }).stdout;
  expect(compile()).toBe('');
  writeFileSync(join(folder, 'snippet.mts'), snippet.replace('keepAliveMs: ', 'keepAlive: '));
  expect(compile()).toMatch(/keepAlive/);
}, 60_000);

it.runIf(process.platform === 'linux')('the documented program starts a server, talks to it, and ends', async () => {
  const files = makeTinyModels();
  mkdirSync(join(folder, 'models'));
  copyFileSync(files.model('Q4_K_M'), join(folder, 'models/qwen2audio-Q4_K_M.gguf'));
  files.remove();
  const door = JSON.stringify(join(ROOT, 'dist/index.js'));
  const program = snippet.replace("'nexa-memory-guard'", door).replaceAll('8080', String(await findPort()));
  expect(program).not.toBe(snippet);
  // The machine of a test may have less free than the guard keeps by default.
  const spared = program.replace('initialize())', 'initialize(), { minFreeBytes: 0, minFreeRatioAfterLoad: 0 })');
  writeFileSync(join(folder, 'program.mjs'), spared);
  const env = { ...process.env, NODE_OPTIONS: '', PATH: `${writeServer()}${delimiter}${process.env['PATH']}` };
  const options = { cwd: folder, env, encoding: 'utf8', timeout: 25_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['program.mjs'], options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.trim().length).toBeGreaterThan(0);
});
