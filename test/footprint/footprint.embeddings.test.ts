/** What real embeddings take, against both ways to estimate it. Needs `npm run compile`. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openEstimator } from '../../src/footprint/estimator.ts';
import { readRecipes, resizeVocabulary, writeRecipe } from '../../tools/architecture-file.mjs';
import { measureEngineLoad } from '../../tools/engine-load.mjs';
import { getFixture } from '../support/fixtures.ts';
import { CANT_ASK, findInstalledEngines, makeAsker, portOf } from '../support/real-engines.ts';

const MiB = 2 ** 20;
const BATCH = 512;
/** The tokens around a text. */
const AROUND = 20;

describe.skipIf(!existsSync('/proc/self/status'))('the first embedding of a text that fills a batch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-embeddings-'));
  const asker = makeAsker();
  afterAll(() => {
    asker.close();
    rmSync(folder, { recursive: true });
  });
  const recipes = readRecipes(getFixture('architectures.jsonl'));
  const shape = { contextSize: 2048, batchSize: BATCH, microBatchSize: BATCH, embeddings: true };

  // The engine has room for the logits of every token, even of an encoder that computes none.
  it.each([
    ['qwen3', 1.05],
    ['nomic-bert', 1.2],
  ])('makes %s take what was estimated', async (name, most) => {
    const file = join(folder, `${name}.gguf`);
    writeRecipe(file, resizeVocabulary(recipes.find((recipe) => recipe.name === name)!, 32_000));
    const options = { model: file, n_ctx: 2048, n_batch: BATCH, embedding: true };
    const { measured, text } = await measureEngineLoad(options, '', BATCH - AROUND);
    expect(measured, text.slice(-500)).toBeDefined();
    const grown = (measured!.decoded!.anonymousBytes - measured!.loaded.anonymousBytes) / MiB;
    const { computeBytes, outputBytes } = (await openEstimator(file)).estimate(shape);
    const ours = (computeBytes + outputBytes) / MiB;
    expect(grown).toBeGreaterThan(60);
    expect(ours / grown).toBeGreaterThan(0.98);
    expect(ours / grown).toBeLessThan(most);
    if (CANT_ASK !== undefined) return;
    const { '@fugood/llama.node': files } = await findInstalledEngines();
    const estimator = await openEstimator(file, undefined, portOf(asker, files!));
    await estimator.ask([shape]);
    const asked = estimator.estimate(shape);
    expect(asked.basis).toBe('engine');
    expect(asked.outputBytes).toBe(outputBytes);
    expect((asked.computeBytes + asked.outputBytes) / MiB / grown).toBeGreaterThan(0.98);
  });
});
