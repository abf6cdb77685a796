import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findProjector } from '../../src/model-files/find-projector.ts';
import { findModelFiles } from '../../src/model-files/model-folders.ts';
import { resolveModel } from '../../src/model-files/resolve-model.ts';

let modelsDir: string;
beforeEach(() => {
  modelsDir = mkdtempSync(join(tmpdir(), 'nexa-projectors-'));
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

describe('the projector beside a model', () => {
  test('is the one with its name', async () => {
    lay('m-Q4_0.gguf', 'other-Q4_0.gguf', 'mmproj-m.gguf', 'mmproj-other.gguf');
    expect(await findProjector(at('m-Q4_0.gguf'), [])).toBe(at('mmproj-m.gguf'));
  });

  test('may say no model if no other model lies there', async () => {
    lay('m-Q4_0.gguf', 'm-Q5_K_M.gguf', 'mmproj-model-f16.gguf');
    expect(await findProjector(at('m-Q4_0.gguf'), [])).toBe(at('mmproj-model-f16.gguf'));
    lay('other-Q4_0.gguf');
    expect(await findProjector(at('m-Q4_0.gguf'), [])).toBeUndefined();
  });

  test('lies above a split model that is in a folder of its quantization', async () => {
    lay('UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00002.gguf', 'm-Q4_0.gguf', 'mmproj-BF16.gguf', 'mmproj-F16.gguf');
    expect(await findProjector(at('UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00002.gguf'), [])).toBe(at('mmproj-F16.gguf'));
    lay('other-Q4_0.gguf');
    expect(await findProjector(at('UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00002.gguf'), [])).toBeUndefined();
  });

  test('is none in an empty folder, or in one that is not there', async () => {
    expect(await findProjector(at('m.gguf'), [])).toBeUndefined();
    expect(await findProjector('/nowhere/m.gguf', [])).toBeUndefined();
  });

  test('is also found for a file whose name does not end in .gguf', async () => {
    lay('sha256-abc', 'mmproj-sha256-abc.gguf');
    expect(await findProjector(at('sha256-abc'), [])).toBe(at('mmproj-sha256-abc.gguf'));
  });
});

describe('the projector in another folder', () => {
  test('is one that the manifest declares, whatever its name', async () => {
    lay('p/mmproj-something.gguf', 'm-Q4_0.gguf', 'mmproj-m.gguf');
    const [declared] = await findModelFiles(at('p'));
    const path = await findProjector(at('m-Q4_0.gguf'), [{ ...declared!, declared: true }]);
    expect(path).toBe(at('p/mmproj-something.gguf'));
    expect(await findProjector(at('m-Q4_0.gguf'), [declared!])).toBe(at('mmproj-m.gguf'));
  });
});

describe('the projector of a known model', () => {
  test('is found in another folder, and is never one of another model', async () => {
    lay('q/qwen2audio-Q4_0.gguf', 'q/mmproj-gemma-3.gguf', 'q/gemma-3-Q4_0.gguf', 'q/mmproj-model-f16.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir })).resolves.not.toHaveProperty('projectorPath');
    lay('p/mmproj-qwen2audio.gguf');
    await expect(resolveModel('qwen2audio', { modelsDir })).resolves.toMatchObject({
      projectorPath: at('p/mmproj-qwen2audio.gguf'),
    });
  });

  test('is the one with its own name first, then the one with the shorter name', async () => {
    lay('qwen2audio-Q4_0.gguf', 'mmproj-qwen2audio-7b-instruct.gguf', 'mmproj-qwen2audio-7b.gguf');
    const projector = async () => (await resolveModel('qwen2audio', { modelsDir })).projectorPath;
    expect(await projector()).toBe(at('mmproj-qwen2audio-7b.gguf'));
    lay('qwen2audio-mmproj-f16.gguf');
    expect(await projector()).toBe(at('qwen2audio-mmproj-f16.gguf'));
  });
});

describe('the projector of a path', () => {
  test('is none that bears the name of the model next to it', async () => {
    lay('qwen2-Q4_0.gguf', 'qwen2audio-Q4_0.gguf', 'mmproj-qwen2audio.gguf');
    await expect(resolveModel(at('qwen2-Q4_0.gguf'))).resolves.not.toHaveProperty('projectorPath');
    const audio = await resolveModel(at('qwen2audio-Q4_0.gguf'));
    expect(audio.projectorPath).toBe(at('mmproj-qwen2audio.gguf'));
  });
});
