import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findModel, resolveModel } from '../../src/model-files/resolve-model.ts';

let modelsDir: string;
beforeEach(() => {
  modelsDir = mkdtempSync(join(tmpdir(), 'nexa-models-'));
});
afterEach(() => rmSync(modelsDir, { recursive: true, force: true }));

/** Empty files: names decide. */
function lay(...files: string[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(modelsDir, file)), { recursive: true });
    writeFileSync(join(modelsDir, file), '');
  }
}

const at = (file: string) => join(modelsDir, file);

describe('a known model', () => {
  test.each([
    ['qwen2audio-Q4_K_M.gguf', 'mmproj-qwen2audio.gguf'],
    ['Qwen2-Audio-7B-Instruct-Q4_K_M.gguf', 'mmproj-Qwen2-Audio-7B-Instruct-f16.gguf'],
    ['Qwen2-Audio-7B-Instruct.Q4_K_M.gguf', 'Qwen2-Audio-7B-Instruct.mmproj-f16.gguf'],
    ['qwen2-audio-7b-q4_k_m.gguf', 'MMPROJ-qwen2audio.GGUF'],
    ['Qwen2-Audio-7B-Q4_K_M-00001-of-00003.gguf', 'mmproj-model-f16.gguf'],
    ['models/NexaAI/Qwen2-Audio-7B-GGUF/Q4_K_M.gguf', 'models/NexaAI/Qwen2-Audio-7B-GGUF/mmproj.gguf'],
  ])('is found as %s with %s', async (model, projector) => {
    lay(model, projector, 'notes.txt');
    await expect(resolveModel('qwen2audio', { modelsDir })).resolves.toEqual({
      name: 'qwen2audio',
      modelPath: at(model),
      projectorPath: at(projector),
      quantization: 'Q4_K_M',
    });
  });

  test('is known by its name in other letters', async () => {
    lay('qwen2audio-Q4_0.gguf');
    await expect(resolveModel('Qwen2-Audio', { modelsDir })).resolves.toMatchObject({ name: 'qwen2audio' });
  });

  test('comes in the quantization that was asked for, in any letters', async () => {
    lay('qwen2audio-Q4_0.gguf', 'qwen2audio-Q4_K_M.gguf', 'qwen2audio-Q5_K_M.gguf');
    for (const quantization of ['Q4_0', 'Q5_K_M']) {
      const found = await resolveModel('qwen2audio', { modelsDir, quantization: quantization.toLowerCase() });
      expect(found).toEqual({ name: 'qwen2audio', modelPath: at(`qwen2audio-${quantization}.gguf`), quantization });
    }
  });

  test('comes in the documented default, else in what is there', async () => {
    lay('qwen2audio-Q8_0.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir })).resolves.toMatchObject({ quantization: 'Q8_0' });
    lay('qwen2audio-Q5_K_M.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir })).resolves.toMatchObject({ quantization: 'Q5_K_M' });
    lay('qwen2audio-Q4_0.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir })).resolves.toMatchObject({ quantization: 'Q4_0' });
  });

  test('may be a file that names no quantization', async () => {
    lay('qwen2audio.gguf');
    const found = await resolveModel('qwen2audio', { modelsDir });
    expect(found).toEqual({ name: 'qwen2audio', modelPath: at('qwen2audio.gguf') });
  });

  test('takes the shorter of two names and the first of two folders', async () => {
    lay('a/qwen2audio-7b-instruct-Q4_0.gguf', 'a/qwen2audio-Q4_0.gguf', 'b/qwen2audio.Q4_0.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir })).resolves.toMatchObject({
      modelPath: at('a/qwen2audio-Q4_0.gguf'),
    });
  });

  test('takes the projector that was given, unseen', async () => {
    lay('qwen2audio-Q4_0.gguf', 'mmproj-qwen2audio.gguf');
    const found = await resolveModel('qwen2audio', { modelsDir, projectorPath: 'mine.gguf' });
    expect(found.projectorPath).toBe(resolve('mine.gguf'));
  });

  test('that is not there names the folder, what lies there and what to do', async () => {
    await expect(resolveModel('qwen2audio', { modelsDir })).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_MODEL',
      message: `Found no file of the model 'qwen2audio' in ${JSON.stringify(modelsDir)}; there is no .gguf file at all. Put its .gguf files there, or pass \`modelsDir\` or the path of the file.`,
    });
    lay(...Array.from({ length: 8 }, (_, index) => `llama-${index}.gguf`), 'mmproj-qwen2audio.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir })).rejects.toThrow(
      'there lie "llama-0.gguf", "llama-1.gguf", "llama-2.gguf", "llama-3.gguf", "llama-4.gguf", "llama-5.gguf" and 3 more.',
    );
  });

  test('in a quantization that is not there names the files that are', async () => {
    lay('qwen2audio-Q4_0.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir, quantization: 'Q5_K_M' })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: `Expected a file of 'qwen2audio' in Q5_K_M, such as "qwen2audio-Q5_K_M.gguf"; found only ${JSON.stringify(at('qwen2audio-Q4_0.gguf'))}.`,
    });
  });

  test('lists its quantizations', async () => {
    lay('qwen2audio-Q4_0.gguf', 'qwen2audio-Q5_K_M.gguf', 'mmproj-qwen2audio-f16.gguf', 'llama-Q4_K_M.gguf');
    const found = (await findModel('qwen2audio', { modelsDir })).steps;
    expect([...found]).toEqual([
      ['Q5_K_M', at('qwen2audio-Q5_K_M.gguf')],
      ['Q4_0', at('qwen2audio-Q4_0.gguf')],
    ]);
  });
});

describe('a model that was found', () => {
  test('is resolved in every quantization from the files that were there then', async () => {
    lay('sub/qwen2audio-Q4_0.gguf', 'sub/qwen2audio-Q5_K_M.gguf');
    const found = await findModel('qwen2audio', { modelsDir });
    lay('qwen2audio-Q4_0.gguf');
    for (const quantization of ['Q4_0', 'Q5_K_M']) {
      const modelPath = at(`sub/qwen2audio-${quantization}.gguf`);
      expect(await found.resolve({ quantization })).toEqual({ name: 'qwen2audio', modelPath, quantization });
    }
    expect(await resolveModel('qwen2audio', { modelsDir, quantization: 'Q4_0' })).toMatchObject({
      modelPath: at('qwen2audio-Q4_0.gguf'),
    });
  });

  test('refuses what `resolveModel` refuses, and takes a projector of the caller’s', async () => {
    lay('qwen2audio-Q4_0.gguf');
    const { resolve } = await findModel('qwen2audio', { modelsDir });
    await expect(resolve({ quantization: 'Q5_K_M' })).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    await expect(resolve({ quantization: 'none' })).rejects.toMatchObject({ code: 'ERR_UNKNOWN_QUANTIZATION' });
    expect(await resolve({ projectorPath: at('p.gguf') })).toMatchObject({ projectorPath: at('p.gguf') });
  });
});

describe('a path', () => {
  test('is itself, with its quantization and the projector beside it', async () => {
    lay('sub/Other-3B.Q4_0.gguf', 'sub/mmproj-Other-3B.gguf');
    await expect(resolveModel(at('sub/Other-3B.Q4_0.gguf'))).resolves.toEqual({
      name: 'Other-3B.Q4_0',
      modelPath: at('sub/Other-3B.Q4_0.gguf'),
      projectorPath: at('sub/mmproj-Other-3B.gguf'),
      quantization: 'Q4_0',
    });
  });

  test('may name a file without .gguf or a projector, which the runtime judges', async () => {
    lay('mmproj-x.gguf');
    await expect(resolveModel(at('plain'))).resolves.toEqual({ name: 'plain', modelPath: at('plain') });
    await expect(resolveModel(at('mmproj-x.gguf'))).resolves.toEqual({
      name: 'mmproj-x',
      modelPath: at('mmproj-x.gguf'),
    });
  });

  test('has siblings by the same pattern only', async () => {
    lay('m-Q4_0.gguf', 'M-q5_k_m.gguf', 'm.Q4_K_M.gguf', 'other-Q8_0.gguf', 'sub/m-Q6_K.gguf');
    expect([...(await findModel(at('m-Q4_0.gguf'))).steps]).toEqual([
      ['Q5_K_M', at('M-q5_k_m.gguf')],
      ['Q4_0', at('m-Q4_0.gguf')],
    ]);
    expect((await findModel(at('unnamed.gguf'))).steps.size).toBe(0);
  });

  test('leads to the sibling that was asked for', async () => {
    lay('m-Q4_0.gguf', 'm-Q5_K_M.gguf');
    const found = await resolveModel(at('m-Q4_0.gguf'), { quantization: 'Q5_K_M' });
    expect(found).toMatchObject({ modelPath: at('m-Q5_K_M.gguf'), quantization: 'Q5_K_M' });
    const own = await resolveModel(at('m-Q4_0.gguf'), { quantization: 'Q4_0' });
    expect(own).toMatchObject({ modelPath: at('m-Q4_0.gguf') });
  });

  test('without that sibling names the file it looked for', async () => {
    lay('m-Q4_0.gguf');
    await expect(resolveModel(at('m-Q4_0.gguf'), { quantization: 'Q5_K_M' })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: `Expected ${JSON.stringify(at('m-Q5_K_M.gguf'))} beside the model, or the same name in other letters; found ${JSON.stringify(at('m-Q4_0.gguf'))}.`,
    });
    await expect(resolveModel(at('gone-Q4_0.gguf'), { quantization: 'Q5_K_M' })).rejects.toThrow(
      'found nothing beside it',
    );
  });

  test('that names no quantization has none to choose', async () => {
    lay('m.gguf');
    await expect(resolveModel(at('m.gguf'), { quantization: 'Q4_0' })).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_QUANTIZATION',
      message: expect.stringContaining('says no quantization, so Q4_0'),
    });
  });
});

describe('several files of one step', () => {
  const choose = async (path: string, quantization?: string) =>
    (await resolveModel(at(path), quantization === undefined ? {} : { quantization })).modelPath.slice(
      modelsDir.length + 1,
    );

  test('are told apart by what is asked for', async () => {
    lay('m-Q8_0.gguf', 'm-Q4_K_M.gguf', 'm-Q4_K_L.gguf', 'm-UD-Q4_K_XL.gguf');
    for (const [asked, file] of [
      ['Q4_K_M', 'm-Q4_K_M.gguf'],
      ['q4_k_l', 'm-Q4_K_L.gguf'],
      ['UD-Q4_K_XL', 'm-UD-Q4_K_XL.gguf'],
      ['UD-Q4_K_M', 'm-UD-Q4_K_XL.gguf'],
      ['Q4_K', 'm-Q4_K_M.gguf'],
    ]) {
      expect([asked, await choose('m-Q8_0.gguf', asked)]).toEqual([asked, file]);
    }
  });

  test('give a path its own file, and steps that were made as it was', async () => {
    lay('m-UD-Q4_K_XL.gguf', 'm-Q4_K_M.gguf', 'm-Q2_K.gguf', 'm-UD-Q2_K_XL.gguf');
    expect(await choose('m-UD-Q4_K_XL.gguf')).toBe('m-UD-Q4_K_XL.gguf');
    const { steps } = await findModel(at('m-UD-Q4_K_XL.gguf'));
    expect([...steps]).toEqual([
      ['Q4_K_M', at('m-UD-Q4_K_XL.gguf')],
      ['Q2_K', at('m-UD-Q2_K_XL.gguf')],
    ]);
  });
});

describe('several models in one folder', () => {
  test('are never steps of one another', async () => {
    lay(
      'Qwen3-0.6B-Q8_0.gguf',
      'Qwen3-0.6B-Q4_0.gguf',
      'Qwen3-8B-Q6_K.gguf',
      'Qwen3-8B-Q3_K_M.gguf',
      'mtp-Qwen3-8B-Q4_0.gguf',
    );
    expect([...(await findModel(at('Qwen3-8B-Q6_K.gguf'))).steps.keys()]).toEqual(['Q6_K', 'Q3_K_M']);
    expect([...(await findModel(at('Qwen3-0.6B-Q4_0.gguf'))).steps.keys()]).toEqual(['Q8_0', 'Q4_0']);
  });

  test('leave a name its shortest one, or the one that has what is asked for', async () => {
    lay('qwen2audio-Q8_0.gguf', 'draft-qwen2audio-Q4_0.gguf', 'qwen2audio-instruct-Q2_K.gguf');
    expect((await resolveModel('qwen2audio', { modelsDir })).modelPath).toBe(at('qwen2audio-Q8_0.gguf'));
    const asked = await resolveModel('qwen2audio', { modelsDir, quantization: 'Q2_K' });
    expect(asked.modelPath).toBe(at('qwen2audio-instruct-Q2_K.gguf'));
  });
});

describe('the steps of a name that several models have', () => {
  test('are those that the name leads to: the file that was judged is the one that is loaded', async () => {
    lay(
      'qwen2audio-Q4_0.gguf',
      'qwen2audio-instruct-Q8_0.gguf',
      'qwen2audio-instruct-Q5_0.gguf',
      'qwen2audio-instruct-Q4_0.gguf',
    );
    const { steps } = await findModel('qwen2audio', { modelsDir, quantization: 'Q8_0' });
    expect([...steps.keys()]).toEqual(['Q8_0', 'Q5_0']);
    for (const [quantization, path] of steps) {
      expect((await resolveModel('qwen2audio', { modelsDir, quantization })).modelPath).toBe(path);
    }
    expect([...(await findModel('qwen2audio', { modelsDir })).steps.keys()]).toEqual(['Q4_0']);
  });
});

describe('what is no model', () => {
  test.each(['llama3', '', ' ', 'a\0b', 42, undefined])('refuses %j', async (name) => {
    for (const call of [resolveModel(name as string), findModel(name as string)]) {
      await expect(call).rejects.toMatchObject({
        code: 'ERR_UNKNOWN_MODEL',
        message: expect.stringContaining('Expected a known model (qwen2audio) or the path of a .gguf file, got '),
      });
    }
  });

  test('refuses a quantization that nothing has', async () => {
    await expect(resolveModel('qwen2audio', { modelsDir, quantization: 'Q4' })).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_QUANTIZATION',
      message: "Expected `quantization` to be one such as Q4_0, Q4_K_M or Q5_K_M, got 'Q4' (string).",
    });
  });
});

describe('where models are looked for', () => {
  test('is where a load without a folder looks', async () => {
    lay('qwen2audio-Q4_0.gguf');
    vi.stubEnv('NEXA_DATADIR', modelsDir);
    await expect(resolveModel('qwen2audio')).resolves.toMatchObject({ modelPath: at('qwen2audio-Q4_0.gguf') });
    vi.unstubAllEnvs();
  });
});
