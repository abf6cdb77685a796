import { describe, expect, it } from 'vitest';
import { defaultAdapter } from '../../src/adapters/adapter.ts';

const { request, quantization, files, dispose } = defaultAdapter;

describe('the request of a load call', () => {
  it.each([
    [['m'], { name: 'm' }],
    [['m', undefined], { name: 'm' }],
    [['m', null], { name: 'm' }],
    [['m', {}], { name: 'm', quantization: undefined, memoryGuard: undefined }],
    [
      ['m', { quantization: 'Q4_0', memoryGuard: { force: true }, threads: 2 }, 'rest'],
      { name: 'm', quantization: 'Q4_0', memoryGuard: { force: true } },
    ],
  ])('is read from %j', (args, expected) => {
    expect(request(args)).toEqual(expected);
  });

  it('tells what the options say of the shape, and nothing else of them', () => {
    const shape = { contextSize: 4096, kvCacheType: 'q8_0', mmap: false };
    expect(request(['m', { ...shape, threads: 2, gpuLayers: undefined }])).toMatchObject({ name: 'm', shape });
    expect(request(['m', { threads: 2 }]).shape).toBeUndefined();
  });

  it.each([[[]], [['']], [[5]], [[null]], [[{ name: 'm' }]]])('is refused without a name (%j)', (args) => {
    expect(() => request(args)).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_MODEL' }));
  });

  it('is refused where the options are none', () => {
    for (const options of ['Q4_0', 4, true, () => {}]) {
      expect(() => request(['m', options])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    }
  });
});

describe('the arguments for the SDK', () => {
  it('are the identical ones where nothing is to be changed', () => {
    for (const args of [['m'], ['m', undefined], ['m', { quantization: 'Q4_0' }, 5]]) {
      expect(quantization(args, undefined)).toBe(args);
    }
    const asked = ['m', { quantization: 'Q4_0' }];
    expect(quantization(asked, 'Q4_0')).toBe(asked);
  });

  it('carry the chosen quantization', () => {
    expect(quantization(['m'], 'Q4_0')).toEqual(['m', { quantization: 'Q4_0' }]);
    expect(quantization(['m', null], 'Q4_0')).toEqual(['m', { quantization: 'Q4_0' }]);
    const options = { quantization: 'Q5_K_M', threads: 2 };
    expect(quantization(['m', options, 'rest'], 'Q4_0')).toEqual(['m', { quantization: 'Q4_0', threads: 2 }, 'rest']);
    expect(options).toEqual({ quantization: 'Q5_K_M', threads: 2 });
  });

  it('never carry `memoryGuard`, whether or not a quantization was chosen', () => {
    const options = { memoryGuard: { force: true }, threads: 2 };
    for (const chosen of [undefined, 'Q4_0'] as const) {
      const [, given] = quantization(['m', options], chosen) as [string, object];
      expect(given).toEqual(chosen ? { threads: 2, quantization: chosen } : { threads: 2 });
      expect('memoryGuard' in given).toBe(false);
    }
    expect(quantization(['m', { memoryGuard: undefined }], undefined)[1]).toEqual({});
    expect(options.memoryGuard).toEqual({ force: true });
  });
});

describe('the files of a model', () => {
  it('are those that it tells', () => {
    expect(files?.({ modelPath: '/m.gguf', projectorPath: '/p.gguf' })).toEqual(['/m.gguf', '/p.gguf']);
    expect(files?.({ modelPath: '/m.gguf' })).toEqual(['/m.gguf']);
  });

  it('are none where it tells none', () => {
    for (const model of [{}, null, undefined, 5, 'm', { modelPath: 5 }]) expect(files?.(model)).toEqual([]);
  });
});

describe('the ways of an SDK to unload', () => {
  it('are apart for all models and for one', () => {
    expect(dispose?.all).toEqual(expect.arrayContaining(['dispose', 'close', Symbol.dispose, Symbol.asyncDispose]));
    expect(dispose?.one).toContain('unloadModel');
    expect(dispose?.all?.filter((key) => dispose.one?.includes(key))).toEqual([]);
  });
});
