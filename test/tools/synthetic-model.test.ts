/** The models that other tests rely on are what they say: real lengths, repeatable, and sparse if they are large. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import {
  fullLanguage,
  fullProjector,
  writeAudioProjector,
  writeLanguageModel,
  writeTone,
} from '../../tools/synthetic-model.mjs';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-synthetic-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Bytes as published for Qwen2-Audio 7B: 4.54 GB as Q4_0, 4.79 GB as Q4_K_M. */
test.each([
  ['Q4_0', 4_532_032_320],
  ['Q4_K_M', 4_787_229_504],
  ['Q5_K_M', 5_552_886_592],
] as const)('the full shape in %s has its length and takes no disk', async (quantization, fileBytes) => {
  const file = join(folder, 'full.gguf');
  const written = writeLanguageModel(file, { ...fullLanguage, quantization });
  expect(written.fileBytes).toBe(fileBytes);
  const stats = statSync(file);
  expect(stats.size).toBe(fileBytes);
  expect(stats.blocks * 512).toBeLessThan(8 * 2 ** 20);
  const header = await readGguf(file);
  expect(header).toMatchObject({ architecture: 'qwen2', tensorBytes: written.tensorBytes });
});

test('the full projector says what it is', async () => {
  const file = join(folder, 'mmproj.gguf');
  const written = writeAudioProjector(file, fullProjector);
  const header = await readGguf(file);
  expect(header).toMatchObject({ architecture: 'clip', type: 'mmproj', tensorBytes: written.tensorBytes });
  expect(written.tensorBytes / 2 ** 20).toBeCloseTo(1229.5, 0);
});

test('the same shape is the same file, and noise is not zeros', () => {
  const digests = ['a.gguf', 'b.gguf'].map((name) => {
    writeLanguageModel(join(folder, name), { quantization: 'Q4_K_M' });
    return createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
  });
  expect(digests[0]).toBe(digests[1]);
  writeLanguageModel(join(folder, 'c.gguf'), { quantization: 'Q4_K_M', random: false });
  expect(
    createHash('sha256')
      .update(readFileSync(join(folder, 'c.gguf')))
      .digest('hex'),
  ).not.toBe(digests[0]);
});

test('refuses a width that the type cannot hold', () => {
  const shape = { hidden: 128, quantization: 'Q4_K_M' } as const;
  expect(() => writeLanguageModel(join(folder, 'narrow.gguf'), shape)).toThrow(
    'token_embd.weight: Q4_K needs rows of a multiple of 256, got 128.',
  );
});

test('a tone is a WAV of its length', () => {
  const file = join(folder, 'tone.wav');
  expect(writeTone(file, 0.5)).toEqual({ fileBytes: 44 + 16_000 });
  expect(readFileSync(file).toString('latin1', 0, 12)).toMatch(/^RIFF....WAVE$/s);
});
