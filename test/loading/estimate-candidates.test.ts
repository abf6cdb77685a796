import { describe, expect, it } from 'vitest';
import type { RequestedShape } from '../../src/adapters/adapter.ts';
import { MiB } from '../../src/core/bytes.ts';
import type { EstimateShape, Estimator } from '../../src/footprint/estimator.ts';
import { sumFootprint } from '../../src/footprint/footprint.ts';
import { type EstimatedOffer, estimateCandidates } from '../../src/loading/estimate-candidates.ts';

/** 1 MiB of anonymous memory for each token, half of it with a quantized cache; 64 MiB of weights, mapped or copied from. */
function makeOffer(changes: Partial<Estimator> = {}, readOnceBytes = 0): EstimatedOffer {
  const estimate = ({ contextSize = 0, kvCacheType, part }: EstimateShape) =>
    sumFootprint(
      {
        weightsBytes: part === 'context' ? 0 : 64 * MiB,
        kvCacheBytes: (contextSize * MiB) / (kvCacheType === 'q8_0' ? 2 : 1),
        computeBytes: 0,
        outputBytes: 0,
        projectorBytes: 0,
        projectorComputeBytes: 0,
        audioBytes: 0,
        imageBytes: 0,
        runtimeBytes: 0,
        laterBytes: 8 * MiB,
      },
      { mappedBytes: part === 'context' ? 0 : 64 * MiB, readOnceBytes, lockedBytes: 0, basis: 'gguf', notes: [] },
    );
  const estimator = {
    fileType: undefined,
    shards: [{ device: 0xfe00, inode: 7, sizeBytes: 64 * MiB, mtimeMs: 0 }],
    files: [],
    haveFilesChanged: () => false,
    ask: async () => {},
    estimate,
    ...changes,
  };
  return { modelPath: 'm.gguf', estimator };
}

const list = (shape: RequestedShape, offer = makeOffer(), processBytes = 0, nextContext?: RequestedShape) =>
  estimateCandidates(offer, { shape, ...(nextContext && { nextContext }) }, { minFreeBytes: 0 }, processBytes);

describe('the candidates of a file that was read', () => {
  it('are one for an exact context, and one for each cache type in order', () => {
    const exact = list({ contextSize: 1000 });
    expect(exact).toMatchObject([{ contextSize: 1000, smaller: { leastContextSize: 1000 } }]);
    const types = list({ contextSize: 1000, kvCacheType: ['f16', 'q8_0'] });
    expect(types.map(({ kvCacheType }) => kvCacheType)).toEqual(['f16', 'q8_0']);
    const [whole, half] = types.map(({ need }) => need.anonymousBytes);
    expect(whole! - half!).toBe(500 * MiB);
  });

  it('can be asked for a smaller context, down to the least', () => {
    const [candidate] = list({ contextSize: { min: 10, max: 1000 } });
    const { smaller, need } = candidate!;
    expect([candidate!.contextSize, smaller?.leastContextSize]).toEqual([1000, 10]);
    expect(need.anonymousBytes - smaller!.at(10).need.anonymousBytes).toBe(990 * MiB);
    expect(smaller!.at(10)).toMatchObject({ contextSize: 10 });
  });

  it('need what a process of its own takes beside it, and are predicted the same', () => {
    const [inside, apart] = [list({ contextSize: 10 }), list({ contextSize: 10 }, makeOffer(), 16 * MiB)];
    expect(apart[0]!.need.anonymousBytes - inside[0]!.need.anonymousBytes).toBe(16 * MiB);
    expect(apart[0]!.predicted).toEqual(inside[0]!.predicted);
  });

  it('hold no page that is only copied from', () => {
    const held = list({ contextSize: 10 });
    expect(held[0]!.need).toMatchObject({ mappedBytes: 64 * MiB, files: [{ key: 'fe:00 7', bytes: 64 * MiB }] });
    const copied = list({ contextSize: 10 }, makeOffer({}, 64 * MiB));
    expect(copied[0]!.need).toMatchObject({ mappedBytes: 0 });
    expect(copied[0]!.need).not.toHaveProperty('files');
  });

  it('have no context if they are weights alone, and room for the one that comes next', () => {
    const [candidate] = list({ part: 'weights', contextSize: 1 }, makeOffer(), 0, {
      part: 'context',
      contextSize: 100,
    });
    expect(candidate).not.toHaveProperty('contextSize');
    expect(candidate!.roomBytes).toBeGreaterThanOrEqual(100 * MiB);
    expect(list({ contextSize: 1 })[0]).not.toHaveProperty('roomBytes');
  });

  it('have none, and no smaller one, if such a model has none at all', () => {
    const [candidate] = list({}, makeOffer({ contextless: true }));
    for (const key of ['contextSize', 'contextAssumed', 'smaller']) expect(candidate).not.toHaveProperty(key);
  });

  it('say how much of the need comes later', () => {
    expect(list({ contextSize: 1 })[0]!.notes).toEqual(['8.0 MiB of it come later, as it is used']);
  });
});
