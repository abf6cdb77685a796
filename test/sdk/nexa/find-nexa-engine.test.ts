import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { LayoutName } from '../../../src/addon/nexa-binding.ts';
import { findNexaEngine } from '../../../src/sdk/nexa/find-nexa-engine.ts';

/** Where the engine of a library lies that has these files below its folder, by names below that. */
async function find(layout: LayoutName, files: readonly string[], environment: (folder: string) => NodeJS.ProcessEnv) {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-engine-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  const found = await findNexaEngine({ path: join(folder, 'libgeniex.so'), layout }, environment(folder));
  return found && (JSON.parse(JSON.stringify(found).replaceAll(`${folder}/`, '')) as typeof found);
}

const names = ['libggml-base.so', 'libggml-cpu.so', 'libggml.so', 'libllama.so', 'libmtmd.so', 'libllama-common.so'];
const GENIEX = names.map((name) => `llama_cpp/${name}`);
const OLD = ['libggml-base.so', 'libggml.so', 'libggml-cpu.so', 'libnexa_cpu_gpu.so'].map(
  (name) => `common/lib/${name}`,
);

test.each(['geniex-0.3', 'geniex-0.5'] as const)('%s has its llama.cpp beside its plugin', async (layout) => {
  expect(await find(layout, GENIEX, () => ({}))).toEqual({ libraries: GENIEX.slice(0, 5) });
  const few = ['llama_cpp/libggml-base.so', 'llama_cpp/libggml.so', 'llama_cpp/libllama.so'];
  expect(await find(layout, few, () => ({}))).toEqual({ libraries: few });
});

test('the older generation has another, whose part that computes is chosen by the processor', async () => {
  expect(await find('nexa-1.0', OLD, () => ({}))).toEqual({
    libraries: ['common/lib/libggml-base.so', 'common/lib/libggml.so', 'common/lib/libnexa_cpu_gpu.so'],
    backends: 'common/lib',
  });
});

test('where the program says that plugins lie elsewhere, the engine does too', async () => {
  const below = OLD.map((name) => `other/${name}`);
  const elsewhere = (name: string) => (folder: string) => ({ [name]: join(folder, 'other') });
  for (const name of ['NEXA_PLUGIN_PATH', 'GENIEX_PLUGIN_PATH']) {
    expect(await find('nexa-1.0', below, elsewhere(name))).toMatchObject({ backends: 'other/common/lib' });
  }
  expect(await find('nexa-1.0', below, () => ({}))).toBeUndefined();
});

test('a library without it, or with a part of it, has none', async () => {
  expect(await find('geniex-0.5', [], () => ({}))).toBeUndefined();
  expect(await find('geniex-0.5', GENIEX.slice(0, 3), () => ({}))).toBeUndefined();
  expect(await find('nexa-1.0', OLD.slice(0, 3), () => ({}))).toBeUndefined();
});
