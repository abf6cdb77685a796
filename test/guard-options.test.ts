import { describe, expect, it } from 'vitest';
import { defaultAdapter } from '../src/adapters/default-adapter.ts';
import { MiB } from '../src/core/bytes.ts';
import { systemClock } from '../src/core/clock.ts';
import { type GuardOptions, readGuardOptions } from '../src/guard-options.ts';
import { ManualClock } from './support/manual-clock.ts';

/** What `act` throws, as the code and the sentence. */
function refusalOf(act: () => unknown): { code: unknown; message: string } {
  try {
    act();
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    return { code, message };
  }
  throw new Error('nothing was refused');
}

const SIZE = 'a safe integer >= 0 or a size such as "512 MiB"';
const NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, -1, '1', '1 potato', null, true, [], {}, 5n];

const BAD: readonly [keyof GuardOptions, expected: string, values: readonly unknown[]][] = [
  ['mode', "'enforce' or 'observe'", ['watch', 'Enforce', '', 1, null, true, ['enforce']]],
  [
    'minFreeBytes',
    SIZE,
    [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 53, '1 potato', '512', null, true, [], {}],
  ],
  ['minFreeRatioAfterLoad', 'a number from 0 to 1', [...NUMBERS, 1.01, 25]],
  ['warningFactor', 'a number from 1 to 1000', [...NUMBERS, 0.99, 1001]],
  ['downgrade', 'true or false', [0, 1, 'true', null, {}]],
  ['onSensorFailure', "'refuse' or 'admit'", ['alone', null, true]],
  ['calibration', "'shared', 'off' or { directory }", ['on', null, true, 1]],
  ['knownModels', "'shape' or 'table'", ['both', null, true]],
  ['onLedgerFailure', "'refuse' or 'alone'", ['admit', null, true]],
  ['evict', "'never', 'idle' or a function that chooses", ['always', null, true, 1]],
  ['reload', 'true or false', [0, 1, 'true', null, {}]],
  ['minResidencyMs', 'a whole number from 0 to 2147483647', [...NUMBERS, -1, 1.5, 2 ** 31]],
  ['keepAliveMs', 'a whole number from 1 to 2147483647', [...NUMBERS, 0, 1.5, 2 ** 31]],
  ['dropPageCache', 'true or false', [0, 1, 'true', null, {}]],
  ['askEngine', 'true or false', [0, 1, 'true', null, {}]],
  ['ledger', "'process', 'shared' or { directory }", ['all', null, true, 1]],
  ['maxConcurrentLoads', 'a whole number from 1 to 1024', [...NUMBERS, 0, 1.5, 1025]],
  ['swap', 'true or false', ['yes', null, 1]],
  ['hysteresisRatio', 'a number from 0 to 1', [...NUMBERS, 1.5]],
  ['dwellMs', 'a whole number from 0 to 3600000', [...NUMBERS, 0.5, 3_600_001]],
  ['logger', 'a logger such as `console`', [null, 'console', 1, () => {}]],
  ['adapter', 'an adapter', [null, 'nexa', 1]],
  ['sensor', 'a function', [null, 'sensor', {}, { totalBytes: 1, availableBytes: 1 }]],
  ['clock', 'a clock { nowMs, schedule }', [null, 'now', Date.now]],
];

describe('a bad guard option', () => {
  const cases = BAD.flatMap(([name, expected, values]) => values.map((value) => [name, value, expected] as const));

  it.each(cases)('`%s: %s` is refused by name, with what is expected and what was found', (name, value, expected) => {
    const { code, message } = refusalOf(() => readGuardOptions({ [name]: value }));
    expect(code).toBe('ERR_INVALID_OPTION');
    expect(message).toContain(`Expected \`${name}\` to be ${expected}, got `);
    expect(message.split(', got ').at(-1)).toMatch(
      value === null ? /^null\.$/ : /\((string|number|boolean|object|function|bigint)\)\.$/,
    );
  });

  it('is refused if only a part of it is bad', () => {
    const half = refusalOf(() => readGuardOptions({ clock: { nowMs: () => 0 } }));
    expect(half.message).toBe('Expected `clock.schedule` to be a function, got undefined.');
    expect(refusalOf(() => readGuardOptions({ clock: { schedule() {} } })).message).toContain('`clock.nowMs`');
  });

  it('is refused if nobody knows it, with those that are known', () => {
    const { code, message } = refusalOf(() => readGuardOptions({ minFreeByte: 1 }));
    expect(code).toBe('ERR_INVALID_OPTION');
    expect(message).toMatch(/^Unknown option `minFreeByte` of `withMemoryGuard`; did you mean `minFreeBytes`\?$/);
    for (const key of ['__proto__', 'constructor', 'toString', '']) {
      const options = JSON.parse(`{ ${JSON.stringify(key)}: 1 }`) as object;
      expect(refusalOf(() => readGuardOptions(options)).message).toContain(`Unknown option \`${key}\``);
    }
  });

  it('is refused even if its value is undefined, if nobody knows it', () => {
    expect(refusalOf(() => readGuardOptions({ tpyo: undefined })).code).toBe('ERR_INVALID_OPTION');
  });

  it.each([null, 'enforce', 1, [], true, () => {}])('options that are no object (%s) are refused', (options) => {
    const { code, message } = refusalOf(() => readGuardOptions(options));
    expect(code).toBe('ERR_INVALID_OPTION');
    expect(message).toContain('Expected `options` to be an object');
  });
});

describe('a floor that llama.cpp has no type for', () => {
  it.each(['Q4', 'q4_0', 'Q4_0_4_4', null, 4])('%s is refused as an unknown quantization', (floor) => {
    const { code, message } = refusalOf(() => readGuardOptions({ floor }));
    expect(code).toBe('ERR_UNKNOWN_QUANTIZATION');
    expect(message).toContain('Expected `floor` to be one of F32, ');
  });
});

describe('the defaults', () => {
  /** As they are documented on the types. */
  const documented = {
    mode: 'enforce',
    knownModels: 'shape',
    calibration: 'shared',
    onSensorFailure: 'refuse',
    onLedgerFailure: 'refuse',
    unknownModels: 'refuse',
    minFreeBytes: undefined,
    minFreeRatioAfterLoad: undefined,
    warningFactor: 2,
    downgrade: true,
    floor: 'Q4_0',
    ledger: 'shared',
    evict: 'never',
    minResidencyMs: 30_000,
    reload: false,
    keepAliveMs: undefined,
    dropPageCache: false,
    askEngine: true,
    maxConcurrentLoads: 1,
    swap: false,
    hysteresisRatio: 0.05,
    dwellMs: 1000,
    logger: undefined,
    adapter: undefined,
    sensor: undefined,
    clock: systemClock,
  };

  it('are those that the types document', () => {
    expect(readGuardOptions(undefined)).toEqual(documented);
    expect(readGuardOptions({})).toEqual(documented);
  });

  it('stay if an option is given as undefined', () => {
    const undefineds = Object.fromEntries(Object.keys(documented).map((key) => [key, undefined]));
    expect(readGuardOptions(undefineds)).toEqual(documented);
  });
});

describe('a good guard option', () => {
  it.each([
    ['minFreeBytes', '512 MiB', 512 * MiB],
    ['minFreeBytes', 0, 0],
    ['minFreeRatioAfterLoad', 0, 0],
    ['minFreeRatioAfterLoad', 1, 1],
    ['warningFactor', 1, 1],
    ['warningFactor', 1.5, 1.5],
    ['maxConcurrentLoads', 1024, 1024],
    ['dwellMs', 0, 0],
    ['dwellMs', 3_600_000, 3_600_000],
    ['hysteresisRatio', 0, 0],
    ['mode', 'observe', 'observe'],
    ['onLedgerFailure', 'alone', 'alone'],
    ['downgrade', false, false],
    ['floor', 'IQ2_XXS', 'IQ2_XXS'],
    ['swap', true, true],
    ['logger', console, console],
    ['adapter', defaultAdapter, defaultAdapter],
  ] as const)('`%s: %s` is taken', (name, value, taken) => {
    expect(readGuardOptions({ [name]: value })[name]).toEqual(taken);
  });

  it('may be a clock or a sensor', () => {
    const [clock, sensor] = [new ManualClock(), () => ({ totalBytes: 1, availableBytes: 1 })];
    expect(readGuardOptions({ clock, sensor })).toMatchObject({ clock, sensor });
  });
});

describe('an adapter', () => {
  it('that is given in part does the rest in the usual way', () => {
    const { adapter } = readGuardOptions({ adapter: { sdkDisposers: { one: ['drop'] } } });
    expect(adapter?.readRequest).toBe(defaultAdapter.readRequest);
    expect(adapter?.sdkDisposers).toEqual({ all: [], one: ['drop'] });
    expect(readGuardOptions({ adapter: {} }).adapter).toEqual(defaultAdapter);
  });

  it('may be an object of a class, and a part of it that is undefined is left out', () => {
    class Own {
      disposers = ['drop'];
      isInference = undefined;
      hasAudio(): boolean {
        return true;
      }
    }
    const { adapter } = readGuardOptions({ adapter: new Own() });
    expect([adapter?.hasAudio([]), adapter?.disposers]).toEqual([true, ['drop']]);
    expect(adapter?.isInference('generate')).toBe(true);
    expect(readGuardOptions({ adapter: Object.freeze({ listFiles: undefined }) }).adapter?.listFiles).toBeDefined();
  });

  it.each([
    { readRequest: 5 },
    { withQuantization: 'no' },
    { listOffers: {} },
    { sdkDisposers: 7 },
    { sdkDisposers: { all: 'dispose' } },
    { disposers: 'dispose' },
    { disposers: null },
    { disposers: [() => {}] },
  ])('of wrong parts is refused: %j', (adapter) => {
    expect(() => readGuardOptions({ adapter })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });
});
