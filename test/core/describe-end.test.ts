import { expect, it } from 'vitest';
import { describeEnd } from '../../src/core/describe-end.ts';

it.each([
  [{ hung: true, signal: 'SIGKILL' }, 'It no longer answered and was ended'],
  [{ hung: false, signal: 'SIGSEGV' }, 'It was ended by SIGSEGV'],
  [{ hung: false, exitCode: 0 }, 'It ended with exit code 0'],
  [{ hung: false }, 'It has ended'],
  [undefined, 'It has ended'],
])('an end of %j is told as "%s"', (end, sentence) => {
  expect(describeEnd('It', end)).toBe(sentence);
});
