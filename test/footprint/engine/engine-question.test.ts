import { describe, expect, it } from 'vitest';
import { type EngineAnswer, type EngineQuestion, isAnswer } from '../../../src/footprint/engine/engine-question.ts';

const question: EngineQuestion = {
  modelPath: '/m.gguf',
  values: {},
  loraPaths: [],
  contexts: [{ values: {}, leastTokens: 256, mostTokens: 4096, stepTokens: 256 }],
};
const point = { cacheBytes: 1, stateBytes: 0, computeBytes: 2, outputBytes: 3, runtimeBytes: 4, straight: true };
const answer: EngineAnswer = {
  weights: [{ name: 'CPU', host: true, bytes: 10 }],
  runtimeBytes: 5,
  contexts: [
    [
      { tokens: 256, ...point },
      { tokens: 4096, ...point },
    ],
  ],
};

describe('an answer', () => {
  it('is one to its question', () => {
    expect(isAnswer(answer, question)).toBe(true);
    expect(isAnswer({ ...answer, contexts: [] }, { ...question, contexts: [] })).toBe(true);
  });

  it('has a projector if one was asked for, and only then', () => {
    const asked = { ...question, projector: { path: '/p.gguf', values: {} } };
    expect(isAnswer({ ...answer, projectorBytes: 7 }, asked)).toBe(true);
    // A build may know no projectors.
    expect(isAnswer(answer, asked)).toBe(true);
    expect(isAnswer({ ...answer, projectorBytes: 0 }, asked)).toBe(false);
    expect(isAnswer({ ...answer, projectorBytes: 7 }, question)).toBe(false);
  });

  it('has adapters if some were asked for, and only then', () => {
    const asked = { ...question, loraPaths: ['/l.gguf'] };
    expect(isAnswer({ ...answer, adapterBytes: 7 }, asked)).toBe(true);
    expect(isAnswer(answer, asked)).toBe(false);
    expect(isAnswer({ ...answer, adapterBytes: 0 }, asked)).toBe(false);
    expect(isAnswer({ ...answer, adapterBytes: 7 }, question)).toBe(false);
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'yes'],
    ['no weights', { ...answer, weights: [] }],
    ['too many weights', { ...answer, weights: new Array(65).fill(answer.weights[0]) }],
    ['weights without a size', { ...answer, weights: [{ name: 'CPU', host: true }] }],
    ['negative bytes', { ...answer, runtimeBytes: -1 }],
    ['bytes that are no number', { ...answer, runtimeBytes: Number.NaN }],
    ['more bytes than there are', { ...answer, runtimeBytes: 2 ** 52 }],
    ['another context', { ...answer, contexts: [[{ tokens: 512, ...point }]] }],
    ['a context that ends before', { ...answer, contexts: [[{ tokens: 256, ...point }]] }],
    ['points in another order', { ...answer, contexts: [[...answer.contexts[0]!].reverse()] }],
    ['too many points', { ...answer, contexts: [new Array(65).fill(answer.contexts[0]![0])] }],
    ['points without bytes', { ...answer, contexts: [[{ tokens: 256 }, { tokens: 4096 }]] }],
    ['fewer contexts', { ...answer, contexts: [] }],
    ['contexts that are none', { ...answer, contexts: 1 }],
  ])('is not %s', (_, value) => {
    expect(isAnswer(value, question)).toBe(false);
  });
});
