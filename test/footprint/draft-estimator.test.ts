import { utimesSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { addDraft, openEstimators } from '../../src/footprint/draft-estimator.ts';
import { openEstimator } from '../../src/footprint/estimator.ts';
import { writeDraftModel } from '../support/draft-models.ts';
import { makeModels } from '../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

test('two models need what both of them do', async () => {
  const main = await openEstimator(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2, layers: 8 }));
  const draftPath = models.model({ architecture: 'qwen2', heads: 4, kvHeads: 2, layers: 2 });
  const draft = await openEstimator(draftPath);
  const both = addDraft(main, draft);
  const shape = { contextSize: 4096, kvCacheType: 'q8_0', repack: false } as const;
  await both.ask([shape]);
  const [one, other] = [main.estimate(shape), draft.estimate({ contextSize: 4096, repack: false })];
  const footprint = both.estimate(shape);
  for (const part of [
    'totalBytes',
    'mappedBytes',
    'anonymousBytes',
    'weightsBytes',
    'kvCacheBytes',
    'computeBytes',
  ] as const) {
    expect(footprint[part]).toBe(one[part] + other[part]);
  }
  expect(footprint).toMatchObject({ basis: 'gguf', upperBound: false });
  expect(both.files).toHaveLength(2);
  expect(both.trainedTokens).toBe(131_072);
  expect(both.haveFilesChanged()).toBe(false);
  utimesSync(draftPath, 1, 1);
  expect(both.haveFilesChanged()).toBe(true);
});

test('a model that guesses is loaded for its draft layers alone', async () => {
  const [modelPath, draftPath] = [writeDraftModel(models.folder, { drafts: false }), writeDraftModel(models.folder)];
  const [main, draft] = [await openEstimator(modelPath), await openEstimator(draftPath)];
  const shape = { draftTokens: 3, repack: false } as const;
  const both = (await openEstimators({ modelPath, draftPath })).estimate(shape);
  const target = main.estimate({ ...shape, draftRole: 'target' });
  const guessing = draft.estimate({ ...shape, draftRole: 'draft' });
  expect(both.totalBytes).toBe(target.totalBytes + guessing.totalBytes);
  expect(guessing.kvCacheBytes).toBeLessThan(draft.estimate({ repack: false }).kvCacheBytes);
  const alone = await openEstimators({ modelPath });
  expect(alone.files).toEqual(main.files);
});

test('what is bounded of the draft model is said to be its own', async () => {
  const main = await openEstimator(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }));
  const draft = await openEstimator(models.model({ architecture: 'qwen2', header: 'unheard' }));
  const { notes, upperBound } = addDraft(main, draft).estimate({ repack: false });
  expect(notes).toEqual([expect.stringMatching(/^draft model: the architecture "unheard"/)]);
  expect(upperBound).toBe(true);
});
