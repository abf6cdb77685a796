import { describe, expect, it } from 'vitest';
import { createCalibrationKey, createNamedKey } from '../../src/footprint/calibration-key.ts';

describe('the key of a load of known files', () => {
  const facts = {
    files: [{ device: 1, inode: 2, sizeBytes: 3, mtimeMs: 4 }],
    shape: { contextSize: 2048 },
    runtime: 'llama 1.7.15',
  };

  it('is the same for the same facts and another one for any other', () => {
    const key = createCalibrationKey(facts);
    expect(createCalibrationKey(structuredClone(facts))).toBe(key);
    expect(createCalibrationKey({ ...facts, runtime: 'llama 1.7.16' })).not.toBe(key);
    expect(createCalibrationKey({ ...facts, shape: { contextSize: 4096 } })).not.toBe(key);
    expect(createCalibrationKey({ ...facts, files: [{ device: 1, inode: 2, sizeBytes: 3, mtimeMs: 5 }] })).not.toBe(
      key,
    );
  });
});

describe('the key of a load by name', () => {
  const facts = { sdk: 'an sdk', model: 'm', quantization: 'Q4_0', shape: { contextSize: 2048, kvCacheType: 'f16' } };

  it('is the same for the same facts, in whatever order and kind of object they stand', () => {
    const key = createNamedKey(facts);
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    const other = Object.assign(Object.create(null), { kvCacheType: 'f16', contextSize: 2048, mmap: undefined });
    expect(createNamedKey({ ...facts, shape: other })).toBe(key);
  });

  it('is another one for any other fact', () => {
    const others = [
      { sdk: 'another' },
      { model: 'n' },
      { quantization: 'Q4_K_M' },
      { quantization: undefined },
      { shape: {} },
      { shape: { ...facts.shape, contextSize: { min: 2048, max: 4096 } } },
    ].map((change) => createNamedKey({ ...facts, ...change }));
    expect(new Set([createNamedKey(facts), ...others]).size).toBe(others.length + 1);
  });

  it('takes a whole number of any size, and is none for what has no text', () => {
    expect(createNamedKey({ ...facts, shape: { contextSize: 5n } })).toMatch(/^[0-9a-f]{32}$/);
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const shape of [circle, { contextSize: () => 5 }, { kvCacheType: Symbol('f16') }])
      expect(createNamedKey({ ...facts, shape })).toBeUndefined();
  });
});
