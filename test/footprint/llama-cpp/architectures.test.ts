/** The rows of architectures: each was compared, each trait counts, and no other file names an architecture. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { completeSettings } from '../../../src/footprint/estimator.ts';
import {
  ARCHITECTURES,
  type Architecture,
  findArchitecture,
  isHeld,
} from '../../../src/footprint/llama-cpp/architectures.ts';
import { computeCacheSizes, sizeRun } from '../../../src/footprint/llama-cpp/cache-sizes.ts';
import { buildDecoderGraph } from '../../../src/footprint/llama-cpp/decoder-graph.ts';
import { computeGraphBytes } from '../../../src/footprint/llama-cpp/graph-allocator.ts';
import { readModelShape } from '../../../src/footprint/llama-cpp/model-shape.ts';
import { PROJECTOR_TYPES } from '../../../src/footprint/llama-cpp/projector-types.ts';
import { type GgufFile, readGguf } from '../../../src/gguf/read-gguf.ts';
import { readRecipes, resizeVocabulary, writeRecipe } from '../../../tools/architecture-file.mjs';
import { LARGE_RUNS, LARGE_VOCABULARY, type MirrorRun, RUNS, writeEstimateShape } from '../../../tools/mirror-runs.mjs';
import { getFixture } from '../../support/fixtures.ts';
import { makeModels, transcripts } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const FOOTPRINT = fileURLToPath(new URL('../../../src/footprint', import.meta.url));
/** The tiny model is of one architecture, by which engines are checked. */
const TABLES = [
  'engine/tiny-model.ts',
  'llama-cpp/architectures.ts',
  'llama-cpp/projector-types.ts',
  'published-shapes.ts',
];
const usual = findArchitecture('an architecture that nobody has');

/** The texts in a source that are the name of an architecture or of a projector; comments may name them. */
function findNames(source: string): string[] {
  const names = new Set([...ARCHITECTURES, ...PROJECTOR_TYPES].map(({ name }) => name));
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  return [...code.matchAll(/(['"`])([\w-]+)\1/g)].map(([, , text]) => text!).filter((text) => names.has(text));
}

describe('the names of architectures and projectors', () => {
  it('are found in code, and not in a comment or in another text', () => {
    expect(findNames(`if (name === 'gemma3' || name === "mlp") {}`)).toEqual(['gemma3', 'mlp']);
    expect(findNames(`// as in 'gemma3'\n/** \`qwen2\` */ const path = 'gemma3.cpp';`)).toEqual([]);
  });

  it('stand in their tables and nowhere else in the estimate', () => {
    const files = readdirSync(FOOTPRINT, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    expect(files).toEqual(expect.arrayContaining([...TABLES, 'llama-cpp/decoder-graph.ts', 'footprint.ts']));
    const found = files.filter((file) => findNames(readFileSync(join(FOOTPRINT, file), 'utf8')).length > 0);
    expect(found.sort()).toEqual(TABLES);
  });
});

const RECIPES = readRecipes(getFixture('architectures.jsonl'));
/** Factors of bounds, and weights, are held against the engine in `test/footprint/footprint.engine.test.ts`. */
const FACTORS = ['name', 'compared', 'graphFactor', 'indexScores', 'loadsEmbeddingTwice'];
/** Layers for drafts are in few of the files that are kept. */
const SHOWN_BY_ANOTHER = ['leavesDraftsOut'];

describe('an architecture', () => {
  const files = mkdtempSync(join(tmpdir(), 'nexa-architectures-'));
  afterAll(() => rmSync(files, { recursive: true }));

  it('that loads were recorded of is compared', () => {
    const recorded = new Set(transcripts().map(({ shape }) => shape.architecture!));
    expect([...recorded].filter((name) => !findArchitecture(name).compared)).toEqual([]);
  });

  it('that nobody knows is the usual decoder and not compared', () => {
    expect(usual).toMatchObject({ name: 'an architecture that nobody has', compared: false, slidingLayers: undefined });
    expect(findArchitecture('llama')).toEqual({ ...usual, name: 'llama', compared: true, graphFactor: 1 });
    expect([isHeld(usual), isHeld(findArchitecture('falcon'))]).toEqual([false, true]);
  });

  const traits = ARCHITECTURES.flatMap((row) =>
    (Object.keys(usual) as (keyof Architecture)[])
      .filter((trait) => !FACTORS.includes(trait) && row[trait] !== usual[trait])
      .map((trait) => [row.name, trait] as const),
  );

  /** What is kept of an architecture, with few tokens and with many, and the loads that were recorded. */
  async function readFiles(name: string): Promise<readonly GgufFile[]> {
    const recipes = RECIPES.filter(({ architecture }) => architecture === name);
    const paths = recipes
      .flatMap((recipe) => [recipe, resizeVocabulary(recipe, LARGE_VOCABULARY)])
      .map((recipe, index) => {
        const path = join(files, `${name}-${index}.gguf`);
        if (!existsSync(path)) writeRecipe(path, recipe);
        return path;
      });
    const recorded = transcripts().filter(({ shape }) => shape.architecture === name);
    return Promise.all(
      [...paths, ...new Set(recorded.map(({ shape }) => models.model(shape)))].map((path) => readGguf(path)),
    );
  }

  it('has traits of which each is shown by a file', async () => {
    const idle: string[] = [];
    for (const [name, trait] of traits) {
      const row = findArchitecture(name);
      const shows = (await readFiles(name)).some((file) =>
        [...RUNS, ...LARGE_RUNS].some(
          (run) => computeSizes(file, row, run) !== computeSizes(file, { ...row, [trait]: usual[trait] }, run),
        ),
      );
      if (!shows) idle.push(`${name} ${trait}`);
    }
    expect(idle.filter((each) => !SHOWN_BY_ANOTHER.includes(each.split(' ')[1]!))).toEqual([]);
    expect(idle).not.toContain('qwen35 leavesDraftsOut');
  });
});

/** The bytes of graph and caches, or what makes them impossible. */
function computeSizes(file: GgufFile, architecture: Architecture, run: MirrorRun): string {
  try {
    const shape = readModelShape(file, architecture);
    const settings = completeSettings(writeEstimateShape(run));
    const sized = sizeRun(shape, settings);
    return JSON.stringify([computeGraphBytes(buildDecoderGraph(shape, sized)), computeCacheSizes(shape, sized)]);
  } catch (error) {
    return String(error);
  }
}
