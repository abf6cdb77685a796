import { describe, expect, test } from 'vitest';
import { readGenerateOptions, readInitializeOptions, readLoadOptions } from '../../src/sdk/read-sdk-options.ts';

function refusal(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('was not refused');
}

describe('load options', () => {
  test('have the defaults that an estimate relies on', () => {
    const defaults = {
      contextSize: 2048,
      batchSize: 512,
      microBatchSize: 512,
      kvCacheType: 'f16',
      flashAttention: 'auto',
      mmap: true,
      gpuLayers: 0,
    };
    expect(readLoadOptions(undefined)).toEqual(defaults);
    expect(readLoadOptions({ contextSize: undefined, threads: undefined })).toEqual(defaults);
  });

  test('are taken as they are given', () => {
    const given = {
      quantization: 'Q4_0',
      contextSize: 4096,
      modelsDir: '/m',
      projectorPath: 'p.gguf',
      threads: 2,
      batchSize: 256,
      microBatchSize: 128,
      kvCacheType: 'q8_0',
      flashAttention: 'on',
      mmap: false,
      gpuLayers: 3,
      onProgress: () => {},
      signal: AbortSignal.timeout(1000),
    };
    expect(readLoadOptions(given)).toEqual(given);
  });

  test.each([
    [{ contextSize: 0 }, 'Expected `contextSize` to be a whole number from 2 to 2147483647, got 0 (number).'],
    [{ contextSize: Number.NaN }, 'Expected `contextSize` to be a whole number'],
    [{ contextSize: '2048' }, "got '2048' (string)."],
    [{ contextSize: 1.5 }, 'got 1.5 (number).'],
    [{ contextSize: 2 ** 31 }, 'got 2147483648 (number).'],
    [{ contextSize: null }, 'got null.'],
    [{ gpuLayers: -1 }, 'Expected `gpuLayers` to be a whole number from 0'],
    [{ threads: 2000 }, 'Expected `threads` to be a whole number from 1 to 1024'],
    [
      { kvCacheType: 'q2' },
      "Expected `kvCacheType` to be 'f16', 'f32', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0' or 'iq4_nl'",
    ],
    [{ flashAttention: true }, "Expected `flashAttention` to be 'auto', 'on' or 'off', got true (boolean)."],
    [{ mmap: 1 }, 'Expected `mmap` to be true or false, got 1 (number).'],
    [{ modelsDir: '' }, 'Expected `modelsDir` to be a path'],
    [{ projectorPath: 'a\0b' }, 'Expected `projectorPath` to be a path'],
    [{ quantization: 4 }, 'Expected `quantization` to be a text that is not empty, got 4 (number).'],
    [{ onProgress: 'x' }, 'Expected `onProgress` to be a function'],
    [{ signal: {} }, 'Expected `signal` to be an AbortSignal'],
    [{ batchSize: 256 }, 'Expected `microBatchSize` to be at most `batchSize` (256), got 512 (number).'],
    [{ contxtSize: 1 }, 'Unknown option `contxtSize` of `loadModel`; did you mean `contextSize`?'],
    [{ toString: 1 }, 'Unknown option `toString` of `loadModel`; its options are quantization, contextSize,'],
    ['x', "Expected `options` to be an object, got 'x' (string)."],
    [null, 'Expected `options` to be an object, got null.'],
  ])('%j are refused with a sentence', (given, sentence) => {
    expect(refusal(() => readLoadOptions(given))).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(sentence),
    });
  });
});

describe('generate options', () => {
  test('make lists of single texts', () => {
    const defaults = { prompt: 'p', maxTokens: 512, images: [] };
    expect(readGenerateOptions({ prompt: 'p' })).toEqual({ ...defaults, audio: [], stop: [] });
    expect(readGenerateOptions({ prompt: 'p', audio: 'a', stop: ['b', 'c'] })).toEqual({
      ...defaults,
      audio: ['a'],
      stop: ['b', 'c'],
    });
  });

  test.each([
    [undefined, 'Expected `prompt` to be a text that is not empty, got undefined.'],
    [{}, 'Expected `prompt` to be a text'],
    [{ prompt: ' ' }, 'Expected `prompt` to be a text'],
    [{ prompt: 'p', audio: 5 }, 'Expected `audio` to be a path or a list of paths, got 5 (number).'],
    [{ prompt: 'p', audio: ['a', ''] }, 'Expected `audio` to be a path'],
    [{ prompt: 'p', stop: [''] }, 'Expected `stop` to be a text or a list of texts'],
    [{ prompt: 'p', maxTokens: 0 }, 'Expected `maxTokens` to be a whole number from 1'],
    [{ prompt: 'p', temperature: -1 }, 'Expected `temperature` to be a number from 0, got -1 (number).'],
    [{ prompt: 'p', topP: 1.1 }, 'Expected `topP` to be a number from 0 to 1'],
    [{ prompt: 'p', minP: -0.1 }, 'Expected `minP` to be a number from 0 to 1'],
    [{ prompt: 'p', repetitionPenalty: 0 }, 'Expected `repetitionPenalty` to be a number from 0.1 to 10'],
    [{ prompt: 'p\0q' }, 'Expected `prompt` to be a text that is not empty'],
    [{ prompt: 'p', tools: '{' }, 'Expected `tools` to be a list of tools, or the same as JSON text'],
    [{ prompt: 'p', tools: [1] }, 'Expected `tools` to be a list of tools'],
    [{ prompt: 'p', raw: 1 }, 'Expected `raw` to be true or false'],
    [{ prompt: 'p', raw: true, tools: [{}] }, '`raw` goes without a template'],
    [{ prompt: 'p', raw: true, audio: 'a' }, '`raw` goes without a template'],
    [{ messages: [] }, 'Expected `messages` to be a list of messages { role, content }'],
    [{ messages: [{ role: 'user', content: 'x' }], prompt: 'p' }, '`prompt` stands beside `messages`'],
    [{ messages: [{ role: 'user', content: 'x' }], audio: 'a' }, '`audio` stands beside `messages`'],
    [{ messages: [{ role: 'user', content: 'x' }], raw: true }, '`raw` stands beside `messages`'],
    [{ prompt: 'p', seed: 1.5 }, 'Expected `seed` to be a whole number from 0'],
    [{ prompt: 'p', audoi: 'a' }, 'Unknown option `audoi` of `generate`; did you mean `audio`?'],
  ])('%j are refused with a sentence', (given, sentence) => {
    expect(refusal(() => readGenerateOptions(given))).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(sentence),
    });
  });
});

describe('initialize options', () => {
  test('may be left out', () => {
    expect(readInitializeOptions(undefined)).toEqual({});
  });

  test.each([
    [{ runtime: 'cuda' }, "Expected `runtime` to be 'nexa' or 'llama', got 'cuda' (string)."],
    [{ onLog: true }, 'Expected `onLog` to be a function'],
    [{ layout: 'v1' }, "Expected `layout` to be 'nexa-1.0', 'geniex-0.3' or 'geniex-0.5'"],
    [{ libraryPath: '' }, 'Expected `libraryPath` to be a path'],
    [{ childPath: '' }, 'Expected `childPath` to be a path'],
    [{ isolation: 'thread' }, "Expected `isolation` to be 'process', 'shared' or 'none', got 'thread' (string)."],
    [
      { runtime: 'llama', layout: 'geniex-0.5' },
      "`layout` is an option of the SDK's library, but `runtime` is 'llama'.",
    ],
    [
      { runtime: 'llama', libraryPath: '/x' },
      "`libraryPath` is an option of the SDK's library, but `runtime` is 'llama'.",
    ],
    [
      { verbose: true },
      'Unknown option `verbose` of `initialize`; its options are runtime, libraryPath, layout, modelsDir, onLog, isolation, onKilled, containment, maxAudioSeconds, maxImagePixels, childPath.',
    ],
  ])('%j are refused with a sentence', (given, sentence) => {
    expect(refusal(() => readInitializeOptions(given))).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(sentence),
    });
  });
});
