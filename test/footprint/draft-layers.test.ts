import { afterAll, describe, expect, it, vi } from 'vitest';
import { estimateFootprint } from '../../src/estimate-footprint.ts';
import {
  countBesideDrafts,
  countDraftLayers,
  countKeptDrafts,
  hasDraftContext,
  hasMainContext,
} from '../../src/footprint/draft-layers.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { writeDraftModel } from '../support/draft-models.ts';
import { makeModels } from '../support/model-headers.ts';
import { CANT_ASK } from '../support/real-engines.ts';

const models = makeModels();
afterAll(() => models.remove());
const drafting = writeDraftModel(models.folder);
const plain = writeDraftModel(models.folder, { drafts: false });

const MiB = 2 ** 20;
const WIDTH = 512;
const VOCABULARY = 2080;
const RUN = { contextSize: 4096, batchSize: 512, sequences: 1, draftThreads: 1 };
const roles = ['own', 'target', 'draft'] as const;

describe('contexts of a model of which tokens are guessed', () => {
  it('are the main one and that of draft layers, of which another model may have one', async () => {
    const [with_, without] = [await readGguf(drafting), await readGguf(plain)];
    expect([countDraftLayers(with_), countDraftLayers(without)]).toEqual([1, 0]);
    const list = (draftTokens: number, model = with_) =>
      roles.map((draftRole) => [
        hasMainContext({ draftTokens, draftRole }),
        hasDraftContext(model, { draftTokens, draftRole }),
      ]);
    expect(list(3)).toEqual([
      [true, true],
      [true, false],
      [false, true],
    ]);
    // The engine makes none for a model that can't guess.
    expect(list(3, without).map(([, draft]) => draft)).toEqual([false, false, false]);
    expect(list(0)).toEqual(roles.map(() => [true, false]));
  });

  it('have vectors of every token of a batch beside them, and logits of each guess', async () => {
    const model = await readGguf(drafting);
    const count = (draftRole: (typeof roles)[number], draftTokens = 3) =>
      countBesideDrafts(model, { ...RUN, draftRole, draftTokens });
    expect(count('target')).toBe((512 * WIDTH + 3 * VOCABULARY) * 4);
    expect(count('draft')).toBe((2 * 512 * WIDTH + 7 * VOCABULARY) * 4);
    expect(count('own')).toBe(count('target') + count('draft'));
    expect(roles.map((role) => count(role, 0))).toEqual([0, 0, 0]);
  });

  it('stay twice with every thread that computes, but for what is too large to be kept', async () => {
    const model = await readGguf(drafting);
    const count = (computeBytes: number, draftThreads: number) => {
      const settings = { ...RUN, draftThreads, draftRole: 'own', draftTokens: 3 } as const;
      return countKeptDrafts(model, settings, { cacheBytes: 4 * MiB, computeBytes, runtimeBytes: 18 * MiB });
    };
    const once = (4 + 18) * MiB + (2 * 512 * WIDTH + 7 * VOCABULARY) * 4;
    expect(count(14 * MiB, 1)).toBe(2 * (once + 14 * MiB));
    expect(count(14 * MiB, 4)).toBe(8 * (once + 14 * MiB));
    expect(count(33 * MiB, 4)).toBe(8 * once);
  });
});

describe('a footprint with guesses', () => {
  const shape = { contextSize: 4096, repack: false } as const;

  it('has states from before each guess, and the cache of one layer more', async () => {
    const without = await estimateFootprint({ ...shape, modelPath: drafting });
    const own = await estimateFootprint({ ...shape, modelPath: drafting, draftTokens: 3 });
    const f32 = await estimateFootprint({ ...shape, modelPath: drafting, draftTokens: 3, draftKvCacheType: 'f32' });
    // Two heads of 128 elements of keys and of values, in F16.
    const draftBytes = 4096 * 2 * 128 * 2 * 2;
    const stateBytes = without.kvCacheBytes - 2 * draftBytes;
    expect(own.kvCacheBytes).toBe(without.kvCacheBytes + 3 * stateBytes + draftBytes);
    expect(f32.kvCacheBytes).toBe(own.kvCacheBytes + draftBytes);
    expect(own.computeBytes).toBeGreaterThan(2 * without.computeBytes);
    expect(own.notes).toContain('the graph of draft layers is bounded by that of all layers');
    expect(new Set(own.notes).size).toBe(own.notes.length);
  });

  it('grows with the threads that compute', async () => {
    const estimate = () => estimateFootprint({ ...shape, modelPath: drafting, draftTokens: 3 });
    const four = await estimate();
    vi.stubEnv('UV_THREADPOOL_SIZE', '8');
    expect((await estimate()).laterBytes).toBe(2 * four.laterBytes);
    vi.stubEnv('UV_THREADPOOL_SIZE', 'many');
    expect((await estimate()).laterBytes).toBe(four.laterBytes / 4);
    vi.unstubAllEnvs();
  });

  it.skipIf(CANT_ASK !== undefined)('is what the engine says of both contexts, and our own is not below', async () => {
    const engine = '@fugood/llama.node';
    for (const files of [{ modelPath: drafting }, { modelPath: plain, draftPath: drafting }]) {
      const options = { ...shape, ...files, draftTokens: 3 };
      const [own, asked] = [await estimateFootprint(options), await estimateFootprint({ ...options, engine })];
      expect(asked).toMatchObject({ basis: 'engine', upperBound: false, mappedBytes: own.mappedBytes });
      // It printed 8, 6.42 and 4 MiB of caches, and 16.05 and 14.02 of graphs.
      expect(asked.kvCacheBytes / MiB).toBeCloseTo(18.42, 1);
      expect(asked.computeBytes / MiB).toBeCloseTo(30.07, 1);
      for (const part of ['kvCacheBytes', 'computeBytes', 'laterBytes'] as const) {
        expect(own[part]).toBeGreaterThanOrEqual(asked[part] - MiB / 50);
      }
      // Of a load, a text of 600 tokens and 20 guesses: 94.2 and 93.7 MiB; after twelve texts 298.
      expect(asked.anonymousBytes).toBeGreaterThan(298 * MiB);
      expect(asked.anonymousBytes).toBeLessThan(450 * MiB);
    }
  });
});
