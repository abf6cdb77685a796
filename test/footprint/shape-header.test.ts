import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findPublishedShape } from '../../src/footprint/published-shapes.ts';
import { describeLanguageModel, describeProjector } from '../../src/footprint/shape-header.ts';
import { readGguf, type TensorKind } from '../../src/gguf/read-gguf.ts';
import { fullLanguage, fullProjector, writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';

const shape = findPublishedShape('qwen2audio')!;

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-shape-header-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** In an order of their own, so that two files are compared by what they hold. */
const sorted = (kinds: readonly TensorKind[]) =>
  kinds
    .map((kind) =>
      JSON.stringify({ ...kind, dims: [...kind.dims] }, Object.keys({ dims: 0, bytes: 0, count: 0, inLayer: 0 })),
    )
    .sort();

it.each(['Q4_0', 'Q4_K_M', 'Q5_K_M'] as const)('has the tensors of a language model in %s', async (quantization) => {
  const file = join(temporary(), 'model.gguf');
  writeLanguageModel(file, { ...fullLanguage, quantization });
  const { tensors } = await readGguf(file);
  const described = describeLanguageModel('qwen2audio', shape, quantization)!;
  expect(sorted(described.tensors.kinds)).toEqual(sorted(tensors.kinds));
  expect(described.tensors.length).toBe(tensors.length);
  expect(described.tensors.shards[0]!.dataBytes).toBe(tensors.shards[0]!.dataBytes);
  for (const name of ['output.weight', 'blk.31.ffn_down.weight', 'blk.0.attn_q.bias'])
    expect(described.tensors.find(name)).toMatchObject({ type: tensors.find(name)!.type });
  expect(described.tensors.find('blk.32.ffn_down.weight')).toBeUndefined();
});

it('has the tensors of the projector', async () => {
  const file = join(temporary(), 'mmproj.gguf');
  writeAudioProjector(file, fullProjector);
  const { tensors } = await readGguf(file);
  const described = describeProjector('qwen2audio', shape);
  expect(sorted(described.tensors.kinds)).toEqual(sorted(tensors.kinds));
  expect(described.tensors.length).toBe(tensors.length);
});

it('says where it comes from, in place of a path', () => {
  expect(describeProjector('qwen2audio', shape).path).toBe('the published shape of qwen2audio');
});

it('is none for a quantization whose mix is not known', () => {
  expect(describeLanguageModel('qwen2audio', shape, 'IQ1_S')).toBeUndefined();
});
