import { describe, expect, it } from 'vitest';
import { readAnswerMessage } from '../../../src/footprint/engine/question-message.ts';

describe('a message', () => {
  it('is an answer, a problem or nothing', () => {
    expect(readAnswerMessage({ answer: 1, more: 2 })).toEqual({ answer: 1 });
    expect(readAnswerMessage({ problem: 'p', believed: 'yes' })).toEqual({ problem: 'p', believed: false });
    expect(readAnswerMessage({ problem: 'p', believed: true })).toEqual({ problem: 'p', believed: true });
    for (const other of [undefined, null, 7, 'text', {}, { problem: 1 }])
      expect(readAnswerMessage(other)).toBeUndefined();
  });
});
