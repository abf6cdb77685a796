/** What engines answer when they are asked, against what the same engine printed when it really loaded. Needs `npm run compile`. */
import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openEstimator } from '../../../src/footprint/estimator.ts';
import { sumBuffersMiB } from '../../../tools/engine-load.mjs';
import { makeModels, predicted, type Transcript, transcripts } from '../../support/model-headers.ts';
import { CANT_ASK, findInstalledEngines, makeAsker, portOf } from '../../support/real-engines.ts';

const models = makeModels();
const asker = makeAsker();
afterAll(() => {
  models.remove();
  asker.close();
});

/** The engine rounds each line to 0.01 MiB, some sums have two lines, and what it printed of outputs is rounded up once more. */
const ROUNDING_MIB = 0.0303;

describe.skipIf(CANT_ASK !== undefined)(`an engine that is asked (${CANT_ASK ?? 'real ones'})`, () => {
  it('is installed', async () => {
    for (const { libraries } of Object.values(await findInstalledEngines())) {
      expect(libraries.filter((path) => !existsSync(path))).toEqual([]);
    }
  });

  const groups = new Map<string, Transcript[]>();
  for (const each of transcripts()) {
    const name = each.shape.architecture ?? '';
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  for (const [architecture, group] of groups) {
    it(`says of ${architecture} in ${group.length} runs what it printed when it loaded them`, async () => {
      const { '@fugood/llama.node': files } = await findInstalledEngines();
      const port = portOf(asker, files!);
      for (const { shape, projector, run, said } of group) {
        const estimator = await openEstimator(models.model(shape), projector && models.projector(projector), port);
        await estimator.ask([run]);
        const footprint = estimator.estimate(run);
        expect(footprint.basis).toBe('engine');
        const { kvCache, state, ...rest } = sumBuffersMiB(said);
        const asked = predicted(footprint);
        for (const [part, mib] of Object.entries({ ...rest, cache: kvCache + state })) {
          // A projector that was not compared keeps our own bound, if that is more.
          if (part === 'projectorCompute' && footprint.upperBound)
            expect(asked[part]).toBeGreaterThanOrEqual(mib - ROUNDING_MIB);
          else
            expect(Math.abs((asked[part] ?? Number.NaN) - mib), `${part} of ${JSON.stringify(run)}`).toBeLessThan(
              ROUNDING_MIB,
            );
        }
      }
    });
  }

  it('says the same of a context between two that were asked', async () => {
    const { '@fugood/llama.node': files } = await findInstalledEngines();
    const open = () =>
      openEstimator(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }), undefined, portOf(asker, files!));
    const range = await open();
    await range.ask([{ contextSize: 16_384 }]);
    for (const contextSize of [256, 300, 2048, 5000, 12_288, 16_000]) {
      const exact = await open();
      await exact.ask([{ contextSize }], contextSize);
      const { kvCacheBytes, computeBytes } = exact.estimate({ contextSize });
      const between = range.estimate({ contextSize });
      expect(between.kvCacheBytes).toBe(kvCacheBytes);
      expect(between.computeBytes / computeBytes).toBeGreaterThan(0.999);
      // Of fewer tokens than a micro-batch has, the graph of the next larger context is taken.
      if (contextSize >= 512) expect(between.computeBytes / computeBytes).toBeLessThan(1.01);
    }
  });
});
