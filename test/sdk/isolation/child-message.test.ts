import { describe, expect, test } from 'vitest';
import {
  isDevices,
  isGenerateResult,
  isLoadedThere,
  isOpenedThere,
  isPlugins,
  isText,
  readProcessMessage,
} from '../../../src/sdk/isolation/child-message.ts';

const error = { name: 'Error', message: 'm' };
const library = { path: '/libgeniex.so', layout: 'geniex-0.5' };
const failure = { what: 'failed', reason: 'r', atFile: false };

describe('a message of the process', () => {
  test.each<object>([
    { type: 'pong' },
    { type: 'log', level: 'warn', text: 'x' },
    { type: 'warning', text: 'x' },
    { type: 'done', call: 1, value: { any: 'thing' } },
    { type: 'done', call: 1, value: undefined },
    { type: 'failed', call: 1, error },
    { type: 'failed', call: 1, error: { ...error, code: 'ERR_RUNTIME', cause: error, failure } },
    { type: 'text', call: 1, text: '' },
    { type: 'progress', call: 1, percent: 50 },
  ])('is read: %j', (message) => {
    expect(readProcessMessage(message)).toEqual(message);
  });

  test('has nothing in it that nobody asked for', () => {
    expect(readProcessMessage({ type: 'pong', more: 1 })).toEqual({ type: 'pong' });
    expect(readProcessMessage({ type: 'text', call: 1, text: 'a', more: 1 })).toEqual({
      type: 'text',
      call: 1,
      text: 'a',
    });
  });

  test.each<unknown>([
    undefined,
    null,
    5,
    'pong',
    [],
    {},
    { type: 'unknown' },
    { type: ['pong'] },
    { type: 'log', level: 'loud', text: 'x' },
    { type: 'log', level: 'warn', text: 5 },
    { type: 'warning' },
    { type: 'done' },
    { type: 'done', call: '1' },
    { type: 'done', call: Number.NaN },
    { type: 'done', call: -1 },
    { type: 'failed', call: 1 },
    { type: 'failed', error },
    { type: 'failed', call: 1, error: 'text' },
    { type: 'failed', call: 1, error: { name: 'Error' } },
    { type: 'failed', call: 1, error: { ...error, code: 5 } },
    { type: 'failed', call: 1, error: { ...error, cause: 'text' } },
    { type: 'failed', call: 1, error: { ...error, failure: {} } },
    { type: 'failed', call: 1, error: { ...error, failure: { ...failure, atFile: 'no' } } },
    { type: 'text', call: 1, text: 5 },
    { type: 'text', text: 'a' },
    { type: 'progress', call: 1, percent: '5' },
    { type: 'progress', percent: 5 },
  ])('is refused: %j', (message) => {
    expect(readProcessMessage(message)).toBeUndefined();
  });
});

const opened = { name: 'llama', version: '1' };
const loaded = { model: 1, audio: true, vision: false, keepsKvCache: false };
const result = { text: 'a', finishReason: 'end', promptTokens: 1, generatedTokens: 1 };

test.each<[string, (value: unknown) => boolean, unknown[], unknown[]]>([
  [
    'an opened runtime',
    isOpenedThere,
    [opened, { ...opened, name: 'nexa', library }, { ...opened, kvCacheTypes: ['f16'] }],
    [
      undefined,
      {},
      { ...opened, name: 'other' },
      { ...opened, version: 1 },
      { ...opened, kvCacheTypes: 'f16' },
      { ...opened, kvCacheTypes: [1] },
      { ...opened, library: '/libgeniex.so' },
      { ...opened, library: { ...library, path: 1 } },
      { ...opened, library: { ...library, layout: 'geniex-9' } },
    ],
  ],
  [
    'a loaded model',
    isLoadedThere,
    [loaded, { ...loaded, longestAudioSeconds: 5 }],
    [null, {}, { ...loaded, model: '1' }, { ...loaded, audio: 1 }, { ...loaded, longestAudioSeconds: '5' }],
  ],
  [
    'the result of a text',
    isGenerateResult,
    [result],
    [undefined, 'a', { ...result, text: 1 }, { ...result, finishReason: 1 }, { ...result, generatedTokens: '1' }],
  ],
  ['a list of plugins', isPlugins, [[], ['a']], [undefined, 'a', { length: 0 }, [1]]],
  ['a list of devices', isDevices, [[], [{ id: 'a', name: 'b' }]], [undefined, {}, ['a'], [null], [{ id: 'a' }]]],
  ['a text', isText, ['', 'a'], [undefined, 5, ['a']]],
])('%s is told from what is none', (_what, is, sound, unsound) => {
  expect(sound.filter((value) => !is(value))).toEqual([]);
  expect(unsound.filter(is)).toEqual([]);
});
