import { describe, expect, it } from 'vitest';
import { EXIT, reportFailure } from '../../src/cli/exit-codes.ts';
import { MemoryGuardError } from '../../src/index.ts';
import { fakeIo } from '../support/fake-io.ts';

const CODES = {
  ERR_INVALID_OPTION: 2,
  ERR_INSUFFICIENT_MEMORY: 3,
  ERR_ADMISSION_TIMEOUT: 3,
  ERR_UNKNOWN_MODEL: 4,
  ERR_UNKNOWN_QUANTIZATION: 4,
  ERR_MODEL_FILE: 4,
  ERR_RUNTIME_NOT_FOUND: 5,
  ERR_CONTEXT_FULL: 5,
  ERR_RUNTIME_ABI: 5,
  ERR_RUNTIME: 5,
  ERR_MODEL_KILLED: 5,
  ERR_SENSOR: 6,
  ERR_LEDGER: 6,
  ERR_MODEL_EVICTED: 1,
  ERR_GUARD_CLOSED: 1,
} as const satisfies Record<MemoryGuardError['code'], number>;

describe('a failure', () => {
  it.each(Object.entries(CODES))(
    '%s ends with %i, on one line of stderr and with `--json` as an object',
    (code, exit) => {
      const io = fakeIo();
      expect(reportFailure(new MemoryGuardError(code as keyof typeof CODES, 'Two\nlines.'), io, { json: true })).toBe(
        exit,
      );
      expect(io.stderr.text).toBe(`nexa-memory-guard: ${code}: Two\\u000alines.\n`);
      expect(JSON.parse(io.stdout.text)).toMatchObject({ error: { code, message: 'Two\\u000alines.' } });
    },
  );

  it('that nobody expected ends with 1', () => {
    const io = fakeIo();
    expect(reportFailure(new TypeError('a fault'), io, { json: false })).toBe(1);
    expect(reportFailure('nothing', io, { json: false })).toBe(1);
    expect(io.stderr.text).toBe(
      'nexa-memory-guard: ERR_UNEXPECTED: a fault\nnexa-memory-guard: ERR_UNEXPECTED: nothing\n',
    );
    expect(io.stdout.text).toBe('');
  });

  it('that resists being looked at is told as well', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throwing = Object.defineProperty(new Error('x'), 'message', { get: () => proxy.constructor });
    for (const error of [proxy, throwing, null, undefined, Symbol('s'), Object.create(null)]) {
      const io = fakeIo();
      expect(reportFailure(error, io, { json: true })).toBe(1);
      expect(io.stderr.text).toMatch(/^nexa-memory-guard: ERR_UNEXPECTED: .+\n$/);
      expect(JSON.parse(io.stdout.text)).toMatchObject({ error: { code: 'ERR_UNEXPECTED' } });
    }
  });

  it('is told with its numbers', () => {
    const io = fakeIo();
    const error = Object.assign(new MemoryGuardError('ERR_INSUFFICIENT_MEMORY', 'Too little.'), { shortfallBytes: 7 });
    reportFailure(error, io, { json: true });
    expect(JSON.parse(io.stdout.text)).toMatchObject({ error: { shortfallBytes: 7 } });
  });
});

it('the exit codes of signals are those of a shell: 128 and the number of the signal', () => {
  expect([EXIT.interrupted, EXIT.ended]).toEqual([128 + 2, 128 + 15]);
});
