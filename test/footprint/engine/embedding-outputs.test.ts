/** Outputs of embeddings. A first text of 2028 tokens made the engine grow by 506.6 MiB: 258.0 of graph and these. */
import { afterAll, describe, expect, it } from 'vitest';
import { countOutputBytes } from '../../../src/footprint/engine/embedding-outputs.ts';
import { completeSettings } from '../../../src/footprint/estimator.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';
import { makeModels } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

describe('the outputs of a context', async () => {
  const model = await readGguf(
    models.model({ architecture: 'qwen2', hidden: 512, heads: 8, kvHeads: 2, vocab: 32_000 }),
  );
  const count = (shape: Parameters<typeof completeSettings>[0]) =>
    countOutputBytes(model, completeSettings(shape), { outputBytes: 77 });

  it('are what the engine said, if it answers one token', () => {
    expect(count({ contextSize: 4096 })).toBe(77);
  });

  it('are logits and vectors of a whole batch for embeddings', () => {
    expect(count({ embeddings: true, contextSize: 4096, batchSize: 2048 })).toBe(2048 * (32_000 + 512) * 4);
    expect(count({ embeddings: true, contextSize: 100 })).toBe(100 * (32_000 + 512) * 4);
    expect(count({ embeddings: true, contextSize: 2, sequences: 4 })).toBe(4 * (32_000 + 512) * 4);
  });

  it('are what the engine said if the header has no embedding, or if that is more', () => {
    const bare = { ...model, tensors: { ...model.tensors, find: () => undefined } };
    expect(countOutputBytes(bare, completeSettings({ embeddings: true }), { outputBytes: 77 })).toBe(77);
  });
});
