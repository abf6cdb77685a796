/** Offers with an engine that is asked, and without one. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Adapter, ModelOffer } from '../../src/adapters/adapter.ts';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import type { AskedQuestion } from '../../src/footprint/engine/engine-question.ts';
import { estimateOffers } from '../../src/loading/estimate-offers.ts';
import { makeModels } from '../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());
const modelPath = () => models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
const LIMITS = { ownFloor: undefined, floor: 'Q4_0' } as const;
const ENGINE = { libraries: ['/engine.so'] };

function offering(offers: readonly ModelOffer[], findEngine: Adapter['findEngine'] = async () => ENGINE): Adapter {
  return { ...defaultAdapter, listOffers: async () => offers, findEngine: findEngine! };
}

/** Keeps what an engine is asked, and has no answer. */
function asking() {
  const asked: AskedQuestion[] = [];
  const found: unknown[] = [];
  const engines = (files: unknown) => {
    found.push(files);
    return {
      async ask(each: AskedQuestion) {
        asked.push(each);
        return 'It has no answer.';
      },
    };
  };
  return { asked, found, engines };
}

describe('the files of a load', () => {
  it('are asked about with the engine that the adapter finds, up to the largest context of each cache type', async () => {
    const { asked, found, engines } = asking();
    const request = { name: 'm', shape: { contextSize: { min: 512, max: 2048 }, kvCacheType: ['f16', 'q8_0'] } };
    const adapter = offering([{ modelPath: modelPath() }]);
    const [offer] = await estimateOffers([], request, LIMITS, { adapter, calibration: undefined, engines });
    expect(found).toEqual([ENGINE]);
    expect(asked.flatMap(({ question }) => question.contexts.map(({ mostTokens }) => mostTokens))).toEqual([
      2048, 2048,
    ]);
    expect(offer?.estimator?.estimate({ contextSize: 512, repack: false }).basis).toBe('gguf');
  });

  it('are asked about with all that the model was trained for, if the engine takes that', async () => {
    const { asked, engines } = asking();
    const adapter = offering([{ modelPath: modelPath() }]);
    await estimateOffers([], { name: 'm', shape: { contextSize: 'trained' } }, LIMITS, {
      adapter,
      calibration: undefined,
      engines,
    });
    expect(asked[0]?.question.contexts[0]?.mostTokens).toBe(131_072);
  });

  it('are asked about together with a draft model', async () => {
    const { asked, engines } = asking();
    const draftPath = models.model({ architecture: 'qwen2', heads: 4, kvHeads: 2, layers: 2 });
    const adapter = offering([{ modelPath: modelPath(), draftPath }]);
    const [offer] = await estimateOffers([], { name: 'm' }, LIMITS, { adapter, calibration: undefined, engines });
    expect(asked.map(({ question }) => question.modelPath)).toEqual([modelPath(), draftPath]);
    expect(offer?.estimator?.files).toHaveLength(2);
  });

  it('are read by themselves where nobody is to be asked, or there is nobody', async () => {
    const { asked, engines } = asking();
    const parts = { calibration: undefined, engines };
    const offers = [{ modelPath: modelPath() }];
    await estimateOffers([], { name: 'm' }, LIMITS, { adapter: offering(offers), calibration: undefined });
    await estimateOffers([], { name: 'm' }, LIMITS, { ...parts, adapter: offering(offers, async () => undefined) });
    await estimateOffers([], { name: 'm' }, LIMITS, { ...parts, adapter: offering([]) });
    await estimateOffers([], { name: 'm' }, LIMITS, {
      ...parts,
      adapter: { ...defaultAdapter, listOffers: async () => offers },
    });
    expect(asked).toEqual([]);
  });
});
