import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { loadCallAdapter, runLoadCall } from '../../src/load-calls/load-call-adapter.ts';
import { type LoadChoice, readLoadCall } from '../../src/load-calls/load-call-options.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

const seen: LoadChoice[] = [];
const load = (chosen: LoadChoice) => {
  seen.push(chosen);
  return {};
};

const read = (options: object) => {
  const call = readLoadCall(options, load);
  const adapter = loadCallAdapter(call);
  return { call, adapter, request: adapter.readRequest([call]) };
};

describe('a call that loads', () => {
  it('is a request with its options, and with what its file’s name says', () => {
    const { signal } = new AbortController();
    const guardOptions = {
      downgrade: false,
      force: true,
      pin: true,
      wait: true,
      signal,
      floor: 'Q4_0',
      footprint: 1 * MiB,
    };
    const { request } = read({ name: 'm', ...guardOptions, contextSize: 512, kvCacheType: 'q8_0' });
    expect(request).toEqual({
      name: 'm',
      quantization: undefined,
      memoryGuard: guardOptions,
      shape: { contextSize: 512, kvCacheType: 'q8_0' },
    });
    expect(read({ modelPath: 'm-Q5_K_M.gguf' }).request).toMatchObject({
      name: 'm-Q5_K_M.gguf',
      quantization: 'Q5_K_M',
    });
    expect(read({ modelPath: 'm-Q5_K_M.gguf', quantization: 'Q4_0' }).request.quantization).toBe('Q4_0');
  });

  it('is estimated as its engine runs it, and by that engine if it is named', async () => {
    const estimate = { embeddings: true, batchSize: 128 };
    expect(read({ modelPath: 'm.gguf', estimate }).request.shape).toEqual(estimate);
    expect(read({ modelPath: 'm.gguf' }).adapter).not.toHaveProperty('findEngine');
    const named = read({ modelPath: 'm.gguf', estimate: { ...estimate, engine: 'node-llama-cpp' } });
    expect(named.request.shape).toEqual({ ...estimate, repack: true, simulatesLoads: true });
    const fugood = read({ modelPath: 'm.gguf', estimate: { engine: '@fugood/llama.node' } });
    expect(fugood.request.shape).toEqual({});
    expect(read({ modelPath: 'm.gguf', estimate: { repack: false } }).request.shape).toEqual({ repack: false });
    const paths = { libraries: ['/opt/libllama.so'] };
    const own = read({ modelPath: 'm.gguf', estimate: { engine: paths } });
    expect(await own.adapter.findEngine?.([own.call])).toEqual(paths);
  });

  it('offers its candidates, or the files beside its own', async () => {
    const candidates = [
      { quantization: 'a', footprint: 1, own: true },
      { quantization: 'b', modelPath: 'b.gguf' },
    ];
    const own = read({ name: 'm', candidates });
    expect(own.adapter.ownLadder).toBe(true);
    expect(await own.adapter.listOffers?.([own.call])).toEqual(candidates);
    const files = makeTinyModels();
    onTestFinished(() => files.remove());
    const path = files.path('tiny-Q5_K_M.gguf');
    const lying = read({ modelPath: path, projectorPath: 'p.gguf' });
    expect(lying.adapter.ownLadder).toBeUndefined();
    expect(await lying.adapter.listOffers?.([lying.call])).toMatchObject([
      { quantization: 'Q5_K_M', modelPath: path, projectorPath: 'p.gguf' },
    ]);
    const told = read({ name: 'm', footprint: 1 });
    expect(await told.adapter.listOffers?.([told.call])).toEqual([]);
  });

  it('is told what was chosen', async () => {
    const candidates = [
      { quantization: 'a', footprint: 1, own: 'x' },
      { quantization: 'b', modelPath: 'b.gguf' },
    ];
    const { adapter, call } = read({ name: 'm', candidates, quantization: 'a' });
    const chosen = adapter.withQuantization([call], 'b', 'b.gguf');
    await runLoadCall(adapter.withShape!(chosen, { contextSize: 256, kvCacheType: 'f16' }));
    expect(seen.pop()).toEqual({
      quantization: 'b',
      modelPath: 'b.gguf',
      contextSize: 256,
      kvCacheType: 'f16',
      candidate: candidates[1],
    });
    // Observing chooses nothing.
    await runLoadCall(adapter.withQuantization([call], undefined, undefined));
    expect(seen.pop()).toEqual({ quantization: 'a', candidate: candidates[0] });
  });

  it('runs its models in the usual ways, or in those that it names', () => {
    expect(['', 'run', 'tokenize'].map((name) => read({ name: 'm' }).adapter.isInference(name))).toEqual([
      true,
      true,
      false,
    ]);
    const isInference = (method: string) => method === 'tokenize';
    expect(read({ name: 'm', isInference, keepAliveMs: 5 }).adapter).toMatchObject({ isInference, keepAliveMs: 5 });
  });
});
