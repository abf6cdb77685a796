import { describe, expect, it } from 'vitest';
import { copyRequest } from '../../src/loading/copy-request.ts';

describe('a copied request', () => {
  it('stays as it was asked, with its ranges and lists', () => {
    const contextSize = { min: 1, max: 2 };
    const kvCacheType = ['q8_0', { k: 'q8_0', v: 'f16' }];
    const shape = { contextSize, kvCacheType };
    const copy = copyRequest({ name: 'm', shape });
    contextSize.max = 9;
    kvCacheType.pop();
    Object.assign(shape, { mmap: false });
    expect(copy).toEqual({
      name: 'm',
      shape: { contextSize: { min: 1, max: 2 }, kvCacheType: ['q8_0', { k: 'q8_0', v: 'f16' }] },
    });
  });

  it('has what a class or defaults give, and nothing of Object.prototype', () => {
    class Range {
      get min(): number {
        return 1;
      }
      get max(): number {
        return 2;
      }
    }
    Object.defineProperty(Object.prototype, 'memoryGuard', { value: { force: true }, configurable: true });
    const copy = copyRequest({ name: 'm', shape: { contextSize: new Range() } });
    Reflect.deleteProperty(Object.prototype, 'memoryGuard');
    expect(copy).toEqual({ name: 'm', shape: { contextSize: { min: 1, max: 2 } } });
  });

  it('is refused if a part of it throws when it is read', () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    for (const contextSize of [proxy, Object.defineProperty({}, 'min', { get: Symbol, enumerable: true })]) {
      const shape = { contextSize };
      if (contextSize === proxy)
        expect(() => copyRequest({ name: 'm', shape })).toThrow(/Expected `contextSize` to be/);
      else expect(copyRequest({ name: 'm', shape }).shape?.contextSize).toHaveProperty('min');
    }
  });
});
