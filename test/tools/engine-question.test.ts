import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRecipes, resizeVocabulary, writeRecipe } from '../../tools/architecture-file.mjs';
import { canAskEngine, EngineQuestions } from '../../tools/engine-question.mjs';
import { readProjectorRecipes, writeProjectorRecipe } from '../../tools/projector-file.mjs';
import { getFixture } from '../support/fixtures.ts';

const RECIPES = readRecipes(getFixture('architectures.jsonl'));
const SMALL = { n_ctx: 512, n_batch: 512, n_ubatch: 512, swa_full: 0 };

describe.skipIf(!canAskEngine())('the engine that is asked', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-question-'));
  const file = join(folder, 'model.gguf');
  const questions = new EngineQuestions();
  afterAll(async () => {
    await questions.close();
    rmSync(folder, { recursive: true });
  });
  const findRecipe = (name: string) => RECIPES.find((recipe) => recipe.name === name)!;

  it('opens every architecture that was kept, and lays a context out', async () => {
    expect(RECIPES.length).toBeGreaterThan(130);
    const refused = [];
    for (const recipe of RECIPES) {
      writeRecipe(file, recipe);
      const { contexts } = await questions.askModel(file, [SMALL]);
      if (!contexts[0]?.buffers) refused.push(recipe.name);
    }
    expect(refused).toEqual([]);
  });

  it('measures every projector that was kept', async () => {
    const recipes = readProjectorRecipes(getFixture('projectors.jsonl'));
    expect(recipes.length).toBeGreaterThan(40);
    const refused = [];
    for (const recipe of recipes) {
      const { tensorBytes } = writeProjectorRecipe(file, recipe);
      const { bytes = 0 } = await questions.askProjector(file);
      if (bytes <= tensorBytes) refused.push(recipe.name);
    }
    expect(refused).toEqual([]);
  });

  it('answers the next question after a file that ended its process', async () => {
    const recipe = findRecipe('dots1');
    const keys = recipe.keys.filter(([key]) => key !== '.expert_gating_func');
    writeRecipe(file, { ...recipe, keys });
    const ended = await questions.askModel(file, [SMALL]);
    expect(ended).toMatchObject({ opened: false, contexts: [] });
    expect(ended.log).toContain("the engine's process ended: SIGABRT");
    writeRecipe(file, recipe);
    expect((await questions.askModel(file, [SMALL])).opened).toBe(true);
  });

  it('answers for the other contexts if one of them ends its process', async () => {
    writeRecipe(file, findRecipe('t5'));
    const { opened, contexts } = await questions.askModel(file, [SMALL, { ...SMALL, n_seq_max: 4 }, SMALL]);
    expect(opened).toBe(true);
    expect(contexts.map(({ buffers }) => buffers !== undefined)).toEqual([true, false, true]);
  });

  it('counts the output of a larger vocabulary', async () => {
    const count = async (vocab: number) => {
      writeRecipe(file, resizeVocabulary(findRecipe('llama'), vocab));
      const { contexts } = await questions.askModel(file, [SMALL]);
      return contexts[0]?.buffers?.[0]?.computeBytes ?? 0;
    };
    expect(await count(2080)).toBeLessThan(32_000 * 512 * 4);
    expect(await count(32_000)).toBeGreaterThan(32_000 * 512 * 4);
  });
});
