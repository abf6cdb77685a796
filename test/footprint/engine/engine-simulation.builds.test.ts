/** What eight builds of llama.cpp said of loads when they were asked, and what they allocated when they loaded: `node tools/build-transcripts.mjs`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openEstimator } from '../../../src/footprint/estimator.ts';
import { readRecipes, writeRecipe } from '../../../tools/architecture-file.mjs';
import { makeModels } from '../../support/model-headers.ts';
import { CANT_ASK, findInstalledEngines, makeAsker, portOf } from '../../support/real-engines.ts';
import { runNode } from '../../support/run-program.ts';

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

const NODE_LLAMA_CPP = new URL('../../../node_modules/node-llama-cpp/dist/index.js', import.meta.url).href;

/** Loads a model and makes its context for real, in a program of its own. */
const REAL_LOAD = `
  import { getLlama } from ${JSON.stringify(NODE_LLAMA_CPP)};
  const [modelPath, options] = process.argv.slice(2);
  const llama = await getLlama({ gpu: false, build: 'never' });
  const model = await llama.loadModel({ modelPath });
  await model.createContext(JSON.parse(options));
  process.exit(0);
`;

/** How `node-llama-cpp` ends on this processor when it loads this. */
async function loadForReal(path: string, run: Transcript['run']) {
  const program = `${models.folder}/load.mjs`;
  writeFileSync(program, REAL_LOAD);
  const flashAttention = run['flash_attn_type'] === 0 ? false : 'auto';
  const options = { contextSize: run['n_ctx'], batchSize: run['n_ubatch'], swaFullCache: run['swa_full'] === 1 };
  return runNode([program, path, JSON.stringify({ ...options, flashAttention })]);
}

describe.skipIf(CANT_ASK !== undefined)(`the installed builds (${CANT_ASK ?? 'asked now'})`, () => {
  const asked = [
    ['@fugood/llama.node', '1.7.15'],
    ['node-llama-cpp', '3.22.1'],
  ].flatMap(([name, version]) =>
    transcripts
      .filter(({ build, run }) => build.includes(version!) && run['n_seq_max'] === undefined)
      .map((transcript) => [name!, version!, transcript.architecture, transcript.run['n_ctx'], transcript] as const),
  );

  it.for(asked)(
    '%s %s says of %s with %i tokens what was recorded',
    async ([name, , architecture, , transcript], context) => {
      const { run } = transcript;
      const files = (await findInstalledEngines())[name]!;
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
      const problem = await estimator.ask([shape], shape.contextSize).catch(String);
      if (typeof problem === 'string') {
        expect([name, problem]).toEqual(['node-llama-cpp', expect.stringContaining('was ended by SIGABRT')]);
        // llama.cpp has a library for each kind of processor, and not each of them can compute every architecture.
        const { signal, stderr } = await loadForReal(path, run);
        expect([signal, stderr]).toEqual(['SIGABRT', expect.stringContaining('GGML_ASSERT')]);
        context.skip(`the engine itself aborts when it loads ${architecture} on this processor`);
      }
      const { kvCacheBytes, computeBytes, basis } = estimator.estimate(shape);
      const sum = (part: 2 | 3) => transcript.asked!.reduce((total, buffer) => total + buffer[part], 0);
      expect({ basis, kvCacheBytes, computeBytes }).toEqual({
        basis: 'engine',
        kvCacheBytes: sum(2),
        computeBytes: sum(3),
      });
    },
  );
});
