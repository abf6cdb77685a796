/** Models by the names of Nexa's own tools, in folders laid out as those tools lay them out. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readRepositoryName } from '../../src/model-files/repository-name.ts';
import { findModel, resolveModel } from '../../src/model-files/resolve-model.ts';
import { nexaAdapter } from '../../src/sdk/nexa-adapter.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'nexa-cache-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});

const REPOSITORY = 'NexaAI/Qwen2-Audio-7B-GGUF';
const at = (file: string) => join(cache, file);

/** Empty files: names decide. */
function lay(folder: string, ...files: string[]): void {
  for (const file of files) {
    mkdirSync(dirname(at(join(folder, file))), { recursive: true });
    writeFileSync(at(join(folder, file)), '');
  }
}

const file = (Name: string, Downloaded = true) => ({ Name, Downloaded, Size: 1 });

function manifest(path: string, content: object | string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), typeof content === 'string' ? content : JSON.stringify(content));
}

describe('a repository', () => {
  test.each([
    ['models/NexaAI/Qwen2-Audio-7B-GGUF', 'GENIEX_DATADIR'],
    ['models/NexaAI/Qwen2-Audio-7B-GGUF', 'NEXA_DATADIR'],
    ['nexa_sdk/models/NexaAI/Qwen2-Audio-7B-GGUF', 'NEXA_DATADIR'],
    ['NexaAI/Qwen2-Audio-7B-GGUF', 'NEXA_DATADIR'],
    [`models/${Buffer.from(REPOSITORY).toString('base64')}`, 'NEXA_DATADIR'],
  ])('is found in %s of $%s', async (folder, variable) => {
    lay(folder, 'Qwen2-Audio-7B.Q4_K_M.gguf', 'mmproj-Qwen2-Audio-7B.f16.gguf');
    vi.stubEnv(variable, cache);
    expect(await resolveModel(REPOSITORY)).toEqual({
      name: REPOSITORY,
      modelPath: at(`${folder}/Qwen2-Audio-7B.Q4_K_M.gguf`),
      projectorPath: at(`${folder}/mmproj-Qwen2-Audio-7B.f16.gguf`),
      quantization: 'Q4_K_M',
    });
  });

  test('may name its quantization, which the option overrides', async () => {
    lay(`models/${REPOSITORY}`, 'm-Q4_0.gguf', 'm-Q4_K_M.gguf', 'm-Q5_K_M.gguf');
    const modelsDir = cache;
    const describedPath = async (name: string, quantization?: string) =>
      (await resolveModel(name, { modelsDir, quantization })).modelPath.split('/').at(-1);
    expect(await describedPath(`${REPOSITORY}:Q5_K_M`)).toBe('m-Q5_K_M.gguf');
    expect(await describedPath(`${REPOSITORY}:q4_0`)).toBe('m-Q4_0.gguf');
    expect(await describedPath(`${REPOSITORY}:Q5_K_M`, 'Q4_0')).toBe('m-Q4_0.gguf');
    expect([...(await findModel(REPOSITORY, { modelsDir })).steps.keys()]).toEqual(['Q5_K_M', 'Q4_K_M', 'Q4_0']);
    await expect(describedPath(`${REPOSITORY}:Q8_0`)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    await expect(describedPath(`${REPOSITORY}:none`)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_QUANTIZATION' });
  });

  test('has split models in folders of their quantizations, and nothing in others', async () => {
    lay(`models/${REPOSITORY}`, 'm-Q4_0.gguf');
    lay(`models/${REPOSITORY}/BF16`, 'm-BF16-00001-of-00002.gguf');
    lay(`models/${REPOSITORY}/MTP`, 'm-Q8_0.gguf');
    expect([...(await findModel(REPOSITORY, { modelsDir: cache })).steps.keys()]).toEqual(['BF16', 'Q4_0']);
  });

  test('is a ladder for the guard, from the quantization that its name ends in', async () => {
    lay(`models/${REPOSITORY}`, 'm-Q4_0.gguf', 'm-Q4_K_M.gguf', 'm-Q5_K_M.gguf');
    const adapter = nexaAdapter(cache);
    expect(adapter.readRequest([`${REPOSITORY}:Q4_K_M`]).quantization).toBe('Q4_K_M');
    expect(adapter.readRequest([REPOSITORY]).quantization).toBeUndefined();
    const offers = await adapter.listOffers?.([`${REPOSITORY}:Q5_K_M`]);
    expect(offers?.map(({ quantization }) => quantization)).toEqual(['Q5_K_M', 'Q4_K_M', 'Q4_0']);
  });

  test('that was never pulled says where it was looked for, and how to pull it', async () => {
    await expect(resolveModel('NexaAI/none', { modelsDir: cache })).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_MODEL',
      message: `Found no model 'NexaAI/none' in ${JSON.stringify(cache)}, where the SDK's tools keep them. Pull it with \`nexa pull NexaAI/none\` or \`geniex pull NexaAI/none\`, or pass \`modelsDir\` or the path of a .gguf file.`,
    });
  });
});

describe('a manifest', () => {
  test.each(['nexa.manifest', 'geniex.json'])('%s says which files a repository has', async (name) => {
    const folder = `models/${REPOSITORY}`;
    manifest(`${folder}/${name}`, {
      Name: REPOSITORY,
      ModelName: 'qwen2-audio',
      PluginId: 'llama_cpp',
      ModelFile: { Q4_0: file('weights.gguf'), Q5_K_M: file('gone.gguf', false), 'N/A': file('x.bin') },
      MMProjFile: file('ear.gguf'),
      TokenizerFile: null,
    });
    lay(folder, 'other-Q4_K_M.gguf');
    expect(await resolveModel(REPOSITORY, { modelsDir: cache })).toEqual({
      name: REPOSITORY,
      modelPath: at(`${folder}/weights.gguf`),
      projectorPath: at(`${folder}/ear.gguf`),
      quantization: 'Q4_0',
    });
    expect([...(await findModel(REPOSITORY, { modelsDir: cache })).steps.keys()]).toEqual(['Q4_0']);
  });

  test('may leave quantizations to file names, and have no projector', async () => {
    const folder = `models/${REPOSITORY}`;
    manifest(`${folder}/nexa.manifest`, { ModelFile: { other: file('m-Q4_0.gguf') }, MMProjFile: null });
    expect(await resolveModel(REPOSITORY, { modelsDir: cache })).toEqual({
      name: REPOSITORY,
      modelPath: at(`${folder}/m-Q4_0.gguf`),
      quantization: 'Q4_0',
    });
  });

  test.each([['{'], ['null'], ['[]'], ['{"ModelFile":{"Q4_0":{"Name":"../../x-Q4_0.gguf"}}}'], ['{"ModelFile":null}']])(
    'that is damaged or leads elsewhere names no file: %s',
    async (content) => {
      const folder = `models/${REPOSITORY}`;
      manifest(`${folder}/nexa.manifest`, content);
      await expect(resolveModel(REPOSITORY, { modelsDir: cache })).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    },
  );
});

describe('a name', () => {
  test.each([
    ['NexaAI/Qwen2-Audio', { repository: 'NexaAI/Qwen2-Audio' }],
    ['a/b:Q4_0', { repository: 'a/b', quantization: 'Q4_0' }],
    ['a/b.gguf', undefined],
    ['./a/b', undefined],
    ['../b', undefined],
    ['/a/b', undefined],
    ['a/b/c', undefined],
    ['qwen2audio', undefined],
    ['a/b:', undefined],
  ])('%j is %j', (name, expected) => {
    expect(readRepositoryName(name)).toEqual(expected);
  });

  test('that is a file is a path', async () => {
    lay('a', 'b');
    const before = process.cwd();
    process.chdir(cache);
    try {
      expect((await resolveModel('a/b')).modelPath).toBe(join(process.cwd(), 'a/b'));
    } finally {
      process.chdir(before);
    }
  });
});
