import { expect, test } from 'vitest';
import { contextFull } from '../../src/sdk/context-full.ts';

test.each([
  [
    { tokens: 3000, contextSize: 2048, hasMedia: false },
    'The prompt takes 3000 tokens, but the context has 2048; shorten it, pass `truncate: true`, or load the model with a larger `contextSize`.',
  ],
  [
    { tokens: 3000, isLeast: true, contextSize: 2048, hasMedia: true },
    'The prompt with its media takes at least 3000 tokens, but the context has 2048; shorten it or load the model with a larger `contextSize`.',
  ],
  [
    { tokens: undefined, contextSize: 2048, hasMedia: true },
    'The prompt with its media is longer than the context of 2048 tokens; shorten it or load the model with a larger `contextSize`.',
  ],
])('%j is told in one sentence', (prompt, message) => {
  const cause = new Error('why');
  expect(contextFull(prompt, { cause })).toMatchObject({ code: 'ERR_CONTEXT_FULL', message, cause });
});
