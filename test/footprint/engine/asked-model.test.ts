import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AskedModel } from '../../../src/footprint/engine/asked-model.ts';
import type { AskedQuestion, EngineAnswer } from '../../../src/footprint/engine/engine-question.ts';
import { completeSettings, openEstimator } from '../../../src/footprint/estimator.ts';
import { LoraAdapters } from '../../../src/footprint/lora-adapters.ts';
import { type GgufFile, readGguf } from '../../../src/gguf/read-gguf.ts';
import { writeDraftModel } from '../../support/draft-models.ts';
import { makeModels } from '../../support/model-headers.ts';

const models = makeModels();
let model: GgufFile;
let projector: GgufFile;
beforeAll(async () => {
  model = await readGguf(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }));
  projector = await readGguf(models.projector({ width: 64, layers: 1, heads: 2, ffn: 128, projection: 512 }));
});
afterAll(() => models.remove());

const MiB = 2 ** 20;

/** Says of every context 1 KiB for each token, and keeps what it was asked. */
function answering(change: (asked: AskedQuestion) => Partial<EngineAnswer> | string = () => ({})) {
  const asked: AskedQuestion[] = [];
  const ask = async (each: AskedQuestion): Promise<EngineAnswer | string> => {
    asked.push(each);
    const changed = change(each);
    if (typeof changed === 'string') return changed;
    const points = each.question.contexts.map(({ leastTokens, mostTokens }) =>
      [...new Set([leastTokens, mostTokens])].map((tokens) => ({
        tokens,
        cacheBytes: tokens * 1024,
        stateBytes: 0,
        computeBytes: 7 * MiB,
        outputBytes: 11,
        runtimeBytes: 2 * MiB,
        straight: true,
      })),
    );
    return {
      weights: [{ name: 'CPU', host: true, bytes: model.tensors.shards[0]!.dataBytes }],
      runtimeBytes: 3 * MiB,
      contexts: points,
      ...(each.question.projector && { projectorBytes: 100 * MiB }),
      ...changed,
    };
  };
  return { asked, engine: { ask } };
}

describe('a model that an engine was asked about', () => {
  it('is asked for every context up to the largest, once for all cache types', async () => {
    const { asked, engine } = answering();
    const known = new AskedModel(engine, model, undefined);
    const shapes = (['f16', 'q8_0'] as const).map((kvCacheType) =>
      completeSettings({ contextSize: 8192, kvCacheType }),
    );
    await known.ask(shapes);
    expect(asked).toHaveLength(1);
    const { question, files, bytes } = asked[0]!;
    expect(question.contexts.map(({ leastTokens, mostTokens }) => [leastTokens, mostTokens])).toEqual([
      [256, 8192],
      [256, 8192],
    ]);
    expect(question.contexts.map(({ values }) => values['type_k'])).toEqual([1, 8]);
    expect(files).toEqual(model.shardIdentities);
    // The process itself, a context, 2048 tokens and four layers.
    expect(bytes).toBeGreaterThan(40 * MiB);
    expect(bytes).toBeLessThan(42 * MiB);
    const footprint = known.estimate(completeSettings({ contextSize: 5000 }));
    expect(footprint).toMatchObject({
      kvCacheBytes: 5120 * 1024,
      computeBytes: 7 * MiB,
      outputBytes: 11,
      basis: 'engine',
      upperBound: false,
    });
    expect(footprint!.totalBytes).toBe(footprint!.mappedBytes + footprint!.anonymousBytes);
  });

  it('is not known in a shape that nobody asked for, or a larger context', async () => {
    const { engine } = answering();
    const known = new AskedModel(engine, model, undefined);
    await known.ask([completeSettings({ contextSize: 4096 })]);
    await known.ask([]);
    expect(known.estimate(completeSettings({ contextSize: 4097 }))).toBeUndefined();
    expect(known.estimate(completeSettings({ contextSize: 4096, sequences: 2 }))).toBeUndefined();
    expect(known.estimate(completeSettings({ contextSize: 4096 }))).toBeDefined();
  });

  it('is known in every one of several contexts that were asked for at once', async () => {
    const { asked, engine } = answering();
    const known = new AskedModel(engine, model, undefined);
    const shapes = [4096, 8192].map((contextSize) => completeSettings({ contextSize }));
    await known.ask(shapes, Number.POSITIVE_INFINITY);
    await known.ask(shapes.slice(0, 1), Number.POSITIVE_INFINITY);
    expect(asked).toHaveLength(2);
    expect(shapes.map((shape) => known.estimate(shape)?.kvCacheBytes)).toEqual([4096 * 1024, 8192 * 1024]);
    expect(known.estimate(completeSettings({ contextSize: 6144 }))).toBeUndefined();
  });

  it('is asked about the context of its draft layers beside its own, and as a draft model about that alone', async () => {
    const path = writeDraftModel(models.folder);
    const drafting = await readGguf(path);
    const estimate = async (draftRole: 'own' | 'target' | 'draft') => {
      const { asked, engine } = answering();
      const known = new AskedModel(engine, drafting, undefined);
      const shapes = (['f16', 'q8_0'] as const).map((kvCacheType) =>
        completeSettings({ kvCacheType, draftTokens: 3, draftRole }),
      );
      await known.ask(shapes);
      const [{ question }] = asked as [AskedQuestion];
      const found = shapes.map((each) => known.estimate(each)!);
      expect(found[0]!.kvCacheBytes).toBe(found[1]!.kvCacheBytes);
      const types = question.contexts.map(({ values }) => `${values['ctx_type'] ?? 0} ${values['type_k']}`);
      return [types, found[0]!.kvCacheBytes / 1024, found[0]!.laterBytes > 0];
    };
    expect(await estimate('own')).toEqual([['0 1', '1 1', '0 8', '1 1'], 2 * 4096, true]);
    expect(await estimate('target')).toEqual([['0 1', '0 8'], 4096, false]);
    expect(await estimate('draft')).toEqual([['1 1', '1 1'], 4096, true]);
  });

  it('is asked by a process that may take what its adapters take, and anew if one has changed', async () => {
    const { asked, engine } = answering(() => ({ adapterBytes: MiB }));
    const adapters = new LoraAdapters();
    const known = new AskedModel(engine, model, undefined, adapters);
    // Any file serves: what is counted are its tensors.
    await adapters.read([projector.path]);
    await known.ask([{}, { loraPaths: [projector.path] }].map(completeSettings));
    const [without, withAdapter] = asked;
    expect(withAdapter!.bytes - without!.bytes).toBeGreaterThanOrEqual(projector.tensorBytes);
    expect(without!.files).toEqual(model.shardIdentities);
    expect(withAdapter!.files).toEqual([...model.shardIdentities, ...projector.shardIdentities]);
  });

  it('is asked about weights and contexts apart where they are loaded apart', async () => {
    const { asked, engine } = answering();
    const known = new AskedModel(engine, model, projector);
    const weights = completeSettings({ part: 'weights', contextSize: 1 });
    const context = completeSettings({ part: 'context', contextSize: 512 });
    await known.ask([weights, context]);
    expect(asked.map(({ question }) => [question.contexts.length, question.projector !== undefined])).toEqual([
      [0, true],
      [1, false],
    ]);
    expect(known.estimate(weights)).toMatchObject({
      kvCacheBytes: 0,
      computeBytes: 0,
      weightsBytes: model.tensors.shards[0]!.dataBytes,
    });
    expect(known.estimate(context)).toMatchObject({
      kvCacheBytes: 512 * 1024,
      weightsBytes: 0,
      projectorBytes: 0,
      mappedBytes: 0,
    });
  });

  it('has the projector as the engine lays it out', async () => {
    const { engine } = answering();
    const known = new AskedModel(engine, model, projector);
    await known.ask([completeSettings({})]);
    const footprint = known.estimate(completeSettings({}))!;
    expect(footprint.projectorBytes + footprint.projectorComputeBytes).toBe(100 * MiB);
    expect(footprint.notes).toEqual([]);
  });

  it('is mapped, locked, or neither', async () => {
    const { engine } = answering();
    const estimate = async (shape: object) => {
      const known = new AskedModel(engine, model, undefined);
      await known.ask([completeSettings(shape)]);
      const { mappedBytes, lockedBytes, weightsBytes } = known.estimate(completeSettings(shape))!;
      return [mappedBytes, lockedBytes, weightsBytes];
    };
    const bytes = model.tensors.shards[0]!.dataBytes;
    expect(await estimate({})).toEqual([bytes, 0, bytes]);
    expect(await estimate({ mlock: true })).toEqual([bytes, bytes, bytes]);
    expect(await estimate({ mmap: false })).toEqual([0, 0, bytes]);
  });

  it('is not known if the engine has no answer, and says why if our own arithmetic is not exact', async () => {
    const { engine } = answering(() => 'The engine could not be asked.');
    const known = new AskedModel(engine, model, undefined);
    await known.ask([completeSettings({})]);
    expect(known.estimate(completeSettings({}))).toBeUndefined();
    expect(known.problem).toBe('The engine could not be asked.');
    const exact = await openEstimator(model.path, undefined, engine);
    await exact.ask([{}]);
    expect(exact.estimate({ repack: false })).toMatchObject({ basis: 'gguf', notes: [] });
    const bounded = await openEstimator(models.model({ architecture: 'qwen2', header: 'unheard' }), undefined, engine);
    await bounded.ask([{}]);
    expect(bounded.estimate({ repack: false })).toMatchObject({
      basis: 'gguf',
      notes: [expect.any(String), 'The engine could not be asked.'],
    });
  });
});
