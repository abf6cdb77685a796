import { describe, expect, test } from 'vitest';
import { toNativeSampling } from '../../../src/sdk/nexa/sampling.ts';
import type { RuntimeGenerate } from '../../../src/sdk/runtime.ts';

describe('sampling, where zero is the default of the library', () => {
  const sampling = (asked: Partial<RuntimeGenerate>) =>
    toNativeSampling({ prompt: '', audioPaths: [], maxTokens: 1, stop: [], ...asked });

  test('says nothing of what nobody asked for', () => {
    expect(sampling({})).toEqual({});
  });

  test('hands on what is asked for', () => {
    const asked = { temperature: 0.5, topK: 7, topP: 0.9, minP: 0.1, grammar: 'g', seed: 3 };
    const penalties = { repetitionPenalty: 1.1, presencePenalty: 0.2, frequencyPenalty: -0.2 };
    expect(sampling({ ...asked, ...penalties })).toEqual({ ...asked, ...penalties });
  });

  test('never lets a zero become a default', () => {
    expect(sampling({ temperature: 0 })).toEqual({ topK: 1 });
    expect(sampling({ temperature: 0, topK: 9 })).toEqual({ topK: 1 });
    expect(sampling({ topP: 0, minP: 0, seed: 0 })).toEqual({ topP: 1e-6, minP: 1e-6, seed: 2 ** 31 - 1 });
  });
});
