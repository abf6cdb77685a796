/** What the double's models take and give back: as the real libraries do, if it is ordered so. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../../src/addon/nexa-binding.ts';
import { writeLanguageModel } from '../../../tools/synthetic-model.mjs';
import { makeTinyModels, type TinyModels } from '../tiny-models.ts';
import { doubleLibrary } from './libraries.ts';
import { callLibrary, loadCall } from './library-answers.ts';

const MiB = 2 ** 20;

let files: TinyModels;
let modelBytes: number;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  const shape = { hidden: 256, layers: 60, heads: 4, kvHeads: 4, ffn: 1024, vocab: 512, random: false } as const;
  modelBytes = writeLanguageModel(files.path('deep.gguf'), { ...shape, quantization: 'Q4_0' }).fileBytes;
});
afterAll(() => files.remove());

describe.each(LAYOUTS)('the double of %s', (layout) => {
  /** What a load takes, and what is left of it after the model is destroyed. */
  function measure(memory: string, projector?: string) {
    // The first load takes what a process takes once.
    const calls = [
      loadCall(256, files.model()),
      ['destroy', 'h'],
      loadCall(256, files.path('deep.gguf'), projector),
      ['destroy', 'h'],
    ];
    const environment = { NEXA_DOUBLE_CREATE: `memory=${memory}` };
    const [, before, loaded, after] = callLibrary(doubleLibrary(layout), calls, environment).answers;
    if (!before || !loaded || !after) throw new Error('The double did not answer.');
    return {
      anonymous: loaded.anonymousBytes - before.anonymousBytes,
      mapped: loaded.mappedBytes - before.mappedBytes,
      left: after.anonymousBytes - before.anonymousBytes,
    };
  }

  test('maps the model, or reads it, or moves its matrices into memory of their own', () => {
    expect(modelBytes).toBeGreaterThan(30 * MiB);
    const [mapped, read, repacked] = [measure('map'), measure('read'), measure('repack')];
    expect(mapped.mapped).toBeGreaterThan(0.9 * modelBytes);
    expect(read.mapped).toBeLessThan(0.1 * modelBytes);
    expect(repacked.mapped).toBeLessThan(0.2 * modelBytes);
    for (const { anonymous } of [read, repacked])
      expect(anonymous - mapped.anonymous).toBeGreaterThan(0.8 * modelBytes);
    for (const { left } of [mapped, read, repacked]) expect(left).toBeLessThan(0.1 * modelBytes);
  });

  test('gives a multimodal model back, except in the older generation', () => {
    const { left } = measure('read', files.projector);
    if (layout === 'nexa-1.0') expect(left).toBeGreaterThan(0.9 * modelBytes);
    else expect(left).toBeLessThan(0.1 * modelBytes);
  });
});
