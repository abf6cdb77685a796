import { describe, expect, test } from 'vitest';
import {
  findMarkedText,
  MEDIA_MARKER,
  makeCompletionOptions,
  readProfile,
  toEngineMessage,
} from '../../../src/sdk/llama/engine-request.ts';
import type { RuntimeGenerate } from '../../../src/sdk/runtime.ts';

const request: RuntimeGenerate = { prompt: 'Hi', audioPaths: ['/a.wav'], maxTokens: 5, stop: ['x'] };
const options = (more: Partial<RuntimeGenerate>) => makeCompletionOptions({ ...request, ...more }, { prompt: 'P' });

describe('what the engine is asked', () => {
  test('is the formatted prompt, with nothing that nobody chose', () => {
    expect(options({})).toEqual({ prompt: 'P', media_paths: ['/a.wav'], n_predict: 5, stop: ['x'] });
  });

  test('has the stop texts of the template as well', () => {
    const chat = { prompt: 'P', additional_stops: ['<end>'] };
    expect(makeCompletionOptions(request, chat)).toMatchObject({ stop: ['x', '<end>'] });
  });

  test("has the sampling by the engine's own names", () => {
    const sampling = { temperature: 0.5, topK: 4, topP: 0.9, minP: 0.1, grammar: 'g', seed: 0 };
    const penalties = { repetitionPenalty: 1.1, presencePenalty: 0.2, frequencyPenalty: 0 };
    expect(options({ ...sampling, ...penalties })).toMatchObject({
      temperature: 0.5,
      top_k: 4,
      top_p: 0.9,
      min_p: 0.1,
      penalty_repeat: 1.1,
      penalty_present: 0.2,
      penalty_freq: 0,
      grammar: 'g',
      seed: 0,
    });
  });

  test('leaves one token to choose from at temperature 0, and at no other', () => {
    expect(options({ temperature: 0, topK: 9 })).toMatchObject({ temperature: 0, top_k: 1 });
    expect(options({ temperature: 0.1 })).not.toHaveProperty('top_k');
  });
});

describe('a conversation for the engine', () => {
  const turn = {
    role: 'user',
    parts: [{ type: 'audio', path: '/a.wav' } as const, { type: 'text', text: 'And?' } as const],
  };

  test('has its audio by path', () => {
    expect(toEngineMessage(turn)).toEqual({
      role: 'user',
      content: [
        { type: 'input_audio', input_audio: { format: 'wav', url: '/a.wav' } },
        { type: 'text', text: 'And?' },
      ],
    });
  });

  test('is searched for a text that would pass for audio', () => {
    const marked = `What is ${MEDIA_MARKER}?`;
    expect(findMarkedText([turn, { role: 'user', parts: [{ type: 'text', text: marked }] }])).toBe(marked);
    expect(findMarkedText([turn])).toBeUndefined();
    expect(findMarkedText([{ role: MEDIA_MARKER, parts: [{ type: 'audio', path: MEDIA_MARKER }] }])).toBeUndefined();
  });
});

test("the engine's times have this package's names", () => {
  const timings = { prompt_ms: 1, prompt_per_second: 2, predicted_ms: 3, predicted_per_second: 4 };
  expect(readProfile(timings)).toEqual({
    promptMs: 1,
    promptTokensPerSecond: 2,
    decodeMs: 3,
    tokensPerSecond: 4,
  });
});
