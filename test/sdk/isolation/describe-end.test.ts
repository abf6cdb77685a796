import { expect, test } from 'vitest';
import type { ProcessEnd } from '../../../src/core/model-process.ts';
import { describeEnd } from '../../../src/sdk/isolation/describe-end.ts';

test.each<[Partial<ProcessEnd> | undefined, string]>([
  [{ signal: 'SIGKILL' }, 'It was ended by SIGKILL'],
  [{ signal: 'SIGKILL', hung: true }, 'It no longer answered and was ended'],
  [{ exitCode: 7 }, 'It ended with exit code 7'],
  [{ exitCode: 0 }, 'It ended with exit code 0'],
  [{}, 'It has ended'],
  [undefined, 'It has ended'],
])('%j is: %s', (end, sentence) => {
  expect(describeEnd('It', end && { asked: false, hung: false, ...end })).toBe(sentence);
});
