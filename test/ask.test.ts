import { describe, expect, it } from 'vitest';
import { type AskParts, askOf } from '../src/ask.ts';
import { GiB, MiB } from '../src/bytes.ts';
import type { LoadGuardOptions } from '../src/options.ts';

const parts = (changes: Partial<AskParts> = {}): AskParts => ({
  settings: { downgrade: true, minFreeBytes: undefined },
  recommend: () => 'Q4_K_M',
  heldMinFreeBytes: 0,
  ...changes,
});

const ask = (quantization?: unknown, own: LoadGuardOptions = {}, changes: Partial<AskParts> = {}) =>
  askOf({ name: 'qwen2audio', quantization }, own, parts(changes));

const steps = (found: ReturnType<typeof ask>) => found.candidates.map(({ quantization }) => quantization);
const reserves = (found: ReturnType<typeof ask>) => found.candidates.map(({ minFreeBytes }) => minFreeBytes / MiB);

describe('a known model', () => {
  it.each([
    ['Q5_K_M', ['Q5_K_M', 'Q4_K_M', 'Q4_0']],
    ['Q4_K_M', ['Q4_K_M', 'Q4_0']],
    ['Q4_0', ['Q4_0']],
  ])('asked for in %s may come in %j', (quantization, expected) => {
    const found = ask(quantization);
    expect(found).toMatchObject({ model: 'qwen2audio', askedQuantization: quantization, downgrade: true });
    expect(steps(found)).toEqual(expected);
  });

  it('begins with the recommendation where none is asked for, and does not ask for one otherwise', () => {
    expect(steps(ask(undefined, {}, { recommend: () => 'Q5_K_M' }))[0]).toBe('Q5_K_M');
    const recommend = () => {
      throw new Error('must not be asked');
    };
    expect(steps(ask('Q4_0', {}, { recommend }))).toEqual(['Q4_0']);
    expect(() => ask(undefined, {}, { recommend })).toThrow('must not be asked');
  });

  it('needs what the table says, all of it anonymous', () => {
    expect(ask('Q5_K_M').candidates.map(({ need }) => need)).toEqual([
      { mappedBytes: 0, anonymousBytes: Math.ceil(4.8 * GiB), basis: 'table' },
      { mappedBytes: 0, anonymousBytes: Math.ceil(4.2 * GiB), basis: 'table' },
      { mappedBytes: 0, anonymousBytes: Math.ceil(3.8 * GiB), basis: 'table' },
    ]);
  });

  it('needs what the caller says instead, per quantization or for all', () => {
    const footprint = (quantization: string | undefined) =>
      quantization === 'Q4_0' ? 1 : { mappedBytes: 2, anonymousBytes: 3 };
    expect(ask('Q4_K_M', { footprint }).candidates.map(({ need }) => need)).toEqual([
      { mappedBytes: 2, anonymousBytes: 3, basis: 'given' },
      { mappedBytes: 0, anonymousBytes: 1, basis: 'given' },
    ]);
    expect(ask('Q4_0', { footprint: 0 }).candidates[0]?.need).toEqual({
      mappedBytes: 0,
      anonymousBytes: 0,
      basis: 'given',
    });
  });

  it('is refused with a footprint function that gives no bytes, or throws', () => {
    const bad = () => ask('Q4_0', { footprint: () => -1 });
    expect(bad).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    const error = new Error('mine');
    const thrower = () => {
      throw error;
    };
    expect(() => ask('Q4_0', { footprint: thrower })).toThrow(error);
  });

  it('keeps its own bytes free, the guard option, or what a loaded model asks, whichever counts', () => {
    expect(reserves(ask('Q5_K_M'))).toEqual([768, 512, 512]);
    expect(reserves(ask('Q5_K_M', {}, { settings: { downgrade: true, minFreeBytes: 64 * MiB } }))).toEqual([
      64, 64, 64,
    ]);
    expect(reserves(ask('Q5_K_M', {}, { heldMinFreeBytes: 600 * MiB }))).toEqual([768, 600, 600]);
  });

  it('in a quantization that nobody knows is refused', () => {
    for (const quantization of ['Q8_0', '', null, 4]) {
      expect(() => ask(quantization)).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_QUANTIZATION' }));
    }
  });
});

describe('downgrading', () => {
  const noDowngrade = { settings: { downgrade: false, minFreeBytes: undefined } };
  it.each([
    ['is on by default', {}, {}, true],
    ['may be off for the guard', {}, noDowngrade, false],
    ['may be off for one load', { downgrade: false }, {}, false],
    ['may be on for one load', { downgrade: true }, noDowngrade, true],
    ['is off where the load is forced', { force: true, downgrade: true }, {}, false],
  ])('%s', (_name, own, changes, expected) => {
    expect(ask('Q5_K_M', own, changes).downgrade).toBe(expected);
  });
});

describe('any other model', () => {
  const other = (own: LoadGuardOptions, changes: Partial<AskParts> = {}) =>
    askOf({ name: './other.gguf', quantization: 'Q8_0' }, own, parts(changes));

  it('is loaded as it is, with the footprint that the caller gives', () => {
    const found = other({ footprint: 7 });
    expect(found).toEqual({
      model: './other.gguf',
      candidates: [{ need: { mappedBytes: 0, anonymousBytes: 7, basis: 'given' }, minFreeBytes: 512 * MiB }],
      downgrade: true,
    });
    expect(
      other({ footprint: (quantization) => (quantization === undefined ? 8 : 9) }).candidates[0]?.need.anonymousBytes,
    ).toBe(8);
    expect(reserves(other({ footprint: 7 }, { heldMinFreeBytes: 768 * MiB }))).toEqual([768]);
  });

  it('is refused without one', () => {
    expect(() => other({})).toThrow(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_MODEL',
        message: expect.stringContaining("got './other.gguf' (string)"),
      }),
    );
  });
});
