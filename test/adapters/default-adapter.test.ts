import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { completeAdapter, defaultAdapter } from '../../src/adapters/default-adapter.ts';

const { readRequest, withQuantization, listOffers, listFiles, sdkDisposers, disposers, isInference, hasAudio } =
  defaultAdapter;

describe('the request of a load call', () => {
  it.each([
    [['m'], { name: 'm' }],
    [['m', undefined], { name: 'm' }],
    [['m', null], { name: 'm' }],
    [['m', {}], { name: 'm', quantization: undefined, memoryGuard: undefined }],
    [
      ['m', { quantization: 'Q4_0', memoryGuard: { force: true }, threads: 2 }, 'rest'],
      { name: 'm', quantization: 'Q4_0', memoryGuard: { force: true } },
    ],
  ])('is read from %j', (args, expected) => {
    expect(readRequest(args)).toEqual(expected);
  });

  it('tells what the options say of the shape, and nothing else of them', () => {
    const shape = { contextSize: 4096, kvCacheType: 'q8_0', mmap: false };
    expect(readRequest(['m', { ...shape, threads: 2, gpuLayers: undefined }])).toMatchObject({ name: 'm', shape });
    expect(readRequest(['m', { threads: 2 }]).shape).toBeUndefined();
  });

  it.each([[[]], [['']], [[5]], [[null]], [[{ name: 'm' }]]])('is refused without a name (%j)', (args) => {
    expect(() => readRequest(args)).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_MODEL' }));
  });

  it('is refused where the options are none', () => {
    for (const options of ['Q4_0', 4, true, () => {}]) {
      expect(() => readRequest(['m', options])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    }
  });
});

describe('the arguments for the SDK', () => {
  it('are the identical ones where nothing is to be changed', () => {
    for (const args of [['m'], ['m', undefined], ['m', { quantization: 'Q4_0' }, 5]]) {
      expect(withQuantization(args, undefined)).toBe(args);
    }
    const asked = ['m', { quantization: 'Q4_0' }];
    expect(withQuantization(asked, 'Q4_0')).toBe(asked);
  });

  it('carry the chosen quantization', () => {
    expect(withQuantization(['m'], 'Q4_0')).toEqual(['m', { quantization: 'Q4_0' }]);
    expect(withQuantization(['m', null], 'Q4_0')).toEqual(['m', { quantization: 'Q4_0' }]);
    const options = { quantization: 'Q5_K_M', threads: 2 };
    expect(withQuantization(['m', options, 'rest'], 'Q4_0')).toEqual([
      'm',
      { quantization: 'Q4_0', threads: 2 },
      'rest',
    ]);
    expect(options).toEqual({ quantization: 'Q5_K_M', threads: 2 });
  });

  it('carry the path of the chosen file if a path was given, and then no quantization', () => {
    const options = { memoryGuard: {}, threads: 2 };
    expect(withQuantization(['m-Q8_0.gguf', options, 5], 'Q4_0', 'm-Q4_0.gguf')).toEqual([
      'm-Q4_0.gguf',
      { threads: 2 },
      5,
    ]);
    const own = ['m-Q8_0.gguf', { threads: 2 }];
    expect(withQuantization(own, 'Q8_0', resolve('m-Q8_0.gguf'))).toBe(own);
    expect(withQuantization(own, 'Q8_0')).toBe(own);
  });

  it('never carry `memoryGuard`, whether or not a quantization was chosen', () => {
    const options = { memoryGuard: { force: true }, threads: 2 };
    for (const chosen of [undefined, 'Q4_0'] as const) {
      const [, given] = withQuantization(['m', options], chosen) as [string, object];
      expect(given).toEqual(chosen ? { threads: 2, quantization: chosen } : { threads: 2 });
      expect('memoryGuard' in given).toBe(false);
    }
    expect(withQuantization(['m', { memoryGuard: undefined }], undefined)[1]).toEqual({});
    expect(options.memoryGuard).toEqual({ force: true });
  });
});

describe('the offers of a load', () => {
  it('are the file that the SDK is asked to load, and none for a name', async () => {
    expect(await listOffers(['./m.GGUF'])).toEqual([{ modelPath: './m.GGUF' }]);
    expect(await listOffers(['qwen2audio'])).toEqual([]);
    expect(await listOffers([{ modelPath: './m.gguf' }])).toEqual([]);
  });

  it('are the quantizations that lie beside a path, whose own is the one asked for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-default-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const paths = ['Q8_0', 'Q4_0'].map((step) => join(folder, `m-${step}.gguf`));
    for (const path of paths) writeFileSync(path, '');
    expect(await listOffers([paths[0]])).toEqual([
      { quantization: 'Q8_0', modelPath: paths[0] },
      { quantization: 'Q4_0', modelPath: paths[1] },
    ]);
    expect(readRequest([paths[0]])).toEqual({ name: paths[0], quantization: 'Q8_0' });
    expect(readRequest([paths[0], { quantization: 'of the SDK' }]).quantization).toBe('Q8_0');
    expect(readRequest(['m-Q8_0', {}]).quantization).toBeUndefined();
  });
});

describe('the files of a model', () => {
  it('are those that it tells', () => {
    expect(listFiles?.({ modelPath: '/m.gguf', projectorPath: '/p.gguf' })).toEqual(['/m.gguf', '/p.gguf']);
    expect(listFiles?.({ modelPath: '/m.gguf' })).toEqual(['/m.gguf']);
  });

  it('are none where it tells none', () => {
    for (const model of [{}, null, undefined, 5, 'm', { modelPath: 5 }]) expect(listFiles?.(model)).toEqual([]);
  });
});

describe('the ways of an SDK to unload', () => {
  it('are apart for all models and for one', () => {
    expect(sdkDisposers?.all).toEqual(
      expect.arrayContaining(['dispose', 'close', Symbol.dispose, Symbol.asyncDispose]),
    );
    expect(sdkDisposers?.one).toContain('unloadModel');
    expect(sdkDisposers?.all?.filter((key) => sdkDisposers.one?.includes(key))).toEqual([]);
  });
});

describe('a method of a loaded model', () => {
  it.each([
    'generate',
    'generateStream',
    'completion',
    'completePrompt',
    'chat',
    'transcribe',
    'respond',
    'predict',
    'run',
    'ask',
    'evaluate',
    'controlledEvaluate',
    'embed',
    'getEmbeddingFor',
    'rank',
    'rankAll',
    'RERANK',
    '',
  ])('runs the model if it is `%s`', (method) => {
    expect(isInference(method)).toBe(true);
  });

  it.each(['tokenize', 'dispose', 'stop', 'getSequence', 'reset', 'saveKvCache', 'onGenerate'])(
    'does not run it if it is `%s`',
    (method) => {
      expect(isInference(method)).toBe(false);
    },
  );

  it('ends the model if it is one of the disposers, of which `dispose` is tried first', () => {
    expect(disposers[0]).toBe('dispose');
    const known = ['dispose', 'close', 'release', 'unload', 'free', Symbol.dispose, Symbol.asyncDispose];
    expect([...disposers].sort(byName)).toEqual(known.sort(byName));
    expect(disposers.some((key) => typeof key === 'string' && isInference(key))).toBe(false);
  });
});

describe('a call with audio', () => {
  const part = { type: 'audio', path: 'speech.wav' };

  it.each([
    [[{ audio: 'speech.wav' }]],
    [['prompt', { audio: [] }]],
    [
      [
        {
          messages: [
            { role: 'user', content: 'hi' },
            { role: 'user', content: [{ type: 'text', text: '' }, part] },
          ],
        },
      ],
    ],
  ])('is one with `audio`, or with a part of a message that is audio: %j', (args) => {
    expect(hasAudio(args)).toBe(true);
  });

  it.each([
    [[]],
    [[{ prompt: 'audio' }]],
    [['audio', null, 5]],
    [[{ audio: undefined }, { audio: null }]],
    [[{ messages: [{ content: 'audio' }, null, { content: [{ type: 'image', path: 'a.png' }, null] }] }]],
    [[{ messages: 'audio', content: [part] }]],
  ])('is no other one: %j', (args) => {
    expect(hasAudio(args)).toBe(false);
  });
});

describe('an adapter that leaves parts out', () => {
  it('gets the default ones in their place and keeps its own', () => {
    const isBusy = () => true;
    const completed = completeAdapter({ disposers: ['drop'], isBusy });
    expect(completed).toMatchObject({ disposers: ['drop'], isBusy });
    expect(completed.readRequest).toBe(readRequest);
    expect(completed.isInference).toBe(isInference);
    expect(completed.sdkDisposers).toBe(sdkDisposers);
  });

  it('keeps what it inherits from a class, and is itself left alone', () => {
    class Own {
      isInference = (method: string) => method === 'go';
      hasAudio(): boolean {
        return true;
      }
    }
    const own = new Own();
    const completed = completeAdapter(own);
    expect([completed.isInference('go'), completed.isInference('generate'), completed.hasAudio([])]).toEqual([
      true,
      false,
      true,
    ]);
    expect(Object.keys(own)).toEqual(['isInference']);
  });
});

function byName(a: PropertyKey, b: PropertyKey): number {
  return String(a) < String(b) ? -1 : 1;
}
