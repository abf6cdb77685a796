import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { countTinyCache, makeTinyModel, TINY_WEIGHTS_BYTES } from '../../../src/footprint/engine/tiny-model.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';

test('the tiny model is a sound file of a few hundred kibibytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-tiny-model-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'tiny.gguf');
  writeFileSync(path, makeTinyModel());
  const { architecture, tensors, tensorBytes, fileBytes } = await readGguf(path);
  expect({ architecture, tensors: tensors.length }).toEqual({ architecture: 'gemma3', tensors: 80 });
  expect(tensorBytes).toBe(TINY_WEIGHTS_BYTES);
  expect(fileBytes).toBeLessThan(1_000_000);
  expect(tensors.find('blk.5.ffn_down.weight')?.dims).toEqual([96, 64]);
});

test('the cache of the tiny model is one layer of all cells and five of fewer', () => {
  expect(countTinyCache(4096, 512, 2, 2)).toBe((4096 + 5 * 512) * 32 * 4);
});
