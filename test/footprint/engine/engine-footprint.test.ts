import { afterAll, describe, expect, it } from 'vitest';
import { countAudioBytes } from '../../../src/core/audio-bytes.ts';
import { computeEncoders } from '../../../src/footprint/encoders.ts';
import { computeEngineFootprint } from '../../../src/footprint/engine/engine-footprint.ts';
import { completeSettings, type EstimateShape } from '../../../src/footprint/estimator.ts';
import { computeFootprint } from '../../../src/footprint/footprint.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';
import { makeModels } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());
const MiB = 2 ** 20;
const POINT = { tokens: 4096, cacheBytes: MiB, stateBytes: 0, computeBytes: 2 * MiB, outputBytes: 3, runtimeBytes: 4 };

describe('a footprint by an engine', async () => {
  const model = await readGguf(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }));
  const weights = [{ name: 'CPU', host: true, bytes: model.tensors.shards[0]!.dataBytes }];

  it('counts room to read past the page cache, and twice if the engine said that it copies', () => {
    const copies = [...weights, { name: 'CPU_REPACK', host: false, bytes: 1024 }];
    const runtimeOf = (directIo: boolean, repack: boolean, found = weights) =>
      computeEngineFootprint(
        model,
        undefined,
        completeSettings({ directIo, repack }),
        { weights: found, runtimeBytes: 0 },
        POINT,
      ).runtimeBytes;
    const room = runtimeOf(true, true) - runtimeOf(false, true);
    expect(room).toBe(Math.max(...model.tensors.kinds.map(({ bytes }) => bytes)));
    expect(runtimeOf(true, false, copies) - runtimeOf(false, false, copies)).toBe(2 * room);
  });

  it('has parts that are its total, mapped and anonymous', () => {
    const footprint = computeEngineFootprint(
      model,
      undefined,
      completeSettings({}),
      { weights, runtimeBytes: 5 },
      POINT,
    );
    const {
      weightsBytes,
      kvCacheBytes,
      computeBytes,
      outputBytes,
      projectorBytes,
      projectorComputeBytes,
      audioBytes,
      imageBytes,
      runtimeBytes,
    } = footprint;
    const parts = [
      weightsBytes,
      kvCacheBytes,
      computeBytes,
      outputBytes,
      projectorBytes,
      projectorComputeBytes,
      audioBytes,
      imageBytes,
      runtimeBytes,
    ];
    expect(parts.reduce((sum, bytes) => sum + bytes, 0)).toBe(footprint.totalBytes);
    expect(footprint.mappedBytes + footprint.anonymousBytes).toBe(footprint.totalBytes);
    expect(footprint).toMatchObject({ kvCacheBytes: MiB, computeBytes: 2 * MiB, outputBytes: 3, basis: 'engine' });
    // The measured constants, unless more was seen.
    expect(runtimeBytes).toBeGreaterThan(5 * MiB);
    expect(runtimeBytes).toBeLessThan(8 * MiB);
    const seen = computeEngineFootprint(
      model,
      undefined,
      completeSettings({}),
      { weights, runtimeBytes: 64 * MiB },
      POINT,
    );
    expect(seen.runtimeBytes - runtimeBytes).toBeGreaterThan(56 * MiB);
  });

  it('counts weights that are copied apart from the file that they were read from', () => {
    const copied = [...weights, { name: 'CPU_REPACK', host: false, bytes: 64 }];
    const footprint = computeEngineFootprint(
      model,
      undefined,
      completeSettings({}),
      { weights: copied, runtimeBytes: 0 },
      POINT,
    );
    expect(footprint.weightsBytes - footprint.mappedBytes).toBe(64);
    const unmapped = completeSettings({ mmap: false });
    const read = computeEngineFootprint(model, undefined, unmapped, { weights: copied, runtimeBytes: 0 }, POINT);
    expect([read.mappedBytes, read.weightsBytes]).toEqual([0, weights[0]!.bytes + 64]);
  });

  it('counts adapters as weights that are not mapped, with whatever they are loaded', () => {
    const count = (part: 'all' | 'context' | 'vocabulary', adapterBytes?: number) => {
      const answer = { weights, runtimeBytes: 0, ...(adapterBytes !== undefined && { adapterBytes }) };
      return computeEngineFootprint(model, undefined, completeSettings({ part }), answer, POINT).anonymousBytes;
    };
    expect(count('all', 8 * MiB) - count('all')).toBe(8 * MiB);
    expect(count('context', 8 * MiB) - count('context')).toBe(8 * MiB);
    expect(count('vocabulary', 8 * MiB)).toBe(count('vocabulary'));
  });

  it('keeps the outputs of every token of a batch for embeddings, and only then', () => {
    const count = (shape: EstimateShape) =>
      computeEngineFootprint(model, undefined, completeSettings(shape), { weights, runtimeBytes: 0 }, POINT)
        .outputBytes;
    const perToken = (2048 + 512) * 4;
    expect(count({ embeddings: true })).toBe(512 * perToken);
    expect(count({ embeddings: true, batchSize: 2048, contextSize: 1024 })).toBe(1024 * perToken);
    expect(count({})).toBe(3);
  });

  it('has the longest sound as a part of its own, if there is an encoder that hears', async () => {
    const audio = await readGguf(models.projector({ width: 64, layers: 1, heads: 2, ffn: 128, projection: 512 }));
    const answer = { weights, runtimeBytes: 0, projectorBytes: computeEncoders(audio, 1).weightsBytes + 77 };
    const count = (audioSeconds: number, projector: typeof audio | undefined) => {
      const settings = completeSettings({ audioSeconds, contextSize: 2048 });
      return computeEngineFootprint(model, projector, settings, answer, POINT).audioBytes;
    };
    expect(count(60, audio)).toBe(countAudioBytes(60));
    // The context holds no more.
    expect(count(3600, audio)).toBe(countAudioBytes(111));
    expect([count(0, audio), count(60, undefined)]).toEqual([0, 0]);
    const alone = computeFootprint(model, audio, completeSettings({ audioSeconds: 60 }));
    expect(alone.audioBytes).toBe(countAudioBytes(60));
    expect(alone.totalBytes - computeFootprint(model, audio, completeSettings({})).totalBytes).toBe(alone.audioBytes);
  });

  it('has the largest picture as a part of its own, if there is an encoder that sees', async () => {
    const audio = await readGguf(models.projector({ width: 64, layers: 1, heads: 2, ffn: 128, projection: 512 }));
    const images = await readGguf(models.projector({ type: 'mlp', width: 128, ffn: 256, layers: 3, heads: 4 }));
    const answer = { weights, runtimeBytes: 0 };
    const count = (maxImagePixels: number, projector: typeof audio | undefined) => {
      const settings = completeSettings({ maxImagePixels });
      const asked = computeEngineFootprint(model, projector, settings, answer, POINT).imageBytes;
      expect(computeFootprint(model, projector, settings).imageBytes).toBe(asked);
      return asked;
    };
    expect(count(12_000_000, images) - count(1_000_000, images)).toBe(11_000_000 * 24);
    expect([count(12_000_000, audio), count(12_000_000, undefined)]).toEqual([0, 0]);
  });

  it('has our own bound for an encoder that takes more for a larger image, and for one that the engine does not tell', async () => {
    const audio = await readGguf(models.projector({ width: 64, layers: 1, heads: 2, ffn: 128, projection: 512 }));
    const images = await readGguf(models.projector({ type: 'pixtral', width: 128, ffn: 256, layers: 3, heads: 4 }));
    const estimate = (projector: typeof audio, projectorBytes: number | undefined) => {
      const answer = { weights, runtimeBytes: 0, ...(projectorBytes !== undefined && { projectorBytes }) };
      return computeEngineFootprint(model, projector, completeSettings({}), answer, POINT);
    };
    const { weightsBytes, buffers } = computeEncoders(audio, 2 ** 20);
    expect(estimate(audio, weightsBytes + 77).projectorComputeBytes).toBe(77);
    expect(estimate(audio, undefined)).toMatchObject({ projectorComputeBytes: buffers[0]!.bytes, upperBound: false });
    const bound = computeEncoders(images, 2 ** 20).buffers[0]!.bytes;
    expect(estimate(images, computeEncoders(images, 2 ** 20).weightsBytes + 77)).toMatchObject({
      projectorComputeBytes: bound,
      upperBound: true,
    });
    const fixed = await readGguf(models.projector({ type: 'mlp', width: 128, ffn: 256, layers: 3, heads: 4 }));
    expect(estimate(fixed, computeEncoders(fixed, 1).weightsBytes + 77)).toMatchObject({
      projectorComputeBytes: 77,
      upperBound: false,
    });
    const more = computeEncoders(images, 2 ** 20).weightsBytes + 2 * bound;
    expect(estimate(images, more).projectorComputeBytes).toBe(2 * bound);
  });
});
