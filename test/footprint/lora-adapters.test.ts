import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLlamaNodeFiles } from '../../src/adapters/find-engine-files.ts';
import { estimateFootprint } from '../../src/estimate-footprint.ts';
import { openEstimator } from '../../src/footprint/estimator.ts';
import { boundAdapterGraphBytes, countAdapterBytes, LoraAdapters } from '../../src/footprint/lora-adapters.ts';
import { writeLora } from '../../tools/lora-file.mjs';
import { makeModels } from '../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const HIDDEN = 512;
const FFN = 1376;
const RANK = 64;
const shape = { architecture: 'qwen2', hidden: HIDDEN, heads: 8, kvHeads: 2, layers: 2, ffn: FFN };
const lora = join(models.folder, 'lora.gguf');
let modelPath: string;
beforeAll(() => {
  modelPath = models.model(shape);
  const matrix = (name: string, ...dims: number[]) => ({ name: `${name}.weight`, dims, type: 'F16' as const });
  writeLora(
    lora,
    'qwen2',
    [0, 1].flatMap((layer) => [
      matrix(`blk.${layer}.attn_q`, HIDDEN, HIDDEN),
      matrix(`blk.${layer}.ffn_gate`, HIDDEN, FFN),
      matrix(`blk.${layer}.ffn_up`, HIDDEN, FFN),
      matrix(`blk.${layer}.ffn_down`, FFN, HIDDEN),
    ]),
    RANK,
  );
});

/** Of each layer: rank × (columns + rows) of every matrix, in F16. */
const ADAPTER_BYTES = 2 * RANK * (2 * HIDDEN + 3 * (HIDDEN + FFN)) * 2;

describe('LoRA adapters', () => {
  it('are known by their headers, each tensor padded as in a buffer', async () => {
    const adapters = new LoraAdapters();
    await adapters.read([lora]);
    const found = adapters.find([lora, lora, 'unread.gguf']);
    expect(found).toHaveLength(2);
    expect(countAdapterBytes(found)).toBe(2 * ADAPTER_BYTES);
    expect(boundAdapterGraphBytes(found, 10)).toBe((RANK + FFN) * 10 * 4);
    expect([countAdapterBytes([]), boundAdapterGraphBytes([], 10)]).toEqual([0, 0]);
  });

  it('count as anonymous in our own arithmetic, with weights as with a context', async () => {
    for (const part of ['all', 'weights', 'context'] as const) {
      const options = { modelPath, part, contextSize: 2048, repack: false } as const;
      const without = await estimateFootprint(options);
      const footprint = await estimateFootprint({ ...options, loraPaths: [lora] });
      expect(footprint.weightsBytes - without.weightsBytes).toBe(ADAPTER_BYTES);
      expect(footprint.mappedBytes).toBe(without.mappedBytes);
      const graph = part === 'weights' ? 0 : (RANK + FFN) * 512 * 4;
      expect(footprint.anonymousBytes - without.anonymousBytes).toBe(ADAPTER_BYTES + graph);
    }
    const vocabulary = { modelPath, part: 'vocabulary', repack: false } as const;
    expect(await estimateFootprint({ ...vocabulary, loraPaths: [lora] })).toEqual(await estimateFootprint(vocabulary));
  });

  it('are never below what the engine allocates for them', async () => {
    const engine = await findLlamaNodeFiles();
    if (!engine) return;
    const options = { modelPath, contextSize: 2048, repack: false, loraPaths: [lora] } as const;
    const own = await estimateFootprint(options);
    const asked = await estimateFootprint({ ...options, engine });
    expect(asked.basis).toBe('engine');
    // The engine prints hundredths of a MiB.
    expect(Math.abs(own.weightsBytes - asked.weightsBytes)).toBeLessThan(2 ** 20 / 50);
    expect(own.computeBytes).toBeGreaterThanOrEqual(asked.computeBytes);
  });

  it('that are gone are refused', async () => {
    const estimator = await openEstimator(modelPath);
    const loraPaths = [join(models.folder, 'gone.gguf')];
    await expect(estimator.ask([{ loraPaths }])).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  });
});
