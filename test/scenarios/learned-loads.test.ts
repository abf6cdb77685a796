/** Loads by name, whose files nobody tells: what they took is remembered, and corrects the next one. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { readObservationName } from '../../src/footprint/observation-name.ts';
import { MODEL_PROCESS_BYTES } from '../../src/loading/process-load.ts';
import { runNode } from '../support/run-program.ts';
import { guardScripted, type ScriptedOptions } from '../support/scripted-processes.ts';

const KEPT = { mappedBytes: 0, basis: 'measured' } as const;
/** Before a model is loaded a scripted process holds so much of its own, which is not the model's. */
const OWN_BYTES = 10 * MiB;

/** A guard whose next models take so much; `need` is what was reserved for the last one. */
function taking(options: ScriptedOptions = {}) {
  const scripted = guardScripted({ containment: 'off', ...options });
  const { rooms, during } = scripted;
  return {
    ...scripted,
    async loadAndTalk(bytes: number, name: string, given: object = {}): Promise<LoadNeed> {
      during.run = (process) => {
        process.heldBytes = OWN_BYTES + bytes;
      };
      const model = await scripted.load(name, given);
      await model.generate();
      const { need } = rooms.models.list().at(-1)!;
      await model.dispose();
      return need;
    },
  };
}

describe('a footprint that was given', () => {
  const memoryGuard = { footprint: { mappedBytes: 0, anonymousBytes: 2 * GiB } };

  it('rises to what was seen, and the sentence says so', async () => {
    const { loadAndTalk, events } = taking();
    expect(await loadAndTalk(3 * GiB, 'm', { memoryGuard })).toMatchObject({ basis: 'given', anonymousBytes: 2 * GiB });
    const raised = await loadAndTalk(3 * GiB, 'm', { memoryGuard });
    expect(raised).toEqual({ ...KEPT, anonymousBytes: 3 * GiB + MODEL_PROCESS_BYTES });
    expect(events.findLast(({ type }) => type === 'admitted')?.message).toMatch(
      /^Loading m, which needs 3\.0 GiB \(as measured here before, where 2\.0 GiB was given\) of 15\.0 GiB\.$/,
    );
  });

  it('is never lowered, and is another one for another quantization or shape', async () => {
    const { loadAndTalk } = taking();
    await loadAndTalk(1 * GiB, 'm', { memoryGuard });
    expect(await loadAndTalk(3 * GiB, 'm', { memoryGuard })).toMatchObject({ basis: 'given' });
    expect(await loadAndTalk(1 * GiB, 'm', { memoryGuard, contextSize: 512 })).toMatchObject({ basis: 'given' });
    expect(await loadAndTalk(1 * GiB, 'm', { memoryGuard, quantization: 'fp16' })).toMatchObject({ basis: 'given' });
    expect(await loadAndTalk(1 * GiB, 'n', { memoryGuard })).toMatchObject({ basis: 'given' });
    expect(await loadAndTalk(1 * GiB, 'm', { memoryGuard })).toMatchObject({ basis: 'measured' });
  });
});

describe('a model whose needs nobody knows', () => {
  it('is known by what was seen of it, also if it would be refused otherwise', async () => {
    const { loadAndTalk, recorded, rooms } = taking({ unknownModels: 'admit' });
    expect(await loadAndTalk(3 * GiB, 'm')).toMatchObject({ basis: 'unknown', anonymousBytes: 0 });
    const need = { ...KEPT, anonymousBytes: 3 * GiB + MODEL_PROCESS_BYTES };
    expect(await loadAndTalk(3 * GiB, 'm')).toEqual(need);
    const later = taking();
    later.recorded.push(...recorded);
    expect(await later.loadAndTalk(3 * GiB, 'm')).toEqual(need);
    await expect(later.load('another')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    rooms.close();
  });

  it('is refused if what was seen doesn’t fit', async () => {
    const { loadAndTalk, load } = taking({ unknownModels: 'admit' });
    await loadAndTalk(16 * GiB, 'm');
    await expect(load('m')).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
      message: expect.stringContaining('(as measured here before)'),
    });
  });
});

describe('a known model without a file', () => {
  it('is corrected by what was seen, and never goes below weights and cache', async () => {
    const options = { quantization: 'Q4_0', contextSize: 2048 };
    const { loadAndTalk, rooms } = taking({ filledMicroBatch: true });
    const predicted = await loadAndTalk(100 * MiB, 'qwen2audio', options);
    expect(predicted).toMatchObject({ basis: 'shape', mappedBytes: 0 });
    const corrected = await loadAndTalk(100 * MiB, 'qwen2audio', options);
    expect(corrected.basis).toBe('measured');
    // Weights, cache and projector: 4.22 + 1.00 + 1.20 GiB.
    expect(corrected.anonymousBytes).toBeGreaterThan(6.4 * GiB);
    expect(corrected.anonymousBytes).toBeLessThan(predicted.anonymousBytes);
    rooms.close();
  });

  it('is mapped as far as the system has shown that', async () => {
    const options = { quantization: 'Q4_0', contextSize: 2048 };
    const { loadAndTalk, during, load, rooms } = taking();
    during.run = (process) => {
      process.files = [{ key: 'a file', bytes: 4 * GiB }];
      process.heldBytes = OWN_BYTES + 3 * GiB;
    };
    await (await load('qwen2audio', options)).dispose();
    const mapped = await loadAndTalk(3 * GiB, 'qwen2audio', options);
    expect(mapped).toMatchObject({ basis: 'measured', mappedBytes: 4 * GiB });
    expect(mapped.anonymousBytes).toBeLessThan(3.5 * GiB);
    rooms.close();
  });

  it('is raised over the documented table, where that was chosen', async () => {
    const { loadAndTalk, events, rooms } = taking({ knownModels: 'table' });
    expect(await loadAndTalk(7 * GiB, 'qwen2audio', { quantization: 'Q4_0' })).toMatchObject({ basis: 'table' });
    expect((await loadAndTalk(7 * GiB, 'qwen2audio', { quantization: 'Q4_0' })).basis).toBe('measured');
    expect(events.findLast(({ type }) => type === 'admitted')?.message).toContain(
      '(as measured here before, where the documented table has 3.8 GiB)',
    );
    rooms.close();
  });
});

/** A program with an SDK of its own, whose models are buffers of 64 MiB. It prints the basis of each need. */
const PROGRAM = (door: string) => `
import { withMemoryGuard } from ${JSON.stringify(door)};
const options = JSON.parse(process.argv[2]);
const sdk = { async loadModel() { const held = Buffer.alloc(64 * 2 ** 20, 1); return { generate: async () => held.length, dispose() {} }; } };
const nexa = withMemoryGuard(sdk, { ledger: 'process', minFreeRatioAfterLoad: 0, minFreeBytes: 0, ...options });
try {
  const model = await nexa.loadModel('my model');
  const { basis, anonymousBytes } = nexa.guard.models()[0].need;
  await model.generate();
  console.log(basis, Math.round(anonymousBytes / 2 ** 20 / 16));
} catch (error) {
  console.log(error.code);
}
nexa.guard.close();
`;

/** What was known before a call of a load stays beside what was known after it, until the next load is kept. */
function countLoads(directory: string): number {
  const names = readdirSync(join(directory, 'observations-1'));
  return new Set(names.map((name) => readObservationName(name)?.observation.load)).size;
}

describe.runIf(process.platform === 'linux')('a program with an SDK of its own', () => {
  const programs = () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-learned-loads-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const door = new URL('../../dist/index.js', import.meta.url).href;
    for (const name of ['one.mjs', 'other.mjs']) writeFileSync(join(folder, name), PROGRAM(door));
    const run = async (name: string, options: object) => {
      const { code, stdout, stderr } = await runNode([join(folder, name), JSON.stringify(options)]);
      expect([code, stderr]).toEqual([0, '']);
      return stdout.trim();
    };
    return { folder, run };
  };

  it('learns what its models take in one run, and knows it in the next', async () => {
    const { folder, run } = programs();
    const calibration = { directory: join(folder, 'kept') };
    expect(await run('one.mjs', { calibration })).toBe('ERR_UNKNOWN_MODEL');
    expect(await run('one.mjs', { calibration, mode: 'observe' })).toBe('unknown 0');
    expect(await run('one.mjs', { calibration })).toMatch(/^measured [45]$/);
    // Another program may have another model of that name.
    expect(await run('other.mjs', { calibration })).toBe('ERR_UNKNOWN_MODEL');
    expect(countLoads(calibration.directory)).toBe(2);
  });

  it('keeps and reads nothing if calibration is off', async () => {
    const { folder, run } = programs();
    const calibration = { directory: join(folder, 'kept') };
    expect(await run('one.mjs', { calibration, mode: 'observe' })).toBe('unknown 0');
    expect(await run('one.mjs', { calibration: 'off' })).toBe('ERR_UNKNOWN_MODEL');
    expect(await run('one.mjs', { calibration: 'off', mode: 'observe' })).toBe('unknown 0');
    expect(countLoads(calibration.directory)).toBe(1);
  });
});
