/** The public estimate with an engine that is asked. Needs `npm run compile`. */
import { afterAll, describe, expect, it } from 'vitest';
import type { EngineFiles } from '../src/core/engine-files.ts';
import { type EstimateFootprintOptions, estimateFootprint } from '../src/estimate-footprint.ts';
import { SMALL } from '../tools/architectures.mjs';
import { makeModels } from './support/model-headers.ts';
import { CANT_ASK } from './support/real-engines.ts';

const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('an estimate with an engine', () => {
  it.skipIf(CANT_ASK !== undefined).each(['@fugood/llama.node', 'node-llama-cpp'] as const)(
    'is what %s says',
    async (engine) => {
      const asked = await estimateFootprint({ modelPath: llama(), contextSize: 2048, engine });
      const computed = await footprint(llama(), { contextSize: 2048 });
      expect(asked.basis).toBe('engine');
      expect(asked.kvCacheBytes).toBe(computed.kvCacheBytes);
      expect(asked.computeBytes).toBe(computed.computeBytes);
      // One of them copies what it can into an arrangement of its own, and unmaps the end of the file.
      const copied = asked.weightsBytes - asked.mappedBytes;
      expect(copied > 0).toBe(engine === 'node-llama-cpp');
      expect(asked.mappedBytes - asked.readOnceBytes + copied).toBeLessThanOrEqual(computed.weightsBytes + 64);
    },
  );

  it('is our own where the libraries can not be asked, and is refused where there are none', async () => {
    const files = { libraries: ['/no/such.so'], backends: '/no' };
    expect(await footprint(llama(), { engine: files })).toMatchObject({ basis: 'gguf', notes: [] });
    const refused = (engine: unknown) => estimateFootprint({ modelPath: llama(), engine: engine as EngineFiles });
    for (const engine of [
      'llama.cpp',
      7,
      {},
      { libraries: [] },
      { libraries: ['relative.so'] },
      { libraries: ['/a.so'], backends: 'b' },
    ]) {
      await expect(refused(engine)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
  });
});
