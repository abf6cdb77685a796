/** Loads that go down the ladder, through every way to name a model: with the headers of real files, on a machine of a given size. */
import { copyFileSync, mkdirSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { NO_RUNTIME } from '../../src/cli/plan/open-planner.ts';
import type { LadderStep } from '../../src/core/quantizations.ts';
import { type GuardOptions, NexaSDK, withMemoryGuard } from '../../src/index.ts';
import { recordEvents } from '../support/fake-sdk.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
  // The same weights under the names of other quantizations: names decide the step, and headers the need.
  const lay = (from: 'F32' | 'Q4_0', ...names: string[]) => {
    for (const name of names) {
      mkdirSync(dirname(files.path(name)), { recursive: true });
      copyFileSync(files.model(from), files.path(name));
    }
  };
  lay(
    'F32',
    'ladder/m-Q8_0.gguf',
    'ladder/BF16/m-BF16.gguf',
    'ladder/m-1b-Q4_0.gguf',
    'publisher/repository/m-Q6_K.gguf',
  );
  lay(
    'Q4_0',
    'ladder/m-UD-Q4_K_XL.gguf',
    'ladder/m-Q2_K.gguf',
    'publisher/repository/m-IQ4_XS.gguf',
    'publisher/repository/m-IQ2_M.gguf',
  );
  lay('Q4_0', 'publisher/low/m-Q3_K_M.gguf', 'publisher/low/m-Q2_K.gguf');
});
afterAll(() => files.remove());

const CONTEXT = { contextSize: 256 };
const RULES = { minFreeBytes: 0, minFreeRatioAfterLoad: 0 } as const;

/** A machine on which the smaller of the two files fits and the larger one doesn't. */
async function guardSmallMachine<S extends { loadModel(...args: never[]): Promise<unknown> }>(
  sdk: S,
  options: GuardOptions = {},
) {
  const large = withMemoryGuard(
    { loadModel: async (_path: string, _options?: object) => ({}) },
    {
      ...RULES,
      sensor: () => ({ totalBytes: 2 ** 40, availableBytes: 2 ** 40 }),
    },
  );
  const { need } = await large.guard.plan(files.path('ladder/m-Q2_K.gguf'), CONTEXT);
  large.guard.close();
  const bytes = need!.mappedBytes + need!.anonymousBytes;
  const guarded = withMemoryGuard(sdk as never, {
    ...RULES,
    sensor: () => ({ totalBytes: bytes, availableBytes: bytes }),
    ...options,
  });
  const { guard } = guarded as ReturnType<typeof withMemoryGuard>;
  onTestFinished(() => guard.close());
  return guarded as unknown as S & { guard: typeof guard };
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000 });
const named = (path: string) => files.path(path);

describe('a load by a path', () => {
  const calls: unknown[][] = [];
  const sdk = {
    async loadModel(...args: unknown[]) {
      calls.push(args);
      return { dispose() {} };
    },
  };

  it('of any SDK goes to the file beside it that fits, whatever recipe that is', async () => {
    const { loadModel } = await guardSmallMachine(sdk);
    const model = await loadModel(named('ladder/m-Q8_0.gguf'), { ...CONTEXT, threads: 2 });
    expect(calls.pop()).toEqual([named('ladder/m-UD-Q4_K_XL.gguf'), { ...CONTEXT, threads: 2 }]);
    expect((model as { quantization?: string }).quantization).toBe('Q4_K_M');
  });

  it('is told, shown and counted as the file that was loaded, from its admission to its end', async () => {
    const { guard, loadModel } = await guardSmallMachine(sdk);
    const events = recordEvents(guard);
    const model = (await loadModel(named('ladder/m-Q8_0.gguf'), CONTEXT)) as { dispose(): unknown };
    calls.pop();
    const loaded = named('ladder/m-UD-Q4_K_XL.gguf');
    expect(guard.models()).toMatchObject([{ name: loaded, modelPath: loaded, quantization: 'Q4_K_M' }]);
    expect(guard.ledger.entries().map(({ label }) => label)).toEqual([loaded]);
    await model.dispose();
    const ofModel = () => events.filter((event) => 'model' in event);
    await eventually(() => expect(ofModel().map(({ type }) => type)).toEqual(['downgraded', 'loaded', 'unloaded']));
    expect(ofModel()[0]).toMatchObject({ model: named('ladder/m-Q8_0.gguf'), modelPath: loaded });
    for (const event of ofModel().slice(1)) {
      expect(event).toMatchObject({ model: loaded, modelPath: loaded });
      expect(event.message).toContain(loaded);
      expect(event.message).not.toContain('m-Q8_0');
    }
  });

  it('of a split model goes from the folder of its quantization', async () => {
    const { guard } = await guardSmallMachine(sdk);
    const { askedQuantization, quantization, candidates } = await guard.plan(named('ladder/BF16/m-BF16.gguf'), CONTEXT);
    expect([askedQuantization, quantization]).toEqual(['BF16', 'Q4_K_M']);
    // Q8_0 has the same weights here, so that it saves nothing and is skipped.
    expect([...new Set(candidates.map((each) => each.quantization))]).toEqual(['BF16', 'Q4_K_M']);
  });

  it('never goes below the floor, nor to another model beside it', async () => {
    const { guard } = await guardSmallMachine(sdk, { floor: 'Q5_K_M' });
    const refused = await guard.plan(named('ladder/m-Q8_0.gguf'), CONTEXT);
    expect(refused.verdict).toBe('refuse');
    const other = await guard.plan(named('ladder/m-1b-Q4_0.gguf'), { ...CONTEXT, memoryGuard: { floor: 'Q1_0' } });
    expect(other.candidates.map(({ modelPath }) => modelPath)).toEqual([named('ladder/m-1b-Q4_0.gguf')]);
  });

  it('is not held up by a smaller file that is still being downloaded, unless that is the one', async () => {
    const { guard } = await guardSmallMachine(sdk);
    const [whole, partial] = [named('download/m-Q8_0.gguf'), named('download/m-Q4_0.gguf')];
    mkdirSync(dirname(whole));
    copyFileSync(files.model('Q4_0'), whole);
    copyFileSync(files.model('Q4_0'), partial);
    truncateSync(partial, 100_000);
    expect(await guard.plan(whole, CONTEXT)).toMatchObject({ verdict: 'admit', quantization: 'Q8_0' });
    await expect(guard.plan(partial, CONTEXT)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  });

  it('below the floor is loaded, since it was asked for', async () => {
    const { guard } = await guardSmallMachine(sdk);
    expect(await guard.plan(named('ladder/m-Q2_K.gguf'), CONTEXT)).toMatchObject({
      verdict: 'admit',
      quantization: 'Q2_K',
    });
    const own = guard.plan(named('ladder/m-Q2_K.gguf'), { ...CONTEXT, memoryGuard: { floor: 'Q4_0' } });
    await expect(own).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('a load by the name of a repository', () => {
  const plan = async (name: string, options: object = {}, guardOptions: GuardOptions = {}) => {
    const sdk = new NexaSDK(NO_RUNTIME, files.folder);
    const { guard } = await guardSmallMachine(sdk, guardOptions);
    return guard.plan(name, { ...CONTEXT, ...options });
  };

  it('begins with the best that lies there and goes down to the floor', async () => {
    const found = await plan('publisher/repository');
    expect([found.askedQuantization, found.quantization]).toEqual(['Q6_K', 'IQ4_XS']);
    expect(found.candidates.map(({ quantization }) => quantization)).not.toContain('IQ2_M');
  });

  it('takes what was asked for, in any letters', async () => {
    expect((await plan('publisher/repository', { quantization: 'iq2_m' })).quantization).toBe('IQ2_M');
    expect((await plan('publisher/repository:IQ2_M')).quantization).toBe('IQ2_M');
  });

  it('of which everything lies below the floor is refused with what lies there, or loaded with a lower floor', async () => {
    await expect(plan('publisher/low')).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(
        /^Found publisher\/low only in Q3_K_M and Q2_K, below the floor Q4_0; set `floor` to 'Q3_K_M' or below/,
      ),
    });
    const floors: readonly (readonly [LadderStep, string])[] = [
      ['Q3_K_M', 'Q3_K_M'],
      ['IQ1_S', 'Q3_K_M'],
    ];
    for (const [floor, expected] of floors) {
      expect((await plan('publisher/low', {}, { floor })).quantization).toBe(expected);
      expect((await plan('publisher/low', { memoryGuard: { floor } })).quantization).toBe(expected);
    }
  });
});
