import { expect, test } from 'vitest';
import { GrammarText } from '../../src/sdk/grammar-text.ts';

test('space and comments are skipped, newlines only if they may be', () => {
  const text = new GrammarText(' \t# a\n#b\n  x');
  text.skipSpace(false);
  expect(text.peek()).toBe('\n');
  text.skipSpace(true);
  expect(text.peek()).toBe('x');
  text.skip();
  expect(text.peek()).toBeUndefined();
});

test('what is taken is what matches here', () => {
  const text = new GrammarText('ab1');
  expect(text.tryTake(/\d/y)).toBeUndefined();
  expect(text.take(/[a-z]+/y, 'letters')).toBe('ab');
  expect(() => text.take(/[a-z]+/y, 'letters')).toThrow('line 1 needs letters at "1"');
});

test.each([
  ['"abc"', '"', 3],
  ['""', '"', 0],
  ['"\\x41\\u00e4\\U0001F600\\n\\""', '"', 5],
  ['[^a-z]', ']', 3],
  ['[\\]\\[]', ']', 2],
] as const)('%s names %s characters', (written, end, count) => {
  expect(new GrammarText(written).readQuoted(end)).toBe(count);
});

test.each([
  ['"abc', '"', 'line 1 needs `"` at its end'],
  ['[abc', ']', 'line 1 needs `]` at its end'],
  ['"\\q"', '"', 'an escape such as'],
  ['"\\', '"', 'an escape such as'],
  ['"\\x4"', '"', '2 hexadecimal digits'],
] as const)('%s is refused', (written, end, sentence) => {
  expect(() => new GrammarText(written).readQuoted(end)).toThrow(sentence);
});

test.each([
  ['*', [0, Number.POSITIVE_INFINITY]],
  ['+', [1, Number.POSITIVE_INFINITY]],
  ['?', [0, 1]],
  ['{3}', [3, 3]],
  ['{ 2 , 5 }', [2, 5]],
  ['{2, # many\n}', [2, Number.POSITIVE_INFINITY]],
])('%s repeats %j times', (written, times) => {
  expect(new GrammarText(written).readTimes()).toEqual(times);
});

test.each(['{', '{x}', '{-1}', '{,5}'])('%s is no repetition', (written) => {
  expect(() => new GrammarText(written).readTimes()).toThrow(SyntaxError);
});
