/** The real module of transformers.js with real models behind a guard: which dtype is loaded, what runs, what ends. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createMemoryGuard } from '../../src/create-memory-guard.ts';
import type { DecisionEvent } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { giveBack } from '../../src/machine/release-memory.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { recordEvents } from '../support/fake-sdk.ts';
import { OnnxFamilies, type Transformers } from '../support/onnx-families.ts';
import { engineFile, NO_OTHER_ENGINES } from '../support/other-engines.ts';
import { runProgram } from '../support/run-program.ts';

if (NO_OTHER_ENGINES) console.warn(`transformers.js is not tested: ${NO_OTHER_ENGINES}.`);

const FEATURES = 'feature-extraction';
let families: OnnxFamilies;
let module: Transformers;

/** A machine that has this much, less what was promised. */
const machine = (availableBytes: number) => ({ sensor: () => ({ totalBytes: 64 * GiB, availableBytes }) });

function guarded(options: GuardOptions = {}) {
  const guard = createMemoryGuard({ minFreeBytes: 0, minFreeRatioAfterLoad: 0, ledger: 'process', ...options });
  onTestFinished(() => guard.close());
  return { guard, sdk: guard.wrap(module) as Transformers, events: recordEvents(guard) };
}

const neededBytes = async (dtype: string, id = 'larger/bert') => {
  const { guard } = guarded(machine(8 * GiB));
  const { need } = await guard.plan(id, { dtype });
  guard.close();
  return need!.anonymousBytes;
};

/** What the session was really made of. */
const dtypesOf = ({ model }: Transformers) =>
  Object.values<Transformers>(model.sessions).map(({ config }) => config.dtype);

describe.skipIf(NO_OTHER_ENGINES)('transformers.js behind a guard', () => {
  beforeAll(async () => {
    families = new OnnxFamilies();
    module = await families.openModule();
    families.write('tiny/bert');
    families.write('tiny/gpt', { kind: 'decoder' });
    families.write('larger/bert', { hidden: 1024, layers: 2 });
    families.write('apart/bert', { hidden: 512, layers: 2, external: true });
    families.write('half/bert', { dtypes: ['fp16', 'q4'] });
  }, 60_000);
  afterAll(() => families.remove());

  it('loads the best dtype that fits, and the session is made of that file', async () => {
    const { sdk, events } = guarded(machine((await neededBytes('q8')) + 1 * MiB));
    const pipe = await sdk.pipeline(FEATURES, 'larger/bert', { dtype: 'fp32' });
    onTestFinished(() => pipe.dispose());
    expect(pipe.quantization).toBe('q8');
    expect(dtypesOf(pipe)).toEqual(['q8']);
    expect(events[0]).toMatchObject({ type: 'downgraded', askedQuantization: 'fp32', quantization: 'q8' });
    expect((events[0] as DecisionEvent).candidates.map(({ quantization }) => quantization)).toEqual([
      'fp32',
      'fp16',
      'q8',
      'q4',
    ]);
  });

  it('begins with fp32 if nothing is asked for, and with the best that is there if there is no fp32', async () => {
    const { sdk } = guarded();
    for (const [id, dtype] of [
      ['tiny/bert', 'fp32'],
      ['half/bert', 'fp16'],
    ]) {
      const pipe = await sdk.pipeline(FEATURES, id);
      expect(dtypesOf(pipe)).toEqual([dtype]);
      await pipe.dispose();
    }
  });

  it('runs pipelines as they are, and counts their calls until they are disposed of', async () => {
    const { sdk, guard, events } = guarded();
    const raw = await module.pipeline(FEATURES, 'tiny/bert', { dtype: 'q4' });
    const pipe = await sdk.pipeline(FEATURES, 'tiny/bert', { dtype: 'q4', memoryGuard: { pin: true } });
    const ask = (each: Transformers) => each('the model fits memory.', { pooling: 'mean', normalize: true });
    const running = ask(pipe);
    expect(guard.models()[0]).toMatchObject({ name: 'tiny/bert', quantization: 'q4', callsInFlight: 1, pinned: true });
    expect((await running).tolist()).toEqual((await ask(raw)).tolist());
    expect(pipe).toBeInstanceOf(module.FeatureExtractionPipeline);
    await pipe.dispose();
    expect(guard.models()).toEqual([]);
    expect(guard.ledger.entries()).toEqual([]);
    await vi.waitFor(() => expect(events.at(-1)).toMatchObject({ type: 'unloaded' }), { timeout: 20_000 });
    expect(events.filter(({ type }) => type === 'degraded')).toEqual([]);
    await raw.dispose();
  });

  it('generates texts with a cache, through a pipeline and through a class', async () => {
    const { sdk, guard } = guarded();
    await using pipe = await sdk.pipeline('text-generation', 'tiny/gpt', { dtype: 'q8' });
    const options = { max_new_tokens: 5, do_sample: false };
    const [{ generated_text: text }] = await pipe('the model', options);
    const model = await sdk.AutoModelForCausalLM.from_pretrained('tiny/gpt', { dtype: 'q8' });
    expect(model).toBeInstanceOf(sdk.GPT2LMHeadModel);
    const tokenizer = await sdk.AutoTokenizer.from_pretrained('tiny/gpt');
    const tokens = await model.generate({ ...tokenizer('the model'), ...options });
    expect(tokenizer.batch_decode(tokens, { skip_special_tokens: true })).toEqual([text]);
    expect(guard.models()).toMatchObject([{ name: 'tiny/gpt' }, { name: 'tiny/gpt' }]);
    // A pipeline that is made of a guarded model ends it.
    const made = new sdk.TextGenerationPipeline({ task: 'text-generation', model, tokenizer });
    expect(await made('the model', options)).toEqual([{ generated_text: text }]);
    await made.dispose();
    expect(guard.models()).toHaveLength(1);
  });

  it('leaves nothing at the end of an `await using` block', async () => {
    const { sdk, guard } = guarded();
    {
      await using pipe = await sdk.pipeline(FEATURES, 'tiny/bert');
      expect((await pipe('the model')).dims).toEqual([1, 2, 64]);
      expect(guard.models()).toHaveLength(1);
    }
    expect(guard.models()).toEqual([]);
  });

  it('evicts an idle pipeline for another one, and loads it again when it is called', async () => {
    const bytes = await neededBytes('q8');
    const { sdk, guard, events } = guarded({
      ...machine(bytes + 1 * MiB),
      evict: 'idle',
      reload: true,
      downgrade: false,
    });
    const first = await sdk.pipeline(FEATURES, 'larger/bert', { dtype: 'q8' });
    const second = await sdk.pipeline(FEATURES, 'larger/bert', { dtype: 'q8' });
    expect(events.filter(({ type }) => type === 'evicted')).toHaveLength(1);
    expect((await first('the model')).dims).toEqual([1, 2, 1024]);
    expect(guard.models()).toHaveLength(1);
    for (const each of [first, second]) await each.dispose();
    expect(guard.models()).toEqual([]);
  });

  it('unloads a pipeline that is idle for too long', async () => {
    const { sdk, guard, events } = guarded({ keepAliveMs: 50 });
    const pipe = await sdk.pipeline(FEATURES, 'tiny/bert');
    await pipe('the model');
    const told = () => expect(events.find(({ type }) => type === 'evicted')).toMatchObject({ reason: 'keep-alive' });
    await vi.waitFor(told, { timeout: 20_000 });
    expect(guard.models()).toEqual([]);
    await expect((async () => pipe('the model'))()).rejects.toMatchObject({ code: 'ERR_MODEL_EVICTED' });
  });

  it.each([
    ['larger/bert', 'fp32'],
    ['larger/bert', 'fp16'],
    ['larger/bert', 'q8'],
    ['larger/bert', 'q4'],
    ['apart/bert', 'fp32'],
    ['apart/bert', 'fp16'],
  ])('promises for %s in %s what it then holds, and no less', async (id, dtype) => {
    const { sdk, guard } = guarded();
    await giveBack(systemClock);
    await using pipe = await sdk.pipeline(FEATURES, id, { dtype });
    await pipe('the model fits memory');
    const [{ need, observed }] = guard.models() as [Transformers];
    const held = Math.max(observed.anonymousAfterLoadBytes, observed.anonymousAfterCallBytes);
    expect(held).toBeGreaterThan(4 * MiB);
    expect(held).toBeLessThan(need.anonymousBytes);
  });

  it('refuses what nobody can know, and says why and what to write', async () => {
    const { sdk, events } = guarded();
    const say = '`memoryGuard: { footprint }`';
    const unknown = async (...args: unknown[]) => {
      const error = await sdk.pipeline(...args).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
      expect(error.message).toContain(say);
      return error.message;
    };
    expect(await unknown(FEATURES, 'tiny/bert', { device: 'webgpu' })).toMatch(/tiny\/bert on webgpu.*on webgpu can't/);
    expect(await unknown(FEATURES)).toMatch(/name it, as in `pipeline\('feature-extraction', 'org\/model'\)`/);
    expect(await unknown(FEATURES, 'tiny/none')).toMatch(/config\.json can't be had/);
    expect(events).toEqual([]);
    const pipe = await sdk.pipeline(FEATURES, 'tiny/bert', { dtype: 'q8', memoryGuard: { footprint: '50 MiB' } });
    expect(dtypesOf(pipe)).toEqual(['q8']);
    await pipe.dispose();
  });
});

const noControlGroups = NO_OTHER_ENGINES ?? whyNoControlGroups();

describe.skipIf(noControlGroups !== undefined)('transformers.js under a real limit', () => {
  const LIMIT = 512 * MiB;

  beforeAll(() => {
    families = new OnnxFamilies();
    families.write('large/bert', { hidden: 2048, layers: 4 });
  }, 120_000);
  afterAll(() => families.remove());

  const run = (load: string) =>
    runProgram(
      `
      const module = await import(${JSON.stringify(engineFile('@huggingface/transformers/dist/transformers.node.mjs'))});
      Object.assign(module.env, { localModelPath: ${JSON.stringify(families.folder)}, allowRemoteModels: false });
      ${load}
      console.log(pipe.quantization, (await pipe('the model fits memory')).dims.join());
      `,
      { group: createControlGroup(LIMIT) },
    );

  it('is killed without a guard, and with one runs in the dtype that fits', async () => {
    const alone = await run(`const pipe = await module.pipeline('feature-extraction', 'large/bert');`);
    expect(alone.signal).toBe('SIGKILL');
    const ended = await run(`
      const guard = door.createMemoryGuard({ minFreeBytes: 32 * door.MiB, minFreeRatioAfterLoad: 0 });
      const pipe = await guard.wrap(module).pipeline('feature-extraction', 'large/bert');
    `);
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'q8 1,4,2048\n' });
  }, 120_000);
});
