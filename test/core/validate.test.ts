import { describe, expect, it } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import {
  abortSignal,
  absolutePath,
  type Check,
  type Checks,
  callback,
  either,
  flag,
  nativeText,
  nearestName,
  numberFrom,
  objectOf,
  oneOf,
  oneOrMore,
  path,
  size,
  text,
  validate,
  wholeNumber,
} from '../../src/core/validate.ts';

interface Options {
  readonly dwellMs?: number;
  readonly swap?: boolean;
  readonly mode?: 'enforce' | 'observe';
  readonly ratio: number | undefined;
}

const CHECKS: Checks<Options> = {
  dwellMs: wholeNumber(0, 1000),
  swap: flag,
  mode: oneOf('enforce', 'observe'),
  ratio: numberFrom(0, 1),
};

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

/** A proxy that throws if it is looked at. */
const resisting = new Proxy(
  {},
  {
    getPrototypeOf() {
      throw new Error('not today');
    },
  },
);

describe('the checks of a set of options', () => {
  it('are of the types of the options: another one does not compile', () => {
    // @ts-expect-error a truth value where a number is due
    const wrongType: Checks<Options> = { ...CHECKS, dwellMs: flag };
    // @ts-expect-error a word that the option doesn't have
    const wrongWord: Checks<Options> = { ...CHECKS, mode: oneOf('enforce', 'strict') };
    // @ts-expect-error an option without a check
    const missing: Checks<Options> = { dwellMs: wholeNumber(0), swap: flag, mode: oneOf('enforce', 'observe') };
    // @ts-expect-error a check without an option
    const surplus: Checks<Options> = { ...CHECKS, dwell: flag };
    expect([wrongType, wrongWord, missing, surplus]).toHaveLength(4);
  });

  it('give what each of them returns, and leave out what is undefined', () => {
    expect(validate<Options>({ dwellMs: 3, swap: undefined, mode: 'observe' }, CHECKS, 'call')).toEqual({
      dwellMs: 3,
      mode: 'observe',
    });
    expect(validate<Options>(undefined, CHECKS, 'call')).toEqual({});
    expect(validate<{ room?: number }>({ room: '1 KiB' }, { room: size }, 'call')).toEqual({ room: 1024 });
  });

  it('read what an object inherits: getters of a class, and defaults under own options', () => {
    class Settings {
      readonly swap = true;
      get dwellMs(): number {
        return 7;
      }
      reload(): void {}
    }
    expect(validate<Options>(new Settings(), CHECKS, 'call')).toEqual({ swap: true, dwellMs: 7 });
    const defaults = { dwellMs: 3, mode: 'observe' };
    const own = Object.assign(Object.create(defaults), { dwellMs: 4 });
    expect(validate<Options>(own, CHECKS, 'call')).toEqual({ dwellMs: 4, mode: 'observe' });
    const bad = Object.create({ dwellMs: -1 });
    expect(messageOf(() => validate<Options>(bad, CHECKS, 'call'))).toContain('Expected `dwellMs`');
  });

  it('do not read what somebody put on Object.prototype', () => {
    const polluted = { value: 5, configurable: true, enumerable: true, writable: true };
    Object.defineProperty(Object.prototype, 'dwellMs', polluted);
    const found = [{ swap: true }, Object.create({ mode: 'observe' })].map((given) =>
      Object.keys(validate<Options>(given, CHECKS, 'call')),
    );
    Reflect.deleteProperty(Object.prototype, 'dwellMs');
    expect(found).toEqual([['swap'], ['mode']]);
  });

  it('refuse a promise of options, which would be none', () => {
    const promise = Promise.resolve({ dwellMs: 1 });
    expect(messageOf(() => validate(promise, CHECKS, 'call'))).toMatch(
      /^Expected `options` to be an object and not a promise of one, got /,
    );
  });

  it('name the option by its path', () => {
    expect(messageOf(() => validate<Options>({ dwellMs: -1 }, CHECKS, 'call', 'watch'))).toBe(
      'Expected `watch.dwellMs` to be a whole number from 0 to 1000, got -1 (number).',
    );
  });

  it.each([null, 1, 'text', [], () => {}])('refuse %o in place of the object', (given) => {
    expect(messageOf(() => validate(given, CHECKS, 'call'))).toMatch(/^Expected `options` to be an object, got /);
    expect(messageOf(() => validate(given, CHECKS, 'call', 'watch'))).toMatch(
      /^Expected `watch` to be an object, got /,
    );
  });
});

describe('a key that is no option', () => {
  it('is refused with the one that was meant', () => {
    expect(messageOf(() => validate({ dwelMs: 1 }, CHECKS, 'withMemoryGuard'))).toBe(
      'Unknown option `dwelMs` of `withMemoryGuard`; did you mean `dwellMs`?',
    );
    expect(messageOf(() => validate({ dwellms: 1 }, CHECKS, 'loadModel', 'memoryGuard'))).toBe(
      'Unknown option `memoryGuard.dwellms` of `loadModel`; did you mean `memoryGuard.dwellMs`?',
    );
  });

  it('is refused with all that there are where none comes near', () => {
    expect(messageOf(() => validate({ temperature: 1 }, CHECKS, 'withMemoryGuard'))).toBe(
      'Unknown option `temperature` of `withMemoryGuard`; its options are dwellMs, swap, mode, ratio.',
    );
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('%s is no option of anything', (key) => {
    expect(messageOf(() => validate(JSON.parse(`{"${key}": 1}`), CHECKS, 'call'))).toContain(
      `Unknown option \`${key}\``,
    );
  });

  it('is shown on one line and cut, however long a hostile caller makes it', () => {
    const message = messageOf(() => validate({ ['x'.repeat(100_000)]: 1 }, CHECKS, 'call'));
    expect(message.length).toBeLessThan(250);
    expect(messageOf(() => validate({ 'a\nb': 1 }, CHECKS, 'call'))).toContain('`a b`');
  });
});

describe('the nearest name', () => {
  it.each([
    ['modelDir', ['modelsDir', 'layout'], 'modelsDir'],
    ['contextsize', ['contextSize', 'batchSize'], 'contextSize'],
    ['swpa', ['swap', 'sensor'], 'swap'],
    ['pni', ['pin', 'pull'], 'pin'],
    ['x', ['pin'], undefined],
    ['patience', ['wait', 'pin', 'signal'], undefined],
  ])('to %s among %j is %s', (written, known, nearest) => {
    expect(nearestName(written, known)).toBe(nearest);
  });
});

describe('each check', () => {
  const only = (given: unknown) => objectOf('a pair')(given, 'it');
  const mixed = either(flag, size, 'true, false or a size');
  it.each<[string, Check<unknown>, unknown[], unknown[], string]>([
    ['flag', flag, [true, false], [0, 'true', null], 'true or false'],
    ['size', size, [0, '1 MiB'], [-1, 0.5, '1 QiB', Number.NaN], 'a safe integer >= 0 or a size such as "512 MiB"'],
    ['oneOf', oneOf('a', 'b', true), ['a', true], ['c', false, undefined], "'a', 'b' or true"],
    ['numberFrom', numberFrom(0, 1), [0, 0.5, 1], [-0.1, 1.1, Number.NaN, '0'], 'a number from 0 to 1'],
    ['numberFrom without an end', numberFrom(0), [1e300], [Number.POSITIVE_INFINITY], 'a number from 0'],
    ['wholeNumber', wholeNumber(1, 3), [1, 3], [0, 4, 1.5, '2'], 'a whole number from 1 to 3'],
    ['text', text, ['a', ' a '], ['', ' ', 1], 'a text that is not empty'],
    ['nativeText', nativeText, ['a'], ['', 'a\0b'], 'a text that is not empty and has no NUL in it'],
    ['path', path, ['./a', '/b'], ['', 'a\0b', 1], 'a path'],
    ['absolutePath', absolutePath, ['/a'], ['a', '', '/a\0'], 'an absolute path'],
    [
      'oneOrMore',
      oneOrMore(text, 'a text or a list of texts'),
      ['a', ['a', 'b']],
      ['', ['a', 1]],
      'a text or a list of texts',
    ],
    ['callback', callback, [() => 1], [{}, null], 'a function'],
    ['objectOf', only, [{}, []], [null, 1], 'a pair'],
    [
      'abortSignal',
      abortSignal,
      [new AbortController().signal],
      [{}, null, Object.create(AbortSignal.prototype), resisting],
      'an AbortSignal',
    ],
    ['either', mixed, [true, '1 KiB'], ['x', null], 'true, false or a size'],
  ])('%s accepts what it says and refuses the rest', (_, check, accepted, refused, expected) => {
    for (const value of accepted) expect(() => check(value, 'it')).not.toThrow();
    for (const value of refused)
      expect(messageOf(() => check(value, 'it'))).toContain(`Expected \`it\` to be ${expected}, got `);
  });

  it('turns what it accepts into what is used', () => {
    expect(size('1 KiB', 'it')).toBe(1024);
    expect(oneOrMore(text, 'texts')('a', 'it')).toEqual(['a']);
    expect(mixed('1 KiB', 'it')).toBe(1024);
  });
});
