import { expect, it } from 'vitest';
import { AdmissionTimeoutError } from '../../src/admission/admission-timeout-error.ts';
import { isMemoryGuardError } from '../../src/admission/is-memory-guard-error.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';

it.each([new MemoryGuardError('ERR_SENSOR', 'unread'), new AdmissionTimeoutError('late', 1, undefined)])(
  'knows %s as one of this package',
  (error) => {
    expect(isMemoryGuardError(error)).toBe(true);
  },
);

it.each([new Error('ERR_SENSOR'), { code: 'ERR_SENSOR' }, Object.assign(new Error(), { code: 'ERR_SENSOR' }), null, 1])(
  'does not take %s for one',
  (error) => {
    expect(isMemoryGuardError(error)).toBe(false);
  },
);
