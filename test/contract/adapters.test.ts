/** One contract for every SDK that is guarded, with the real packages and real files: read, admitted, counted, given back. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { detectAdapter } from '../../src/adapters/detect-adapter.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { neededBytes } from '../../src/core/needed-bytes.ts';
import type { DecisionEvent } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { MODEL_PROCESS_BYTES } from '../../src/loading/process-load.ts';
import { giveBack } from '../../src/machine/release-memory.ts';
import type { MemoryGuard, PlanOptions } from '../../src/memory-guard.ts';
import { listProcessTree } from '../../src/processes/process-tree.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { recordEvents } from '../support/fake-sdk.ts';
import { makeTinyModels } from '../support/tiny-models.ts';
import {
  anyObject,
  findLoad,
  llamaNodeModule,
  load as loadThrough,
  type Model,
  nexaSdk,
  nodeLlamaCpp,
  onnxRuntime,
  type Subject,
  type SubjectFiles,
  transformersModule,
  whisperNode,
} from './adapter-subjects.ts';

function makeGgufFiles(): SubjectFiles {
  const files = makeTinyModels();
  const larger = files.path('larger-Q4_0.gguf');
  writeLanguageModel(larger, {
    hidden: 1024,
    layers: 16,
    heads: 16,
    kvHeads: 16,
    ffn: 2816,
    vocab: 512,
    quantization: 'Q4_0',
    random: false,
  });
  return { model: files.model, larger, best: 'Q5_K_M', remove: files.remove };
}

/** However busy the machine is. */
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

const LITTLE: GuardOptions = { minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0, ledger: 'process' };

const SUBJECTS = [nexaSdk, llamaNodeModule, nodeLlamaCpp, whisperNode, onnxRuntime, transformersModule, anyObject];
for (const { name, missing } of SUBJECTS) if (missing) console.warn(`the adapter for ${name} is not tried: ${missing}`);

describe.each(SUBJECTS.filter(({ missing }) => !missing))('the adapter for $name', (subject: Subject) => {
  const { args, compute, dispose, readsHeaders = true, laddered = true, makeFiles = makeGgufFiles } = subject;
  let files: SubjectFiles;
  let larger: string;
  beforeAll(() => {
    files = makeFiles();
    larger = files.larger;
  });
  afterAll(() => files.remove());

  async function guarded(options: GuardOptions = {}) {
    const sdk = await subject.open();
    const nexa: Model = withMemoryGuard(sdk, { ...LITTLE, ...subject.options, ...options });
    onTestFinished(async () => {
      nexa.guard.close();
      vi.restoreAllMocks();
      if (!subject.disposeAll) return;
      await subject.disposeAll(sdk);
    });
    // What is collected undisposed makes `llama.dispose()` of node-llama-cpp 3.21.1 wait for ever, guarded or not.
    const kept: Model[] = [];
    const load = async (...given: readonly unknown[]): Promise<Model> => {
      const model = await loadThrough(nexa, subject, ...given);
      kept.push(model);
      return model;
    };
    onTestFinished(() => void kept.splice(0));
    return { sdk, nexa, load, guard: nexa.guard as MemoryGuard, events: recordEvents(nexa.guard) };
  }

  /** A machine that has this much, less what was promised. */
  const machine = (availableBytes: number) => ({ sensor: () => ({ totalBytes: 64 * GiB, availableBytes }) });

  if (subject.recognized) {
    it('is found by the shape of the SDK', async () => {
      expect(detectAdapter(await subject.open())).not.toBe(defaultAdapter);
    });
  }

  it.runIf(readsHeaders)('counts what the header of the file says, loads, computes and gives back', async () => {
    const { load, guard, events } = await guarded();
    const model = await load(...args(files.model('Q4_0')));
    const [counted] = guard.models();
    expect(counted).toMatchObject({ name: files.model('Q4_0'), ...(laddered && { quantization: 'Q4_0' }) });
    expect(['engine', 'gguf', 'onnx', 'measured']).toContain(counted?.need.basis);
    // What an engine reads only to arrange it anew does not stay mapped.
    if (!subject.mapsNothing) expect(counted?.need.mappedBytes).toBeGreaterThan(0);
    expect(neededBytes(counted!.need)).toBeGreaterThan(statSync(files.model('Q4_0')).size * 0.9);
    expect(guard.ledger.entries()).toMatchObject([{ label: files.model('Q4_0'), mappedBytes: expect.any(Number) }]);
    await compute(model);
    expect(guard.models()[0]?.callsInFlight).toBe(0);
    await dispose(model);
    expect(guard.models()).toEqual([]);
    expect(guard.ledger.entries()).toEqual([]);
    expect(mapped(files.model('Q4_0'))).toBe(false);
    await eventually(() => expect(events.at(-1)).toMatchObject({ type: 'unloaded', freedBytes: expect.any(Number) }));
    expect(events.filter(({ type }) => type === 'degraded')).toEqual([]);
  });

  it.runIf(!readsHeaders)('counts what its own files say, loads, computes and gives back', async () => {
    const { load, guard } = await guarded();
    const model = await load(...args(larger));
    expect(guard.models()).toMatchObject([{ need: { basis: 'sizes' } }]);
    await compute(model);
    expect(guard.models()[0]?.callsInFlight).toBe(0);
    await dispose(model);
    expect(guard.models()).toEqual([]);
    expect(guard.ledger.entries()).toEqual([]);
  });

  it.runIf(readsHeaders)('promises about what a load then takes, and no less', async () => {
    const { load, guard } = await guarded();
    // Heap that earlier tests freed would be taken first, and seem not to be taken.
    await giveBack(systemClock);
    const model = await load(...args(larger));
    await compute(model);
    const all = guard.models();
    // What a process holds before its model is no model's.
    const promisedBytes = all.reduce(
      (sum, { need, pid }) => sum + need.anonymousBytes - (pid === undefined ? 0 : MODEL_PROCESS_BYTES),
      0,
    );
    const takenBytes = all.reduce((sum, { observed }) => {
      const { anonymousAfterLoadBytes = 0, anonymousAfterCallBytes = 0 } = observed ?? {};
      return sum + Math.max(anonymousAfterLoadBytes, anonymousAfterCallBytes);
    }, 0);
    expect(takenBytes).toBeGreaterThan(20 * MiB);
    expect(takenBytes).toBeLessThan(promisedBytes + 8 * MiB);
    expect(promisedBytes).toBeLessThan(takenBytes * 1.5 + 24 * MiB);
    await dispose(model);
  });

  it('refuses before the SDK is called where nothing fits', async () => {
    const { sdk, load, guard, events } = await guarded(machine(1 * MiB));
    const called = vi.spyOn(...findLoad(sdk, subject));
    await expect(load(...args(larger))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(called).not.toHaveBeenCalled();
    expect(guard.models()).toEqual([]);
    expect(events.map(({ type }) => type)).toEqual(['refused']);
  });

  it.runIf(readsHeaders && laddered)('loads the file beside the asked one that fits', async () => {
    const { guard: probe } = await guarded(machine(8 * GiB));
    const asked = args(files.model('Q5_K_M'));
    const plan = await probe.plan(asked[0] as string, asked[1] as PlanOptions);
    const bytesOf = (step: string) => {
      const { need, roomBytes = 0 } = plan.candidates.find(({ quantization }) => quantization === step) ?? {};
      return (need?.mappedBytes ?? 0) + (need?.anonymousBytes ?? 0) + roomBytes;
    };
    expect(plan.candidates.map(({ quantization }) => quantization)).toContain(files.best);
    probe.close();
    const { load, events } = await guarded({
      ...machine(bytesOf(files.best) - 1),
      minFreeBytes: 0,
    });
    const model = await load(...asked);
    const { quantization, candidates } = events[0] as DecisionEvent;
    expect(events[0]).toMatchObject({ type: 'downgraded', askedQuantization: files.best });
    const chosen = candidates.find(({ admitted }) => admitted)?.modelPath ?? '';
    expect(chosen).toBe(files.named?.(quantization) ?? files.model(quantization as 'Q4_0'));
    if (subject.mapsNothing) expect(model.getModelInfo().filePath).toBe(chosen);
    else expect(mapped(chosen)).toBe(true);
    expect(mapped(files.model('Q5_K_M'))).toBe(false);
    await dispose(model);
  });

  it('never shows `memoryGuard` to the SDK, and changes nothing where it only observes', async () => {
    const { sdk, load, guard } = await guarded();
    const called = vi.spyOn(...findLoad(sdk, subject));
    await dispose(await load(...args(files.model(), { pin: true })));
    expect(JSON.stringify(called.mock.lastCall)).not.toMatch(/memoryGuard|guard"|pin/);
    guard.close();
    const observing = await guarded({ mode: 'observe', ...machine(1 * MiB) });
    const seen = vi.spyOn(...findLoad(observing.sdk, subject));
    const asked = args(files.model('Q5_K_M'));
    await dispose(await observing.load(...asked));
    expect(seen.mock.lastCall).toMatchObject(asked);
    expect(observing.events[0]).toMatchObject({ type: 'refused', observed: true, verdict: 'refuse' });
  });

  it('passes the errors of the SDK through and keeps nothing', async () => {
    const { load, guard } = await guarded();
    await expect(load(...subject.failing(files.model()))).rejects.toThrow(/not today/);
    expect(guard.models()).toEqual([]);
    expect(guard.ledger.entries()).toEqual([]);
  });

  it('lets one in of two at once where one fits', async () => {
    const { guard: probe } = await guarded(machine(8 * GiB));
    const asked = args(files.model('F32'));
    const { need, candidates } = await probe.plan(asked[0] as string, asked[1] as PlanOptions);
    probe.close();
    const neededBytes = (need?.mappedBytes ?? 0) + (need?.anonymousBytes ?? 0) + (candidates[0]?.roomBytes ?? 0);
    const { load, guard } = await guarded({ ...machine(neededBytes * 1.2), minFreeBytes: 0 });
    const loads = await Promise.allSettled([load(...asked), load(...args(larger))]);
    expect(loads.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(guard.models()).toHaveLength(1);
    await dispose((loads[0] as PromiseFulfilledResult<Model>).value);
  });

  if (subject.disposeAll) {
    it('forgets all models where the SDK disposes all', async () => {
      const { load, guard, nexa } = await guarded();
      await load(...args(files.model('Q4_0')));
      await load(...args(files.model('Q4_K_M')));
      expect(guard.models()).toHaveLength(2);
      await subject.disposeAll?.(nexa);
      expect(guard.models()).toEqual([]);
      expect(guard.ledger.entries()).toEqual([]);
    });
  }
});

describe('an SDK that is not known', () => {
  it('is read in the usual way, also where it resembles one that is', () => {
    expect(detectAdapter({ loadModel() {} })).toBe(defaultAdapter);
    expect(detectAdapter({ loadModel() {}, createGrammar() {}, initLlama() {} })).toBe(defaultAdapter);
  });
});

/** Whether this process, or one of a model, maps the file. */
function mapped(path: string): boolean {
  if (process.platform !== 'linux') return false;
  return listProcessTree(process.pid).some((pid) => readFileSync(`/proc/${pid}/maps`, 'utf8').includes(join(path)));
}
