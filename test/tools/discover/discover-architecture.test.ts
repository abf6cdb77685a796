import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRecipes } from '../../../tools/architecture-file.mjs';
import { PLANS } from '../../../tools/discover/architecture-plans.mjs';
import { discoverArchitecture } from '../../../tools/discover/discover-architecture.mjs';
import { canAskEngine, EngineQuestions } from '../../../tools/engine-question.mjs';
import { getFixture } from '../../support/fixtures.ts';

describe.skipIf(!canAskEngine())('an architecture', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-discover-'));
  const file = join(folder, 'model.gguf');
  const questions = new EngineQuestions();
  afterAll(async () => {
    await questions.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['qwen3', 'kimi-linear', 'gemma4'])('is found again as it was kept: %s', async (name) => {
    const kept = readRecipes(getFixture('architectures.jsonl')).find((recipe) => recipe.name === name);
    const { recipe, problem } = await discoverArchitecture(questions, file, name, PLANS[name]!);
    expect(problem).toBeUndefined();
    expect(recipe).toEqual(kept);
  });

  it('that the engine does not know is told with its reason', async () => {
    const { problem } = await discoverArchitecture(questions, file, 'nobody', {});
    expect(problem).toBe("unknown model architecture: 'nobody'");
  });
});
