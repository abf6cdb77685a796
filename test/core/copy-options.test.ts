import { describe, expect, it } from 'vitest';
import { changeOptions, copyOptions, copyPlainObject, isPlainObject } from '../../src/core/copy-options.ts';

class Settings {
  readonly own = 1;
  readonly #threads = 4;
  get threads(): number {
    return this.#threads;
  }
  reload(): void {}
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('copied options', () => {
  it('are the own ones and the named ones of a class or of defaults, without a prototype', () => {
    const copy = copyOptions(new Settings(), '', ['threads', 'missing']);
    expect(Object.entries(copy)).toEqual([
      ['threads', 4],
      ['own', 1],
    ]);
    expect(Object.getPrototypeOf(copy)).toBeNull();
    expect(copyOptions(Object.create({ threads: 2 }), '', ['threads'])['threads']).toBe(2);
  });

  it('keep `__proto__` of a document as a name like any other', () => {
    const copy = copyOptions(JSON.parse('{"__proto__": {"force": true}}'), '');
    expect(copy['force']).toBeUndefined();
    expect(Object.keys(copy)).toEqual(['__proto__']);
  });

  it('are read once', () => {
    let reads = 0;
    const given = {
      get contextSize() {
        reads += 1;
        return reads;
      },
    };
    const copy = copyOptions(given, '');
    expect([copy['contextSize'], copy['contextSize'], reads]).toEqual([1, 1, 1]);
  });

  it('are refused with the reason if one of them throws when it is read', () => {
    const cause = new Error('not connected');
    const given = {
      get force() {
        throw cause;
      },
    };
    expect(() => copyOptions(given, 'memoryGuard')).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        message: 'Expected `memoryGuard.force` to be readable, got Error: not connected from reading it.',
        cause,
      }),
    );
    expect(() => copyOptions(revoked(), 'memoryGuard')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
    expect(() => copyOptions(revoked(), '')).toThrow('Expected `options` to be readable, got TypeError');
  });
});

describe('a plain object', () => {
  it('is what a call or a document writes', () => {
    for (const value of [{}, { a: 1 }, JSON.parse('{"__proto__": 1}'), Object.create(null)]) {
      expect(isPlainObject(value)).toBe(true);
    }
  });

  it.each([[null], [undefined], [5], ['text'], [[]], [new Settings()], [new Map()], [() => {}], [new Proxy({}, {})]])(
    'is not %s',
    (value) => {
      expect(isPlainObject(value)).toBe(false);
      expect(copyPlainObject(value)).toBe(value);
    },
  );

  it('is copied with its symbols, what it hides, and its prototype', () => {
    const key = Symbol('key');
    const given = Object.defineProperty({ a: 1, [key]: 2 }, 'hidden', { value: 3 });
    const copy = copyPlainObject(given);
    expect(copy).not.toBe(given);
    expect(Object.getOwnPropertyDescriptors(copy)).toEqual(Object.getOwnPropertyDescriptors(given));
    expect(Object.getPrototypeOf(copyPlainObject(Object.create(null)))).toBeNull();
    expect(copyPlainObject(revoked)).toBe(revoked);
  });
});

describe('changed options', () => {
  it('are a copy with the same prototype and symbols, and without what is left out', () => {
    const key = Symbol('key');
    class Options {
      readonly memoryGuard = {};
      readonly threads = 2;
      readonly [key] = 3;
      get doubled(): number {
        return this.threads * 2;
      }
    }
    const given = new Options();
    const changed = changeOptions(given, { threads: 5 }, ['memoryGuard']) as Options;
    expect(changed).toBeInstanceOf(Options);
    expect([changed.threads, changed.doubled, changed[key], 'memoryGuard' in changed]).toEqual([5, 10, 3, false]);
    expect(given).toMatchObject({ threads: 2, memoryGuard: {} });
  });
});
