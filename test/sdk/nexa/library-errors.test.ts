import { describe, expect, test } from 'vitest';
import type { NativeFailure } from '../../../src/addon/nexa-binding.ts';
import {
  libraryNotFound,
  listFailure,
  loadFailure,
  noLoader,
  openFailure,
  textFailure,
} from '../../../src/sdk/nexa/library-errors.ts';

/** The binding failed before it asked the library. */
const unasked = (text: string, detail = ''): NativeFailure => ({ call: '', code: 0, text, detail });
/** A function of the library failed. */
const failed = (code: number, text = 'Sorry', detail = ''): NativeFailure => ({ call: 'lib_call', code, text, detail });

const files = { modelPath: '/m.gguf', projectorPath: '/p.gguf' };

describe('a library that is missing', () => {
  test('is said with every place that was looked at', () => {
    expect(libraryNotFound(['/a', '/b'])).toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message: expect.stringContaining('looked at /a, /b. Install the Nexa SDK'),
    });
  });

  test('is another matter than an addon that is missing', () => {
    expect(noLoader(undefined)).toMatchObject({ code: 'ERR_RUNTIME_NOT_FOUND' });
    expect(noLoader('it is broken').message).toMatch(/loaded by the native addon, but it is broken\.$/);
  });
});

describe('a library that cannot be opened', () => {
  test.each([
    [unasked('open', 'no ELF'), 'ERR_RUNTIME', 'could not be loaded: no ELF.'],
    [unasked('symbol', 'ml_init'), 'ERR_RUNTIME_ABI', "is not the Nexa SDK's: it has no ml_init;"],
    [unasked('version', 'v9'), 'ERR_RUNTIME_ABI', 'says its version is "v9", but known are'],
    [unasked('generation', 'v1'), 'ERR_RUNTIME_ABI', 'is version "v1" of the other generation;'],
    [unasked('other-layout', 'nexa-1.0'), 'ERR_RUNTIME_ABI', 'is in use with the layout nexa-1.0 already;'],
    [unasked('closed'), 'ERR_RUNTIME', 'could not be opened: closed.'],
    [failed(-1), 'ERR_RUNTIME', 'could not be initialized: Sorry (lib_call gave -1).'],
  ])('%j is %s', (failure, code, sentence) => {
    const error = openFailure('/lib.so', failure);
    expect(error).toMatchObject({ code, cause: failure });
    expect(error.message).toContain(`The library "/lib.so" ${sentence}`);
  });
});

describe('a version whose structs nobody could read', () => {
  const NOTE =
    ', while GenieX v0.6.0 to v0.9.3 are published for arm64 only and without the layout of their structs; pass';
  const explain = (version: string) => openFailure('/lib.so', unasked('version', version)).message;

  test.each(['v0.6.0', '0.7.2', 'v0.8.0-rc1', 'v0.9.3'])('is told from one that is unknown: %s', (version) => {
    expect(explain(version)).toContain(`says its version is "${version}", but known are`);
    expect(explain(version)).toContain(NOTE);
  });

  test.each(['v0.5.0-rc1', 'v0.4.1', 'v0.10.0', 'v1.6.0', '0.6'])('is not %s', (version) => {
    expect(explain(version)).toContain('v0.5.x; pass `layout`');
  });
});

describe('a list that the library does not give', () => {
  test.each([
    [unasked('no-library'), 'no-library.'],
    [failed(-100302), 'Sorry (lib_call gave -100302).'],
    [failed(-100302, 'Sorry', 'why'), 'Sorry (lib_call gave -100302: why).'],
    [failed(-100302, ''), 'no reason is known (lib_call gave -100302).'],
    [failed(0, 'it threw an exception'), 'it threw an exception (lib_call).'],
  ])('%j is %s', (failure, sentence) => {
    const message = `The library could not tell: ${sentence}`;
    expect(listFailure(failure)).toMatchObject({ code: 'ERR_RUNTIME', message, cause: failure });
  });
});

describe('a model that cannot be loaded', () => {
  test.each([
    [unasked('projector'), 'ERR_MODEL_FILE', 'could not load "/p.gguf": it neither hears nor sees with it.'],
    [unasked('unreadable', '/p.gguf'), 'ERR_MODEL_FILE', 'could not load "/p.gguf": unreadable.'],
    [unasked('closed'), 'ERR_RUNTIME', 'could not load "/m.gguf": closed.'],
    [failed(-100201), 'ERR_MODEL_FILE', 'could not load the model "/m.gguf": Sorry (lib_call gave -100201).'],
    [failed(-100203, '', 'why'), 'ERR_MODEL_FILE', 'no reason is known (lib_call gave -100203: why).'],
    [failed(-100004), 'ERR_MODEL_FILE', 'Sorry (lib_call gave -100004).'],
    [failed(-100202), 'ERR_RUNTIME', 'Sorry (lib_call gave -100202).'],
    [failed(0, 'it threw an exception'), 'ERR_RUNTIME', 'it threw an exception (lib_call).'],
  ])('%j is %s', (failure, code, sentence) => {
    const error = loadFailure(files, failure);
    expect(error).toMatchObject({ code, cause: failure });
    expect(error.message).toContain(sentence);
  });
});

describe('a text that fails', () => {
  const fail = (failure: NativeFailure) => textFailure({ ...files, contextSize: 2048 }, failure);

  test.each([
    [
      failed(-200103),
      'ERR_CONTEXT_FULL',
      'The prompt with its media is longer than the context of 2048 tokens; shorten it or',
    ],
    [unasked('context-full', '3000'), 'ERR_CONTEXT_FULL', 'takes 3000 tokens, but the context has 2048; shorten it or'],
    [unasked('context-full'), 'ERR_CONTEXT_FULL', 'is longer than the context of 2048 tokens; shorten it or'],
    [unasked('media-order'), 'ERR_INVALID_OPTION', 'the library takes the images first, so put them first.'],
    [unasked('first-token'), 'ERR_RUNTIME', 'would be answered wrongly; load the model again for it.'],
    [unasked('unknown-context'), 'ERR_RUNTIME', 'it is not known what the context holds; generate a text'],
    [failed(-200101), 'ERR_RUNTIME', 'The library failed: Sorry (lib_call gave -200101).'],
    [unasked('disposed'), 'ERR_RUNTIME', 'The model "/m.gguf" is disposed; load it again.'],
    [unasked('empty-prompt'), 'ERR_INVALID_OPTION', 'Expected `prompt` to be a text that is not empty once'],
    [unasked('marks', '2'), 'ERR_INVALID_OPTION', 'for each audio and image, got 2;'],
    [unasked('closed'), 'ERR_RUNTIME', 'The model gave no answer: closed.'],
  ])('%j is %s', (failure, code, sentence) => {
    const error = fail(failure);
    expect(error).toMatchObject({ code, cause: failure });
    expect(error.message).toContain(sentence);
  });
});
