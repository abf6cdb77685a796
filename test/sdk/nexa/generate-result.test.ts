import { describe, expect, test } from 'vitest';
import type { NativeResult } from '../../../src/addon/nexa-binding.ts';
import { readFinishReason, readProfile, Utf8Text } from '../../../src/sdk/nexa/generate-result.ts';

const result: NativeResult = {
  stopReason: 'eos',
  matched: false,
  stopped: false,
  contextFull: false,
  truncated: false,
  firstTokenUs: 1500,
  promptUs: 2000,
  decodeUs: 10_000,
  promptTokens: 4,
  reusedTokens: 0,
  generatedTokens: 20,
};

function joined(...pieces: readonly (readonly number[])[]): { pieces: string[]; text: string } {
  const heard: string[] = [];
  const text = new Utf8Text((piece) => heard.push(piece));
  for (const piece of pieces) text.push(Uint8Array.from(piece));
  text.end();
  return { pieces: heard, text: text.text };
}

describe('bytes', () => {
  test('that cut a character apart become one', () => {
    expect(joined([0xe2], [0x82], [0xac, 0x41])).toEqual({ pieces: ['€A'], text: '€A' });
    expect(joined([0xf0, 0x9f], [0x98, 0x80]).pieces).toEqual(['😀']);
  });

  test('that are no UTF-8 break nothing', () => {
    expect(joined([0x41], [0xff, 0xfe], [0x42]).text).toBe('A\ufffd\ufffdB');
    expect(joined([0xe2, 0x82], [0x41]).text).toBe('\ufffdA');
    expect(joined([0x41, 0xe2, 0x82]).text).toBe('A\ufffd');
    expect(joined([0xef, 0xbb, 0xbf, 0x41]).text).toBe('\ufeffA');
  });
});

test.each([
  ['eos', 5, {}, 'end'],
  ['length', 20, {}, 'length'],
  ['length', 21, {}, 'context'],
  ['context_length', 99, {}, 'context'],
  ['stop_sequence', 99, {}, 'stop'],
  ['user', 99, {}, 'stopped'],
  ['user', 99, { matched: true }, 'stop'],
  ['eos', 99, { stopped: true }, 'stopped'],
  ['', 20, {}, 'length'],
  ['new word', 99, {}, 'end'],
] as const)('the library says %j of at most %i tokens, %j: %s', (stopReason, maxTokens, more, reason) => {
  expect(readFinishReason({ ...result, ...more, stopReason }, maxTokens)).toBe(reason);
});

test('times are in milliseconds, speeds in tokens per second, and what is unknown is absent', () => {
  expect(readProfile(result)).toEqual({
    firstTokenMs: 1.5,
    promptMs: 2,
    promptTokensPerSecond: 2000,
    decodeMs: 10,
    tokensPerSecond: 2000,
    stopReason: 'eos',
  });
  const more = { mediaUs: 3000, audioUs: 4000, draftTokens: 5, acceptedDraftTokens: 3, stopReason: '' };
  expect(readProfile({ ...result, ...more, promptUs: 0, decodeUs: 0 })).toEqual({
    firstTokenMs: 1.5,
    promptMs: 0,
    decodeMs: 0,
    mediaMs: 3,
    audioMs: 4,
    draftTokens: 5,
    acceptedDraftTokens: 3,
  });
});
