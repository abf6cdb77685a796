import { describe, expect, it } from 'vitest';
import { commaSeparated, typedNumber } from '../../src/cli/option-checks.ts';
import { numberFrom, size, wholeNumber } from '../../src/core/validate.ts';

describe('a typed number', () => {
  it.each([
    ['5', 5],
    [' 5 ', 5],
    ['1e3', 1000],
  ])('%j reaches its check as %i', (typed, number) => {
    expect(typedNumber(wholeNumber(1))(typed, '--count')).toBe(number);
  });

  it.each([
    ['soon', "'soon' (string)"],
    ['', "'' (string)"],
    [' ', "' ' (string)"],
    ['0', '0 (number)'],
    ['1.5', '1.5 (number)'],
    ['Infinity', 'Infinity (number)'],
  ])('%j is refused as it was typed', (typed, shown) => {
    expect(() => typedNumber(wholeNumber(1, 9))(typed, '--count')).toThrow(
      `Expected \`--count\` to be a whole number from 1 to 9, got ${shown}.`,
    );
  });

  it('may be a fraction or a size, as its check allows', () => {
    expect(typedNumber(numberFrom(0))('0.5', '--temperature')).toBe(0.5);
    expect(typedNumber(size)('8GiB', '--memory')).toBe(8 * 2 ** 30);
    expect(typedNumber(size)('1048576', '--memory')).toBe(2 ** 20);
    expect(() => typedNumber(size)('lots', '--memory')).toThrow(/^Expected `--memory` to be .* "512 MiB", got 'lots'/);
  });
});

describe('values with commas between them', () => {
  const contexts = commaSeparated(typedNumber(wholeNumber(1, 9)));

  it('are checked one by one', () => {
    expect(contexts('1,2, 3', '--context')).toEqual([1, 2, 3]);
    expect(contexts('4', '--context')).toEqual([4]);
  });

  it.each([
    ['1,x', "'x' (string)"],
    ['1,', "'' (string)"],
    ['1,0', '0 (number)'],
  ])('%j is refused by the part that is wrong', (typed, shown) => {
    expect(() => contexts(typed, '--context')).toThrow(`whole number from 1 to 9, got ${shown}.`);
  });
});
