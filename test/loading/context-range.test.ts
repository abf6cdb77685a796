import { describe, expect, it } from 'vitest';
import { assumeShapeRange, chooseShape, listNextShapes, readShapeRange } from '../../src/loading/context-range.ts';

describe('a requested shape', () => {
  it('has the default range of contexts and the default cache type if nothing is said', () => {
    expect(readShapeRange(undefined)).toEqual({
      contextSize: { min: 2048, max: 4096 },
      kvCacheTypes: [undefined],
      rest: {},
    });
  });

  it('is exact for a number, open for a range, and keeps what only the estimate understands', () => {
    expect(readShapeRange({ contextSize: 1000, microBatchSize: 256 })).toMatchObject({
      contextSize: { min: 1000, max: 1000 },
      rest: { microBatchSize: 256 },
    });
    expect(readShapeRange({ contextSize: { min: 512, max: 8192 } }).contextSize).toEqual({ min: 512, max: 8192 });
    expect(readShapeRange({ kvCacheType: ['f16', 'q8_0'] }).kvCacheTypes).toEqual(['f16', 'q8_0']);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 31, '2048', null, {}, { min: 1 }, { min: 4096, max: 2048 }, [2048]])(
    'with the context %j is refused',
    (contextSize) => {
      expect(() => readShapeRange({ contextSize })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining('`contextSize`') }),
      );
    },
  );

  it('with an empty list of cache types is refused', () => {
    expect(() => readShapeRange({ kvCacheType: [] })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });
});

describe('the shape for an SDK that can’t be told what was chosen', () => {
  it('is the context that the caller wrote', () => {
    expect(assumeShapeRange({ contextSize: 1000, kvCacheType: 'q8_0' })).toEqual({
      contextSize: { min: 1000, max: 1000 },
      kvCacheTypes: ['q8_0'],
      contextAssumed: false,
      rest: {},
    });
  });

  it.each([
    ['nothing', {}, 4096],
    ['a range', { contextSize: { min: 1024, max: 8192 } }, 8192],
  ])('is as much as the guard would ever choose if the caller wrote %s', (_what, shape, tokens) => {
    const range = { contextSize: { min: tokens, max: tokens }, contextAssumed: true };
    expect(assumeShapeRange(shape)).toMatchObject(range);
  });

  it('is its own default for a list of cache types, which it may not understand', () => {
    expect(assumeShapeRange({ kvCacheType: ['q8_0', 'f16'] }).kvCacheTypes).toEqual([undefined]);
    expect(assumeShapeRange(undefined).kvCacheTypes).toEqual([undefined]);
  });
});

describe('the shape that the SDK is given', () => {
  it('is what was chosen', () => {
    expect(chooseShape({}, { contextSize: 3072, kvCacheType: 'q8_0' })).toEqual({
      contextSize: 3072,
      kvCacheType: 'q8_0',
    });
  });

  it('has one value for each range and list that nothing was chosen for', () => {
    const asked = { contextSize: { min: 512, max: 1024 }, kvCacheType: ['q8_0', 'f16'] };
    expect(chooseShape(asked, {})).toEqual({ contextSize: 1024, kvCacheType: 'q8_0' });
  });

  it('stays as the caller wrote it if nothing was chosen or left open', () => {
    expect(chooseShape({ contextSize: 1024, kvCacheType: 'f16' }, {})).toBeUndefined();
    expect(chooseShape(undefined, {})).toBeUndefined();
  });
});

describe('the context that comes next', () => {
  const next = { part: 'context', contextSize: 2048, kvCacheType: { k: 'f16', v: 'f16' } } as const;

  it('is no larger than the model was trained for', () => {
    expect(listNextShapes(next, {})).toEqual([next]);
    expect(listNextShapes(next, { trainedTokens: 512 })).toEqual([{ ...next, contextSize: 512 }]);
    expect(listNextShapes(undefined, { trainedTokens: 512 })).toEqual([]);
  });
});
