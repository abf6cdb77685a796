import { expect, it } from 'vitest';
import { measureFeeds } from '../../src/adapters/onnxruntime-feeds.ts';

const session = {
  inputNames: ['ids', 'mask'],
  inputMetadata: [
    { name: 'ids', type: 'int64', shape: ['batch', 'tokens'] },
    { name: 'mask', type: 'bool', shape: ['batch', 'tokens'] },
  ],
  outputMetadata: [{ name: 'logits', type: 'float32', shape: ['batch', 'tokens', 1000] }],
};
const feeds = { ids: { dims: [2, 7], type: 'int64' }, mask: { dims: [2, 7], type: 'bool' } };

it('adds up inputs, and outputs by the names of their dimensions', () => {
  expect(measureFeeds(session, feeds)).toEqual({ elements: 28, inputBytes: 14 * 8 + 14, outputBytes: 14_000 * 4 });
});

it('takes dimensions of outputs that no input has for as many as all inputs have', () => {
  const unnamed = { ...session, outputMetadata: [{ name: 'y', shape: ['a', 3, 'b'] }] };
  expect(measureFeeds(unnamed, feeds)?.outputBytes).toBe(28 * 3 * 4);
  expect(measureFeeds({ inputNames: ['ids'] }, feeds)).toEqual({ elements: 14, inputBytes: 112, outputBytes: 0 });
});

it.each([
  [undefined],
  [{ ids: feeds.ids }],
  [{ ...feeds, mask: { dims: [2, -7] } }],
  [{ ...feeds, mask: { dims: '27' } }],
])('leaves feeds to the engine that it refuses: %o', (given) => {
  expect(measureFeeds(session, given)).toBeUndefined();
});

it('leaves sizes to it that nobody can count', () => {
  expect(measureFeeds({ inputNames: ['x'] }, { x: { dims: [2 ** 40, 2 ** 40] } })).toBeUndefined();
});
