import { inspect } from 'node:util';
import { expect, describe as group, it, vi } from 'vitest';
import { describe, describeError, invalidOption, MemoryGuardError, readMessage } from '../../src/core/errors.ts';

group('an error of the guard', () => {
  it('carries a code, a name and its cause', () => {
    const cause = new Error('below');
    const error = new MemoryGuardError('ERR_SENSOR', 'The machine could not be read.', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'MemoryGuardError',
      code: 'ERR_SENSOR',
      message: 'The machine could not be read.',
      cause,
    });
    expect(String(error)).toBe('MemoryGuardError: The machine could not be read.');
  });

  it('has no cause where none was given', () => {
    expect('cause' in new MemoryGuardError('ERR_SENSOR', 'x')).toBe(false);
  });
});

group('the sentence about a bad option', () => {
  it('names the option, what is expected and what was found', () => {
    const error = invalidOption('minFreeBytes', 'a safe integer >= 0', '1 potato');
    expect(error.code).toBe('ERR_INVALID_OPTION');
    expect(error.message).toBe("Expected `minFreeBytes` to be a safe integer >= 0, got '1 potato' (string).");
  });
});

group('a value in words', () => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [Number.NaN, 'NaN (number)'],
    [-0, '-0 (number)'],
    [12n, '12n (bigint)'],
    [true, 'true (boolean)'],
    [Symbol('s'), 'Symbol(s) (symbol)'],
    [{ a: { b: 1 } }, '{ a: [Object] } (object)'],
    [[1, 2, 3, 4], '[ 1, 2, 3, ... 1 more item ] (object)'],
    [function f() {}, '[Function: f] (function)'],
    ['a\nb', "'a\\nb' (string)"],
  ])('%# is short and has its type', (value, text) => {
    expect(describe(value)).toBe(text);
  });

  it('is cut where it is long', () => {
    expect(describe('x'.repeat(1000)).length).toBeLessThan(140);
    expect(describe(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, i])))).toMatch(
      /^.{117}\.\.\. \(object\)$/,
    );
  });

  it('shows an error by its message, without its stack and on one line', () => {
    expect(describeError(new RangeError('two\nlines'))).toBe('RangeError: two lines');
    expect(describeError('text')).toBe("'text' (string)");
  });

  it('does not throw for values that resist being printed', () => {
    const thrower = () => {
      throw new Error('no');
    };
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const hostile = [
      { [inspect.custom]: thrower },
      Object.defineProperty({}, Symbol.toStringTag, { get: thrower }),
      Object.defineProperty(new Error('a'), 'message', { get: thrower }),
    ];
    for (const value of hostile) expect(describeError(value)).toBe('a value that cannot be printed (object)');
    expect(describe(revoked.proxy)).toMatch(/\(object\)$/);
    expect(describe(Object.create(null))).toBe('[Object: null prototype] {} (object)');
  });
});

group('what an error says', () => {
  it('is its message, or what was thrown if that is no error, and never "[object Object]"', () => {
    expect(readMessage(new Error('no room'))).toBe('no room');
    expect(readMessage('no room')).toBe('no room');
    expect(readMessage({ message: 'no room', code: 5 })).toBe('no room');
    const thrown = [
      {},
      { code: 5, inner: { deep: {} } },
      { message: {} },
      new Error({} as string),
      Object.assign(new Error(''), { message: {} }),
      Object.assign(new Error('x'), { name: {} }),
      [{}],
      new Map([[{}, {}]]),
      Object.create(null),
      undefined,
      Symbol('s'),
    ];
    for (const each of thrown) {
      for (const said of [readMessage(each), describeError(each), describe(each)]) {
        expect(said).not.toContain('[object Object]');
        expect(said).not.toBe('');
      }
    }
    expect(readMessage({ code: 5 })).toBe('{ code: 5 } (object)');
  });

  it('is told of what resists being looked at', () => {
    const thrower = Object.defineProperty({}, 'message', {
      get() {
        throw new Error('no');
      },
    });
    expect(readMessage(thrower)).toMatch(/\(object\)$/);
  });
});

group('an error of another copy of this package', () => {
  type Copy = typeof import('../../src/core/errors.ts');
  // Another module with the same source, as a second version that npm has installed.
  async function copy(): Promise<Copy> {
    vi.resetModules();
    return import('../../src/core/errors.ts');
  }

  it('is an instance of this class, and of no other', async () => {
    const other = await copy();
    expect(other.MemoryGuardError).not.toBe(MemoryGuardError);
    const error = new other.MemoryGuardError('ERR_SENSOR', 'unread');
    expect(error instanceof MemoryGuardError).toBe(true);
    expect(new MemoryGuardError('ERR_SENSOR', 'unread') instanceof other.MemoryGuardError).toBe(true);
    class Own extends MemoryGuardError {}
    expect(error instanceof Own).toBe(false);
    expect(new Own('ERR_SENSOR', 'unread') instanceof Own).toBe(true);
    expect(new Own('ERR_SENSOR', 'unread') instanceof other.MemoryGuardError).toBe(true);
  });

  it('is not taken for one by anything that only looks like it, or resists being looked at', () => {
    const hostile = new Proxy(
      {},
      {
        getOwnPropertyDescriptor() {
          throw new Error('no');
        },
      },
    );
    const inherited = Object.create(new MemoryGuardError('ERR_SENSOR', 'unread')) as object;
    for (const value of [hostile, inherited, new Error('no'), { code: 'ERR_SENSOR' }, undefined]) {
      expect(value instanceof MemoryGuardError).toBe(false);
    }
  });

  it('shows nothing of how it is known', () => {
    expect(Object.keys(new MemoryGuardError('ERR_SENSOR', 'unread')).sort()).toEqual(['code', 'name']);
  });
});
