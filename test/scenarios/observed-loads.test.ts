/** What the guard sees of a real engine's loads, in anonymous memory and in mapped pages: it corrects the next estimate, and tells what outgrew its reservation. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ADAPTER } from '../../src/adapters/adapter.ts';
import { MiB } from '../../src/core/bytes.ts';
import { MODEL_PROCESS_BYTES } from '../../src/loading/process-load.ts';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import { guardEngine, waitForEvent } from '../support/guarded-engine.ts';
import { CANT_ASK } from '../support/real-engines.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

/** How a need is found that nobody has seen yet. */
const UNSEEN = CANT_ASK === undefined ? 'engine' : 'gguf';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

describe('what a load really took', () => {
  it('corrects the estimate of the next one, and is shown beside what was predicted', async () => {
    const { nexa, guard } = await guardEngine(files.folder);
    const options = { quantization: 'Q4_0', contextSize: 1024 };
    const need = async () => (await guard.plan('qwen2audio', options)).candidates[0]?.need;
    const before = await need();
    expect(before?.basis).toBe(UNSEEN);
    const model = await nexa.loadModel('qwen2audio', options);
    const [shown] = guard.models();
    expect(shown?.predicted).toMatchObject({
      mappedBytes: before?.mappedBytes,
      anonymousAfterCallBytes: (before?.anonymousBytes ?? 0) - MODEL_PROCESS_BYTES,
    });
    expect(shown?.predicted?.anonymousAfterLoadBytes).toBeLessThan(before?.anonymousBytes as number);
    expect(shown?.observed?.mappedBytes).toBeGreaterThan(0);
    expect(shown?.observed?.anonymousAfterCallBytes).toBeUndefined();
    // More than a micro-batch of 512 tokens, one for each letter.
    for await (const _text of model.generate({ prompt: 'x'.repeat(600), maxTokens: 1 }));
    const observed = guard.models()[0]?.observed;
    expect(observed?.anonymousAfterCallBytes).toBeGreaterThan(0);
    await model.dispose();
    const after = await need();
    expect(after?.basis).toBe('measured');
    // Its pages, some of which the header shares.
    expect(after?.mappedBytes).toBe(observed?.mappedBytes);
    expect(after?.anonymousBytes).not.toBe(before?.anonymousBytes);
    expect((await guard.plan('qwen2audio', { ...options, contextSize: 2048 })).candidates[0]?.need.basis).toBe(UNSEEN);
    guard.close();
  });

  it('is told of if it is more than was promised', async () => {
    const { nexa, guard, events } = await guardEngine(files.folder);
    const memoryGuard = { footprint: { mappedBytes: 2 * MiB, anonymousBytes: 0 } };
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', contextSize: 8192, memoryGuard });
    expect(events.find(({ type }) => type === 'degraded')?.message).toMatch(
      /took [\d.]+ MiB of anonymous memory, where 0 B had been reserved/,
    );
    await model.dispose();
    guard.close();
  });

  it('is whole after a prompt as long as its own micro-batch, not after a shorter one', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: files.folder });
    const { hasFilledMicroBatch } = sdk[ADAPTER];
    const model = await sdk.loadModel('qwen2audio', { quantization: 'Q4_K_M', contextSize: 256, microBatchSize: 64 });
    expect(hasFilledMicroBatch?.(model)).toBe(false);
    for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 1 }));
    expect(hasFilledMicroBatch?.(model)).toBe(false);
    for await (const _text of model.generate({ prompt: 'x'.repeat(100), maxTokens: 1 }));
    expect(hasFilledMicroBatch?.(model)).toBe(true);
    await sdk.dispose();
  });

  it('keeps apart a model that maps its file and one that reads it', async () => {
    const { nexa, guard } = await guardEngine(files.folder);
    const [mapped, read] = [
      await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 256 }),
      await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 256, mmap: false }),
    ];
    expect(guard.models().map(({ observed }) => (observed?.mappedBytes ?? 0) > 0)).toEqual([true, false]);
    await mapped.dispose();
    await read.dispose();
    guard.close();
  });

  it('is told of if it cannot be kept, and the load goes on', async () => {
    vi.stubEnv('XDG_CACHE_HOME', files.tone); // a file in place of the folder
    const { nexa, guard, events } = await guardEngine(files.folder);
    vi.unstubAllEnvs();
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 1024 });
    for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 1 }));
    await waitForEvent(events, 'degraded');
    expect(events.find((event) => event.type === 'degraded')?.message).toMatch(/is ignored|can't be kept/);
    await model.dispose();
    guard.close();
  });
});

/** With a footprint given by hand, in a process of its own, whose growth is the model's alone. */
const loadWith = (promisedBytes: number) =>
  runProgram(`
    const nexa = door.withMemoryGuard(await door.NexaSDK.initialize(), { ledger: 'process', minFreeRatioAfterLoad: 0 });
    nexa.guard.on('degraded', ({ message }) => console.log(message));
    const memoryGuard = { footprint: { mappedBytes: 4 * 2 ** 20, anonymousBytes: ${promisedBytes} } };
    const model = await nexa.loadModel(${JSON.stringify(files.model('F32'))}, { contextSize: 4096, memoryGuard });
    for await (const _ of model.generate({ prompt: 'Hi', maxTokens: 2 }));
    await model.dispose();
    await nexa.dispose();
    console.log('done');
  `);

describe.runIf(process.platform === 'linux')('a load that outgrows its reservation', () => {
  it('is reported with both numbers', async () => {
    const { stdout, stderr, code } = await loadWith(1 * MiB);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/took [\d.]+ MiB of anonymous memory, where 1(\.0)? MiB had been reserved for it\./);
  });

  it('is not reported if it stays within', async () => {
    expect((await loadWith(400 * MiB)).stdout).toBe('done\n');
  });
});
