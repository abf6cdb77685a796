/** What eight builds of llama.cpp said of loads when they were asked, and what they allocated when they loaded: `node tools/build-transcripts.mjs`. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openEstimator } from '../../../src/footprint/estimator.ts';
import { readRecipes, writeRecipe } from '../../../tools/architecture-file.mjs';
import { makeModels } from '../../support/model-headers.ts';
import { CANT_ASK, findInstalledEngines, makeAsker, portOf } from '../../support/real-engines.ts';

/** The name of a buffer, and bytes of weights, of the cache and of graphs in it. */
type Buffer = readonly [name: string, weights: number, cache: number, compute: number];

interface Transcript {
  readonly build: string;
  readonly architecture: string;
  readonly run: Readonly<Record<string, number>>;
  /** Null if the build refused, or can't be asked. */
  readonly asked: readonly Buffer[] | null;
  readonly loaded: readonly Buffer[] | null;
}

const fixture = (name: string) => new URL(`../../fixtures/${name}`, import.meta.url);
const transcripts = readFileSync(fixture('build-transcripts.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Transcript);
const builds = [...new Set(transcripts.map(({ build }) => build))];
const recipes = readRecipes(fixture('architectures.jsonl').pathname);

const models = makeModels();
const asker = makeAsker();
afterAll(() => {
  models.remove();
  asker.close();
});

describe('eight builds', () => {
  it('are three of the one package and five of the other, with the newest of each', () => {
    expect(builds.map((build) => build.replace(/ \(.*/, ''))).toEqual([
      '@fugood/llama.node 1.7.15',
      '@fugood/llama.node 1.4.3',
      '@fugood/llama.node 1.4.12',
      'node-llama-cpp 3.15.1',
      'node-llama-cpp 3.18.1',
      'node-llama-cpp 3.20.0',
      'node-llama-cpp 3.21.1',
      'node-llama-cpp 3.22.1',
    ]);
  });

  it.each(builds.filter((build) => !build.includes('1.4.3')))(
    '%s says what it then allocates, to the byte',
    (build) => {
      const own = transcripts.filter((each) => each.build === build);
      expect(own.filter(({ asked }) => asked).length).toBeGreaterThanOrEqual(27);
      for (const { asked, loaded } of own) expect(asked).toEqual(loaded);
    },
  );

  it('include one from before a load could be simulated', () => {
    const own = transcripts.filter(({ build }) => build.includes('1.4.3'));
    expect(own.filter(({ asked }) => asked)).toEqual([]);
    expect(own.filter(({ loaded }) => loaded)).toHaveLength(24);
  });

  it('differ: of four sequences of lfm2 one keeps more than another', () => {
    const cacheOf = (name: string) =>
      transcripts
        .find(
          ({ build, architecture, run }) => build.includes(name) && architecture === 'lfm2' && run['n_seq_max'] === 4,
        )
        ?.loaded?.reduce((sum, [, , cache]) => sum + cache, 0);
    expect(cacheOf('1.4.12')).toBeGreaterThan(0);
    expect(cacheOf('1.7.15')).toBeGreaterThan(0);
  });
});

describe.skipIf(CANT_ASK !== undefined)(`the installed builds (${CANT_ASK ?? 'asked now'})`, () => {
  it.each([
    ['@fugood/llama.node', '1.7.15'],
    ['node-llama-cpp', '3.22.1'],
  ])('%s %s says of every architecture what was recorded', async (name, version) => {
    const files = (await findInstalledEngines())[name]!;
    const recorded = transcripts.filter(({ build, run }) => build.includes(version) && run['n_seq_max'] === undefined);
    for (const { architecture, run, asked } of recorded) {
      const path = `${models.folder}/${architecture}.gguf`;
      writeRecipe(path, recipes.find((each) => each.name === architecture)!);
      const shape = {
        contextSize: run['n_ctx']!,
        microBatchSize: run['n_ubatch']!,
        flashAttention: run['flash_attn_type'] === 0 ? 'off' : 'auto',
        fullSlidingCache: run['swa_full'] === 1,
        part: 'context',
      } as const;
      const estimator = await openEstimator(path, undefined, portOf(asker, files));
      await estimator.ask([shape], shape.contextSize);
      const { kvCacheBytes, computeBytes, basis } = estimator.estimate(shape);
      const sum = (part: 2 | 3) => asked!.reduce((total, buffer) => total + buffer[part], 0);
      expect({ architecture, basis, kvCacheBytes, computeBytes }).toEqual({
        architecture,
        basis: 'engine',
        kvCacheBytes: sum(2),
        computeBytes: sum(3),
      });
    }
  });
});
