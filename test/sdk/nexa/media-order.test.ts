import { expect, test } from 'vitest';
import type { ChatTurn, ContentPart } from '../../../src/sdk/chat-messages.ts';
import { refuseMediaOrder } from '../../../src/sdk/nexa/media-order.ts';

const PARTS: Record<string, ContentPart> = {
  t: { type: 'text', text: 'What?' },
  e: { type: 'text', text: '' },
  a: { type: 'audio', path: '/a.wav' },
  i: { type: 'image', path: '/i.png' },
};
/** Messages as words: `at` is audio and a text behind it. */
const turns = (words: string): ChatTurn[] =>
  words.split(' ').map((word) => ({ role: 'user', parts: [...word].map((letter) => PARTS[letter]!) }));

test.each(['t', 't t', 'at', 'iat', 'iiaat', 'at t at', 'it t iat', 'tt', 'eat', 'att'])('takes %s', (words) => {
  expect(() => refuseMediaOrder(turns(words))).not.toThrow();
});

test.each([
  ['ta', 'audio behind the text of its message (message 1)'],
  ['at ti', 'image behind the text of its message (message 2)'],
  ['tat', 'audio behind the text of its message (message 1)'],
  ['ai', 'an image behind audio (message 1)'],
  ['at t it', 'an image behind audio (message 3)'],
])('refuses %s, since the library would change it', (words, found) => {
  expect(() => refuseMediaOrder(turns(words))).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_OPTION',
      message: `Expected \`messages\` to have images first, then audio, then the text of their message, since the SDK's library takes them so, got ${found}; put it first, or begin another conversation.`,
    }),
  );
});
