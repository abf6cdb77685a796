/** Files that change between the moment at which a load was understood and the one at which it is decided on. */
import { appendFileSync, renameSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { estimateFootprint } from '../../src/estimate-footprint.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';
import { makeTinyModels, TINY, type TinyModels } from '../support/tiny-models.ts';

const CONTEXT = { contextSize: 512 };
/** Nobody names the engine of such an SDK. */
const UNKNOWN_ENGINE = { ...CONTEXT, repack: true };
let files: TinyModels;
beforeEach(() => {
  files = makeTinyModels();
});
afterEach(() => files.remove());

/** A load of a small file that waits, since half of what it needs is there. */
async function loadWaiting() {
  const path = files.model('Q4_0');
  const { totalBytes: smallBytes } = await estimateFootprint({ modelPath: path, ...UNKNOWN_ENGINE });
  const machine = new FakeMachine(smallBytes / 2, 4 * GiB);
  const fake = guardedFake(machine, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
  const load = fake.nexa.loadModel(path, { ...CONTEXT, memoryGuard: { wait: { timeoutMs: 10_000 } } });
  load.catch(() => {});
  for (let turn = 0; turn < 50 && !fake.last('waiting'); turn++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(fake.last('waiting')).toBeDefined();
  const look = async () => {
    for (let turn = 0; turn < 20; turn++) {
      fake.clock.advance(10);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { ...fake, path, smallBytes, load, look };
}

describe('a file that is replaced while its load waits', () => {
  it('is estimated again before the load is let in', async () => {
    const { path, smallBytes, load, look, machine, guard, sdk } = await loadWaiting();
    writeLanguageModel(files.path('big.gguf'), { ...TINY, hidden: 1024, layers: 4, ffn: 2048, quantization: 'Q4_0' });
    const { totalBytes: bigBytes } = await estimateFootprint({ modelPath: files.path('big.gguf'), ...UNKNOWN_ENGINE });
    expect(bigBytes).toBeGreaterThan(2 * smallBytes);
    renameSync(files.path('big.gguf'), path);
    machine.availableBytes = 1.5 * smallBytes;
    await look();
    expect(sdk.calls).toEqual([]);
    machine.availableBytes = bigBytes;
    await look();
    await load;
    const { need } = guard.models()[0]!;
    expect(need.mappedBytes + need.anonymousBytes).toBe(bigBytes);
  });

  it('is an error if it is no model any more, and nothing is reserved', async () => {
    const { path, load, look, machine, guard } = await loadWaiting();
    machine.availableBytes = 4 * GiB;
    rmSync(path);
    await look();
    await expect(load).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    expect(guard.headroomBytes()).toBe(4 * GiB);
  });
});

it('a file that changes whenever it was read is an error in the end', async () => {
  const path = files.model('Q4_0');
  const adapter = {
    async listOffers() {
      // Between this reading and the decision on it, somebody writes.
      setImmediate(() => setImmediate(() => appendFileSync(path, '\0')));
      return [{ modelPath: path }];
    },
  };
  const { nexa } = guardedFake(new FakeMachine(8 * GiB), { adapter });
  const writing = setInterval(() => appendFileSync(path, '\0'), 0);
  try {
    const loads = Array.from({ length: 30 }, () => nexa.loadModel(path, CONTEXT).catch((error: unknown) => error));
    const outcomes = await Promise.all(loads);
    for (const outcome of outcomes) {
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'ERR_MODEL_FILE' });
    }
  } finally {
    clearInterval(writing);
  }
  await settled();
});
