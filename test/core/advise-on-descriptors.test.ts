import { expect, it } from 'vitest';
import { adviseOnDescriptors } from '../../src/core/advise-on-descriptors.ts';

it('says what to do where no descriptor is left, and nothing of other errors', () => {
  expect(adviseOnDescriptors('EMFILE')).toMatch(/^close files .*`ulimit -n`/);
  expect(adviseOnDescriptors('ENFILE')).toMatch(/whole system/);
  for (const code of ['ENOENT', 'toString', undefined]) expect(adviseOnDescriptors(code)).toBeUndefined();
});
