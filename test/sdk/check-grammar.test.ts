import { expect, test } from 'vitest';
import { checkGrammar, refuseLeftRecursion } from '../../src/sdk/check-grammar.ts';

const nested = (levels: number) => `root ::= ${'('.repeat(levels)}"a"${')'.repeat(levels)}`;

test('a grammar is taken up to the limit, and refused beyond in one sentence', () => {
  expect(checkGrammar(nested(128), 'grammar')).toBe(nested(128));
  expect(() => checkGrammar(nested(129), 'grammar')).toThrow(
    "Expected `grammar` to be a grammar in llama.cpp's GBNF, but it is nested deeper than 128 parentheses.",
  );
  expect(() => checkGrammar('root ::= "a', 'grammar')).toThrow('but line 1 needs `"` at its end.');
});

test.each([
  ['no grammar', undefined],
  ['a rule that ends with itself', 'root ::= "a" root | ""'],
  ['rules that share a beginning', 'root ::= a "x" | a "y" | b\na ::= b\nb ::= "z"?'],
  ['a repetition of what is there', 'root ::= ("a" "b"?)*'],
])('%s does not begin with itself', (_what, grammar) => {
  expect(() => refuseLeftRecursion(grammar)).not.toThrow();
});

test.each([
  ['at once', 'root ::= root "a" | "b"', 'root'],
  ['through others', 'root ::= a "x"\na ::= b "y"\nb ::= root "z" | "q"', 'root'],
  ['behind what may be empty', 'root ::= a root | "x"\na ::= b b\nb ::= "y"?', 'root'],
  ['in a repetition of what may be empty', 'root ::= "z" a\na ::= ("y"*)*', 'a'],
])('a rule that begins with itself %s is refused', (_what, grammar, rule) => {
  expect(() => refuseLeftRecursion(grammar)).toThrow(
    `Expected \`grammar\` to have no rule that begins with itself, but "${rule}" does; write what repeats behind what must be there.`,
  );
});
