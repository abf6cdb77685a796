import { expect, test } from 'vitest';
import type { GgufTypeName } from '../../src/gguf/gguf-metadata.ts';
import {
  fraction,
  type HeaderRule,
  type RuledFile,
  refuseBrokenRules,
  typed,
  wholeNumber,
  wholeNumberList,
  word,
} from '../../src/gguf/header-rule.ts';
import { editHeader } from '../support/edit-header.ts';

const EMPTY: RuledFile = {
  path: '/m.gguf',
  architecture: 'a',
  metadata: new Map(),
  types: new Map(),
  tensors: { length: 0, kinds: [], shards: [], find: () => undefined },
};

function judge(rule: HeaderRule, edit?: readonly [GgufTypeName, unknown]): string | undefined {
  try {
    refuseBrokenRules(editHeader(EMPTY, { 'a.other': ['u32', 12], 'a.list': ['u32[]', [6, 7]], 'a.k': edit }), 'a', [
      rule,
    ]);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_MODEL_FILE' });
    return (error as Error).message;
  }
}

test.each<[string, HeaderRule, readonly [GgufTypeName, unknown] | undefined]>([
  ['an absent number', wholeNumber('k', { least: 1 }), undefined],
  ['the least', wholeNumber('k', { least: 1, most: 3 }), ['u32', 1]],
  ['the most', wholeNumber('k', { least: 1, most: 3 }), ['u8', 3]],
  ['a list of numbers', wholeNumber('k', { least: 1, most: 3 }), ['i32[]', [1, 2, 3]]],
  ['a divisor', wholeNumber('k', ({ number }) => ({ least: 1, divides: number('other') })), ['u32', 4]],
  [
    'a divisor of the first of a list',
    wholeNumber('k', ({ number }) => ({ least: 1, divides: number('list') })),
    ['u32', 3],
  ],
  ['a multiple', wholeNumber('k', { least: 0, multipleOf: 2 }), ['u32', 4]],
  ['what has no bounds', wholeNumber('k', () => undefined), ['f32', -1.5]],
  ['zero as a fraction', fraction('k'), ['f32', 0]],
  ['an absent fraction', fraction('k'), undefined],
  ['a known word', word('k', ['x', 'y']), ['string', 'y']],
  ['an absent word', word('k', ['x']), undefined],
  ['the right type', typed('k', ['string', 'u32']), ['u32', 1]],
  ['enough elements', typed('k', ['f32[]'], { least: () => ({ least: 2 }) }), ['f32[]', [1, 2]]],
  ['an absent value', typed('k', ['f32[]'], { least: 2 }), undefined],
  ['a list of whole numbers', wholeNumberList('k'), ['u32[]', [1]]],
  ['one number in place of a list', wholeNumberList('k'), ['u32', 1]],
])('%s is right', (_what, rule, edit) => {
  expect(judge(rule, edit)).toBeUndefined();
});

test.each<[string, HeaderRule, readonly [GgufTypeName, unknown] | undefined, string]>([
  [
    'a number below',
    wholeNumber('k', { least: 1, most: 3 }),
    ['u32', 0],
    'have a whole number from 1 to 3 in a.k, found 0 of type u32',
  ],
  ['a number above', wholeNumber('k', { least: 1, most: 3 }), ['u32', 4], 'from 1 to 3 in a.k, found 4'],
  ['one of a list', wholeNumber('k', { least: 1 }), ['i32[]', [1, -1]], 'from 1 in a.k, found [1, -1] of type i32[]'],
  ['half a number', wholeNumber('k', { least: 0 }), ['f32', 0.5], 'a whole number from 0 in a.k, found 0.5'],
  ['no divisor', wholeNumber('k', { least: 0, divides: 12 }), ['u32', 5], 'from 0 that divides 12 in a.k, found 5'],
  ['zero as a divisor', wholeNumber('k', { least: 0, divides: 12 }), ['u32', 0], 'found 0'],
  ['no multiple', wholeNumber('k', { least: 0, multipleOf: 2 }), ['u32', 3], 'from 0 and a multiple of 2 in a.k'],
  ['another than the only one', wholeNumber('k', { least: 2, most: 2 }), ['u32', 3], 'a whole number that is 2 in a.k'],
  ['a text as a number', wholeNumber('k', { least: 0 }), ['string', 'x'], "found 'x' of type string"],
  [
    'another type of number',
    wholeNumber('k', { least: 0 }, { type: 'u32' }),
    ['i32', 1],
    'from 0 of type u32 in a.k, found 1 of type i32',
  ],
  ['a number that is missing', wholeNumber('k', { least: 0 }, { required: true }), undefined, 'in a.k, found nothing;'],
  [
    'what stands for an absent one',
    wholeNumber('k', { least: 1 }, { absent: 0 }),
    undefined,
    'from 1 in a.k, found nothing;',
  ],
  ['NaN', fraction('k'), ['f32', Number.NaN], 'a number from 0 in a.k, found NaN'],
  [
    'an infinite number',
    fraction('k', { type: 'f32' }),
    ['f32', Number.POSITIVE_INFINITY],
    'from 0 of type f32 in a.k',
  ],
  ['a negative one', fraction('k'), ['f32', -1], 'found -1'],
  ['a fraction that is missing', fraction('k', { required: true }), undefined, 'found nothing'],
  ['another word', word('k', ['x', 'y']), ['string', 'z'], "have one of x, y in a.k, found 'z'"],
  ['another type', typed('k', ['string', 'bool']), ['u32', 1], 'have a value of type string or bool in a.k'],
  [
    'too few elements',
    typed('k', ['f32[]'], { least: 2 }),
    ['f32[]', [1]],
    'at least 2 elements of type f32[] in a.k, found [1]',
  ],
  ['a value that is missing', typed('k', ['bool'], { required: true }), undefined, 'found nothing'],
  ['many elements', typed('k', ['u8[]']), ['f32[]', Array(9).fill(1)], 'found 9 elements of type f32[]'],
  [
    'elements that were not kept',
    typed('k', ['u8[]']),
    ['string[]', { length: 70, elementType: 'string', offset: 9 }],
    'found 70 elements',
  ],
  ['a list of fractions', wholeNumberList('k'), ['f32[]', [1]], 'have a list of type u32[] or i32[] in a.k'],
])('%s is refused', (_what, rule, edit, sentence) => {
  expect(judge(rule, edit)).toContain(sentence);
  expect(judge(rule, edit)).toMatch(/^Expected '\/m\.gguf' to have .* in a\.k, found .*; download the file again\.$/);
});
