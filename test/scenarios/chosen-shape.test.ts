/** What the guard chooses within the ranges of a load, and what it says would help: real files, a real engine, a replaced machine. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InsufficientMemoryError } from '../../src/admission/insufficient-memory-error.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { MODEL_PROCESS_BYTES } from '../../src/loading/process-load.ts';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { recordEvents } from '../support/fake-sdk.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** So much is available beside what a model's process takes. */
async function guarded(besideBytes: number, processes = 1) {
  const availableBytes = besideBytes + processes * MODEL_PROCESS_BYTES;
  const sdk = await NexaSDK.initialize({ modelsDir: files.folder, maxAudioSeconds: 1 });
  const sensor = () => ({ totalBytes: 16 * GiB, availableBytes });
  const nexa = withMemoryGuard(sdk, { sensor, minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0 });
  closing.push(
    () => nexa.dispose(),
    () => nexa.guard.close(),
  );
  return { nexa, guard: nexa.guard, events: recordEvents(nexa.guard) };
}

/** A cell takes 2 KiB in f16, 1088 bytes in q8_0, and some 50 bytes beside. */
const LONG = { quantization: 'Q4_0', contextSize: 131_072 };

describe('a load with choices', () => {
  it('takes the largest context of its range that fits: the event, the model and the list tell which and why', async () => {
    const { nexa, guard, events } = await guarded(160 * MiB);
    const contextSize = { min: 1024, max: 131_072 };
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize });
    const chosen = model.contextSize;
    expect(chosen).toBeGreaterThan(1024);
    expect(chosen).toBeLessThan(131_072);
    expect(chosen % 256).toBe(0);
    const message = `qwen2audio Q4_0 with 131072 tokens of context needs`;
    expect(events[0]).toMatchObject({
      type: 'admitted',
      contextSize: chosen,
      message: expect.stringContaining(message),
    });
    expect(events[0]?.message).toContain(`Loading it with ${chosen} tokens of context instead`);
    expect(guard.models()[0]).toMatchObject({ contextSize: chosen, reason: events[0]?.message });
  });

  it('takes the first cache type of its list that fits, and passes it on', async () => {
    const { nexa, guard, events } = await guarded(247 * MiB);
    const model = await nexa.loadModel('qwen2audio', { ...LONG, kvCacheType: ['f16', 'q8_0', 'q4_0'] });
    expect([model.contextSize, model.kvCacheType]).toEqual([131_072, 'q8_0']);
    expect(guard.models()[0]).toMatchObject({ contextSize: 131_072, kvCacheType: 'q8_0' });
    const [first, second, third] = events[0]?.type === 'admitted' ? events[0].candidates : [];
    expect([first, second, third].map((each) => [each?.kvCacheType, each?.admitted])).toEqual([
      ['f16', false],
      ['q8_0', true],
      ['q4_0', true],
    ]);
    expect(events[0]?.message).toContain('instead');
    expect(events[0]?.message).toContain('a cache of q8_0');
  });

  it('has the default if nothing was left to choose, and the guard says nothing of it', async () => {
    const { nexa, guard } = await guarded(4 * GiB);
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 1024 });
    expect(model.kvCacheType).toBe('f16');
    expect(guard.models()[0]).not.toHaveProperty('kvCacheType');
  });
});

describe("another SDK's model", () => {
  it('tells what was chosen for it, unless it says so itself', async () => {
    const passed: unknown[] = [];
    const sdk = {
      async loadModel(name: string, options: object) {
        passed.push(options);
        return { name, quantization: 'its own word' };
      },
    };
    const guarded = withMemoryGuard(sdk, {
      sensor: () => ({ totalBytes: 16 * GiB, availableBytes: 240 * MiB }),
      minFreeBytes: 1 * MiB,
      minFreeRatioAfterLoad: 0,
      adapter: {
        listOffers: async () => [{ quantization: 'Q4_0', modelPath: files.model('Q4_0') }],
        withShape: ([name, options], chosen) => [name, { ...Object(options), ...chosen }],
      },
    });
    closing.push(() => guarded.guard.close());
    const model = await guarded.loadModel('m', { contextSize: 131_072, kvCacheType: ['f16', 'q8_0'] });
    expect(passed).toEqual([expect.objectContaining({ contextSize: 131_072, kvCacheType: 'q8_0' })]);
    const told = ['quantization', 'contextSize', 'kvCacheType'].map((key) => Reflect.get(model, key));
    expect(told).toEqual(['its own word', 131_072, 'q8_0']);
  });
});

describe('what would help', () => {
  it('is in the plan and in the refusal: the context that fits, the models to unload, the bytes to free', async () => {
    const { nexa, guard } = await guarded(337 * MiB, 2);
    const held = await nexa.loadModel('qwen2audio', LONG);
    const plan = await guard.plan('qwen2audio', LONG);
    expect(plan.verdict).toBe('refuse');
    const { freeBytes, unload, context } = plan.help ?? { unload: [] };
    expect(freeBytes).toBe(plan.candidates[0]?.shortfallBytes);
    expect(unload).toEqual(['qwen2audio Q4_0']);
    expect(context?.quantization).toBe('Q4_0');
    const error = await nexa.loadModel('qwen2audio', LONG).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InsufficientMemoryError);
    expect((error as InsufficientMemoryError).plan.help).toEqual(plan.help);
    const message = `or unload qwen2audio Q4_0, as \`evict: 'idle'\` does, or take it with ${context?.contextSize} tokens of context.`;
    expect((error as Error).message).toContain(message);
    const contextSize = context?.contextSize as number;
    expect((await guard.plan('qwen2audio', { ...LONG, contextSize })).verdict).toBe('admit');
    expect((await guard.plan('qwen2audio', { ...LONG, contextSize: contextSize + 4096 })).verdict).toBe('refuse');
    await held.dispose();
    expect((await guard.plan('qwen2audio', LONG)).verdict).toBe('admit');
  });

  it('is not said of a load that fits', async () => {
    const { guard } = await guarded(4 * GiB);
    expect(await guard.plan('qwen2audio', LONG)).not.toHaveProperty('help');
  });
});
