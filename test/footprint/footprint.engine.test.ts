/** Our own arithmetic against the installed engine's simulation, for every architecture that is known. Needs `npm run compile`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { computeEncoders } from '../../src/footprint/encoders.ts';
import { openEstimator } from '../../src/footprint/estimator.ts';
import type { Footprint } from '../../src/footprint/footprint.ts';
import { ARCHITECTURES, findArchitecture } from '../../src/footprint/llama-cpp/architectures.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { readRecipes, resizeVocabulary, resizeWidth, writeRecipe } from '../../tools/architecture-file.mjs';
import { canAskEngine, EngineQuestions } from '../../tools/engine-question.mjs';
import {
  describeRun,
  LARGE_RUNS,
  LARGE_VOCABULARY,
  type MirrorRun,
  OTHER_WIDTHS,
  RUNS,
  WIDTH_RUNS,
  writeEngineParameters,
  writeEstimateShape,
} from '../../tools/mirror-runs.mjs';
import { readProjectorRecipes, writeProjectorRecipe } from '../../tools/projector-file.mjs';
import { getFixture } from '../support/fixtures.ts';

type Recipe = ReturnType<typeof readRecipes>[number];
interface Sizes {
  readonly weights: number;
  readonly context: number;
  readonly compute: number;
}
interface Compared {
  readonly name: string;
  readonly engine: Sizes;
  readonly estimate: Sizes;
  readonly upperBound: boolean;
}

const RECIPES = readRecipes(getFixture('architectures.jsonl'));
/** Its compressed cache is counted as a whole one. */
const BOUNDED_CACHE = 'deepseek4';
/** Keys that the engine doesn't need, but files have. */
const OTHER_KEYS: [architecture: string, key: Recipe['keys'][number]][] = [
  ['bailingmoe', ['.expert_weights_norm', 'bool', true]],
  ['bailingmoe2', ['.expert_weights_norm', 'bool', true]],
  ['exaone-moe', ['.expert_weights_norm', 'bool', true]],
  ['gemma2', ['.attention.sliding_window_pattern', 'u32', 3]],
  ['mellum', ['.attention.sliding_window_pattern', 'u32', 2]],
];

const reason = canAskEngine() ? undefined : 'no engine can be asked here';

describe.skipIf(reason !== undefined)(`our own arithmetic, against the engine (${reason ?? 'a real one'})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-mirror-'));
  const file = join(folder, 'model.gguf');
  const questions = new EngineQuestions();
  afterAll(async () => {
    await questions.close();
    rmSync(folder, { recursive: true });
  });

  async function compareRuns(recipe: Recipe, runs: readonly MirrorRun[]): Promise<Compared[]> {
    writeRecipe(file, recipe);
    const { opened, contexts } = await questions.askModel(file, runs.map(writeEngineParameters));
    // Some widths don't go with others of the file.
    if (!opened) return [];
    const estimator = await openEstimator(file);
    return runs.flatMap((run, index) => {
      const buffers = contexts[index]?.buffers;
      // Some refuse quantized values, or more sequences than one.
      if (!buffers) return [];
      const sum = (part: 'weightsBytes' | 'contextBytes' | 'computeBytes') =>
        buffers.reduce((total, each) => total + each[part], 0);
      const engine = { weights: sum('weightsBytes'), context: sum('contextBytes'), compute: sum('computeBytes') };
      const footprint = estimator.estimate(writeEstimateShape(run));
      const { upperBound } = footprint;
      return [{ name: `${recipe.name}, ${describeRun(run)}`, engine, estimate: getSizes(footprint), upperBound }];
    });
  }

  const compareAll = async (recipes: readonly Recipe[]) => {
    const all: Compared[] = [];
    for (const recipe of recipes) {
      all.push(...(await compareRuns(recipe, thinOut(RUNS))));
      all.push(...(await compareRuns(resizeVocabulary(recipe, LARGE_VOCABULARY), thinOut(LARGE_RUNS))));
      for (const [from, to] of thinOut(OTHER_WIDTHS)) {
        all.push(...(await compareRuns(resizeWidth(recipe, from, to), thinOut(WIDTH_RUNS))));
      }
    }
    return all;
  };
  const isCompared = ({ architecture }: Recipe) => findArchitecture(architecture).compared;
  const parts = ['weights', 'context', 'compute'] as const;

  it('has a row for each architecture that is kept, and no other', () => {
    expect(new Set(ARCHITECTURES.map(({ name }) => name))).toEqual(new Set(RECIPES.map((each) => each.architecture)));
    expect(ARCHITECTURES.length).toBe(new Set(ARCHITECTURES.map(({ name }) => name)).size);
  });

  it('is exact for what was compared', { timeout: 120_000 }, async () => {
    const all = await compareAll(RECIPES.filter(isCompared));
    expect(all.length).toBeGreaterThan(900);
    expect(all.filter(({ upperBound }) => upperBound)).toEqual([]);
    const wrong = all.filter(({ engine, estimate }) => parts.some((part) => engine[part] !== estimate[part]));
    expect(wrong).toEqual([]);
  });

  it('is exact with keys that only some files have', async () => {
    for (const [architecture, key] of OTHER_KEYS) {
      const recipe = RECIPES.find((each) => each.name === architecture)!;
      const all = await compareRuns(
        { ...recipe, keys: [...recipe.keys.filter(([name]) => name !== key[0]), key] },
        RUNS,
      );
      expect(all.length).toBe(RUNS.length);
      expect(all.map(({ estimate }) => estimate)).toEqual(all.map(({ engine }) => engine));
    }
  });

  it('is never below for others, and exact in their caches', { timeout: 120_000 }, async () => {
    const all = await compareAll(RECIPES.filter((recipe) => !isCompared(recipe)));
    expect(all.length).toBeGreaterThan(2000);
    expect(all.filter(({ upperBound }) => !upperBound)).toEqual([]);
    const below = all.filter(({ engine, estimate }) => parts.some((part) => estimate[part] < engine[part]));
    expect(below).toEqual([]);
    const cached = all.filter(({ name }) => !name.startsWith(BOUNDED_CACHE));
    expect(cached.filter(({ engine, estimate }) => engine.context !== estimate.context)).toEqual([]);
    // What the notes say of it.
    const times = all.map(({ engine, estimate }) => sum(estimate) / sum(engine)).sort((a, b) => a - b);
    expect(times.at(-1)).toBeLessThan(7.75);
    expect(times[Math.floor(times.length / 2)]).toBeLessThan(1.35);
  });

  it('is exact for encoders that were compared, and for others never below and at most 2.1 times as much', async () => {
    const times: number[] = [];
    for (const recipe of readProjectorRecipes(getFixture('projectors.jsonl'))) {
      const { tensorBytes } = writeProjectorRecipe(file, recipe);
      const { bytes = Number.NaN } = await questions.askProjector(file);
      const { buffers, notes } = computeEncoders(await readGguf(file), 1);
      const ours = buffers.reduce((total, each) => total + each.bytes, 0);
      // The engine tells one sum, and its weights are as long as the file's.
      const ratio = ours / (bytes - tensorBytes);
      if (notes.length === 0) expect(ratio, recipe.name).toBeCloseTo(1, 4);
      else times.push(ratio);
    }
    expect(times).toHaveLength(38);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...times)).toBeLessThan(2.15);
  });
});

/** Every second one, since all take a minute: `bench/footprint/mirror.mjs` has them. */
function thinOut<T>(all: readonly T[]): readonly T[] {
  return all.filter((_, index) => index % 2 === 0);
}

function sum({ context, compute }: Sizes): number {
  return context + compute;
}

function getSizes({ weightsBytes, kvCacheBytes, computeBytes }: Footprint): Sizes {
  return { weights: weightsBytes, context: kvCacheBytes, compute: computeBytes };
}
