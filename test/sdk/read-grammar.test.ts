import { describe, expect, test } from 'vitest';
import { CHARACTER, readGrammar } from '../../src/sdk/read-grammar.ts';

const read = (text: string) => readGrammar(text, { nested: 3, rules: 20 });

describe('a grammar', () => {
  test('is its rules, with what each refers to', () => {
    expect(read('root ::= "a" b | [^x] # end\nb ::= . <[5]> !<think>\n')).toEqual([
      { name: 'root', alternatives: [[CHARACTER, 1], [CHARACTER]] },
      { name: 'b', alternatives: [[CHARACTER, CHARACTER, CHARACTER]] },
    ]);
  });

  test('has a rule more for each group and each repetition', () => {
    expect(read('root ::= ("a" |\n "") "b"*')).toEqual([
      { name: 'root', alternatives: [[1, 2]] },
      { name: 'root', alternatives: [[CHARACTER], []] },
      { name: 'root', alternatives: [[CHARACTER, 2], []] },
    ]);
    expect(read('root ::= "b"+ "c"{2} "d"?')).toEqual([
      { name: 'root', alternatives: [[CHARACTER, 1, CHARACTER, 2]] },
      { name: 'root', alternatives: [[CHARACTER, 1], []] },
      { name: 'root', alternatives: [[CHARACTER], []] },
    ]);
  });

  test('may have an empty rule, and repeat nothing', () => {
    expect(read('root ::= \n')).toEqual([{ name: 'root', alternatives: [[]] }]);
    expect(read('root ::= "a"{0}')).toEqual([{ name: 'root', alternatives: [[]] }]);
  });

  test.each([
    ['parentheses', 'root ::= ((("a")))', 'root ::= (((("a"))))'],
    ['repetitions', 'root ::= "a"***', 'root ::= "a"****'],
    ['rules', `root ::= ${'("a")'.repeat(19)}`, `root ::= ${'("a")'.repeat(20)}`],
  ])('has so many %s at most', (what, most, more) => {
    expect(() => read(most)).not.toThrow();
    expect(() => read(more)).toThrow(what === 'rules' ? 'more than 20 rules' : `nested deeper than 3 ${what}`);
  });
});

test.each([
  ['root', 'line 1 needs `::=` at its end'],
  ['::= "a"', 'the name of a rule'],
  ['root ::= "a"\n "b"', 'the name of a rule'],
  ['root ::= a', 'it names the rule "a", which is defined nowhere'],
  ['a ::= "x"', 'it has no rule named "root"'],
  ['', 'it has no rule named "root"'],
  ['root ::= ("a"', '`)` at its end'],
  ['root ::= "a")', 'the end of the line at ")"'],
  ['root ::= *', 'something to repeat'],
  ['root ::= ""*', 'something to repeat'],
  ['root ::= "a"{5,2}', 'at least 5, not 2'],
  ['root ::= <x', 'a token such as <[5]>'],
])('%s is refused', (text, sentence) => {
  expect(() => read(text)).toThrow(sentence);
});
