import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import {
  type LoadGuardOptions,
  readGivenNeed,
  readLoadChoices,
  withoutFiredSignals,
} from '../../src/loading/load-guard-options.ts';

function refusalOf(act: () => unknown): { code: unknown; message: string } {
  try {
    act();
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    return { code, message };
  }
  throw new Error('nothing was refused');
}

describe('the options of one load', () => {
  it('are all optional', () => {
    const none = { downgrade: undefined, force: false, pin: false, signal: undefined };
    expect(readLoadChoices(undefined)).toEqual(none);
    expect(readLoadChoices({})).toEqual(none);
    expect(readLoadChoices({ force: undefined, wait: false })).toEqual(none);
  });

  it('are taken if they are good', () => {
    const { signal } = new AbortController();
    const options: LoadGuardOptions = { downgrade: false, force: true, pin: true, signal, wait: { timeoutMs: 5 } };
    expect(readLoadChoices(options)).toEqual({ downgrade: false, force: true, pin: true, signal, waitTimeoutMs: 5 });
  });

  it('give the need of a footprint, or of what a function gives for the quantization', () => {
    const footprint = (quantization: string | undefined) => (quantization === 'Q4_0' ? 5 : '1 KiB');
    const chosen = readLoadChoices({ footprint });
    expect(chosen.giveNeed?.('Q4_0')).toEqual({ mappedBytes: 0, anonymousBytes: 5, basis: 'given' });
    expect(chosen.giveNeed?.(undefined)).toEqual({ mappedBytes: 0, anonymousBytes: 1024, basis: 'given' });
    const fixed = readLoadChoices({ footprint: { mappedBytes: 1, anonymousBytes: 0 } });
    expect(fixed.giveNeed?.('Q4_0')).toEqual({ mappedBytes: 1, anonymousBytes: 0, basis: 'given' });
  });

  it('refuse what a function gives when it is called', () => {
    const { giveNeed } = readLoadChoices({ footprint: () => -1 });
    expect(refusalOf(() => giveNeed?.('Q4_0')).message).toContain('Expected `memoryGuard.footprint` to be bytes >= 0');
  });

  it('have a floor that is a step of the ladder', () => {
    expect(readLoadChoices({ floor: 'Q2_K' }).floor).toBe('Q2_K');
    expect(refusalOf(() => readLoadChoices({ floor: 'Q2' }))).toMatchObject({
      code: 'ERR_UNKNOWN_QUANTIZATION',
      message: expect.stringContaining('Expected `memoryGuard.floor` to be one of F32, '),
    });
  });

  it('wait for a minute if no time is given, and for a time that is a whole number', () => {
    expect(readLoadChoices({ wait: true }).waitTimeoutMs).toBe(60_000);
    expect(readLoadChoices({ wait: {} }).waitTimeoutMs).toBe(60_000);
    expect(readLoadChoices({ wait: { timeoutMs: 5 } }).waitTimeoutMs).toBe(5);
    for (const timeoutMs of [0, -1, 1.5, Number.NaN, 2 ** 31, '5']) {
      expect(refusalOf(() => readLoadChoices({ wait: { timeoutMs } })).message).toContain('memoryGuard.wait.timeoutMs');
    }
  });

  it.each([
    ['downgrade', 'no', 'true or false'],
    ['force', 1, 'true or false'],
    ['pin', 1, 'true or false'],
    ['wait', 5, 'true, false or { timeoutMs }'],
    ['wait', null, 'true, false or { timeoutMs }'],
    ['signal', {}, 'an AbortSignal'],
    ['signal', null, 'an AbortSignal'],
    ['footprint', -1, 'bytes >= 0, or { mappedBytes, anonymousBytes }'],
    ['footprint', Number.NaN, 'bytes >= 0'],
    ['footprint', null, 'bytes >= 0'],
    ['footprint', '1 potato', 'bytes >= 0'],
    ['footprint', { mappedBytes: 1 }, 'bytes >= 0'],
    ['footprint', { mappedBytes: -1, anonymousBytes: 1 }, 'bytes >= 0'],
    ['footprint', { mappedBytes: 1, anonymousBytes: 1.5 }, 'bytes >= 0'],
  ])('refuse `%s: %o`', (name, value, expected) => {
    const { code, message } = refusalOf(() => readLoadChoices({ [name]: value }));
    expect(code).toBe('ERR_INVALID_OPTION');
    expect(message).toContain(`Expected \`memoryGuard.${name}\` to be ${expected}`);
  });

  it('refuse what nobody knows, and what is no object', () => {
    const unknown = refusalOf(() => readLoadChoices({ patience: 1 }));
    expect(unknown.message).toContain('Unknown option `memoryGuard.patience` of `loadModel`');
    for (const options of [null, true, 'force', []]) {
      expect(refusalOf(() => readLoadChoices(options)).message).toContain('Expected `memoryGuard` to be an object');
    }
  });
});

describe('a given footprint', () => {
  it('as a number or a text is anonymous', () => {
    expect(readGivenNeed(5)).toEqual({ mappedBytes: 0, anonymousBytes: 5, basis: 'given' });
    expect(readGivenNeed('1.5 GiB')).toEqual({ mappedBytes: 0, anonymousBytes: 1.5 * GiB, basis: 'given' });
  });

  it('may tell mapped and anonymous bytes apart', () => {
    const need = readGivenNeed({ mappedBytes: '4 GiB', anonymousBytes: 7 });
    expect(need).toEqual({ mappedBytes: 4 * GiB, anonymousBytes: 7, basis: 'given' });
    expect(Object.isFrozen(need)).toBe(true);
  });
});

describe('the arguments of a load that is made again', () => {
  it('have no signal that has fired, and none that ended a waiting', () => {
    const [fired, live] = [AbortSignal.abort(), new AbortController().signal];
    const args = ['name', { a: 1, old: fired, live, memoryGuard: { pin: true, signal: live } }, fired];
    expect(withoutFiredSignals(args)).toEqual(['name', { a: 1, live, memoryGuard: { pin: true } }, fired]);
  });
});
