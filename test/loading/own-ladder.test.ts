import { expect, it } from 'vitest';
import { selectOwnOffers } from '../../src/loading/own-ladder.ts';

const offers = ['fp32', 'fp16', 'q8'].map((quantization) => ({ quantization }));

it('is taken whole if nothing is asked for, else from what is asked for on', () => {
  expect(selectOwnOffers(offers, {})).toBe(offers);
  expect(selectOwnOffers(offers, { quantization: 'fp16' })).toEqual(offers.slice(1));
});

it('has no step of another name', () => {
  expect(() => selectOwnOffers([...offers, {}], { quantization: 'Q4_0' })).toThrow(
    expect.objectContaining({
      code: 'ERR_UNKNOWN_QUANTIZATION',
      message: "Expected `quantization` to be one of fp32, fp16, q8, got 'Q4_0' (string).",
    }),
  );
});
