import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { getErrno, malformed, sensorError, unreadable } from '../../src/sensors/sensor-error.ts';

describe('an error of a sensor', () => {
  it('is one sentence of what was expected, what was found, and what to do', () => {
    const cause = new Error('why');
    const error = sensorError('water', 'there was none', 'dig deeper', cause);
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error).toMatchObject({
      code: 'ERR_SENSOR',
      message: 'Expected water, but there was none; dig deeper.',
      cause,
    });
  });

  it('names a file that can’t be read, and why', () => {
    expect(unreadable('/proc/x', 'EACCES').message).toBe(
      'Expected to read /proc/x, but it failed with EACCES; let this process read that file.',
    );
    expect(unreadable('/proc/x', 'EMFILE').message).toMatch(/^Expected to read \/proc\/x, but .* EMFILE; close files /);
  });

  it('quotes no more than 60 characters of a file, and no control character as it is', () => {
    const { message } = malformed('/proc/x', 'a number', `\u001b[2J${'z'.repeat(500)}`);
    expect(message).toContain('Expected a number in /proc/x, but found "\\u001b[2J');
    expect(message).toContain('z'.repeat(56));
    expect(message).not.toContain('z'.repeat(57));
  });
});

describe('getErrno', () => {
  it('gives the name of a failed system call', () => {
    let caught: unknown;
    try {
      readFileSync('/nowhere/at/all');
    } catch (error) {
      caught = error;
    }
    expect(getErrno(caught)).toBe('ENOENT');
  });

  it.each([new Error('without'), { code: 5 }, null, undefined, 'ENOENT'])('does not find one in %o', (error) => {
    expect(getErrno(error)).toBe('unknown error');
  });
});
