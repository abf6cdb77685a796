import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import type { LogLevel, Runtime } from '../../src/sdk/runtime.ts';
import { doubleLibrary } from '../support/nexa/libraries.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

async function read(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}

describe('NexaSDK.initialize', () => {
  test('brings the embedded runtime, asked for or not', async () => {
    for (const options of [undefined, {}, { runtime: 'llama' } as const]) {
      const sdk = await NexaSDK.initialize(options);
      expect(sdk.runtime).toEqual({
        name: 'llama',
        version: expect.stringMatching(/^\d+\.\d+\.\d+ \(llama\.cpp b\d+\)$/),
      });
      await sdk.dispose();
    }
  });

  test("loads the SDK's own library where it is told to", async () => {
    const sdk = await NexaSDK.initialize({ libraryPath: doubleLibrary('geniex-0.5') });
    expect(sdk.runtime).toEqual({ name: 'nexa', version: 'v0.5.0' });
    expect(sdk.version).toBe('v0.5.0');
    expect(await sdk.plugins()).toEqual(['llama_cpp', 'qairt']);
    expect(await sdk.devices('llama_cpp')).toContainEqual({ id: 'CPU', name: 'Processor' });
    await sdk.dispose();
    await expect(sdk.plugins()).rejects.toThrow('This SDK is disposed');
  });

  test('has no plugins and devices in the embedded runtime', async () => {
    const sdk = await NexaSDK.initialize({ runtime: 'llama' });
    expect([await sdk.plugins(), await sdk.devices('cpu')]).toEqual([[], []]);
    await sdk.dispose();
  });

  test('refuses unknown options', async () => {
    await expect(NexaSDK.initialize({ modelDir: '.' } as object)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('a program', () => {
  test('loads by name, streams what is said in a WAV, and disposes', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: files.folder });
    const model = await sdk.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    expect(model).toMatchObject({
      name: 'qwen2audio',
      quantization: 'Q5_K_M',
      contextSize: 2048,
      modelPath: files.model('Q5_K_M'),
      projectorPath: files.projector,
      capabilities: { audio: true, vision: false },
    });
    const text = await read(model.generate({ prompt: 'What is said?', audio: files.tone, maxTokens: 6, seed: 1 }));
    expect(model.lastResult).toMatchObject({ text, generatedTokens: 6 });
    await sdk.dispose();
    expect(() => model.generate({ prompt: 'more' })).toThrow('is disposed');
  });

  test('loads by path and by the folder of one load', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: '/nowhere' });
    const byPath = await sdk.loadModel(files.model('F32'), { contextSize: 512 });
    expect(byPath).toMatchObject({ name: 'qwen2audio-F32', quantization: 'F32', contextSize: 512 });
    const byFolder = await sdk.loadModel('qwen2audio', { modelsDir: files.folder });
    expect(byFolder.quantization).toBe('Q4_K_M');
    await expect(sdk.loadModel('qwen2audio')).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_MODEL',
      message: expect.stringContaining('in "/nowhere"'),
    });
    await sdk.dispose();
  });

  test('asks twice at once, leaves a loop, aborts, and goes on', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: files.folder });
    const model = await sdk.loadModel('qwen2audio', { quantization: 'F32' });
    const ask = (seed: number) => read(model.generate({ prompt: 'Go on.', maxTokens: 30, seed }));
    const [one, two, oneAgain] = await Promise.all([ask(1), ask(2), ask(1)]);
    expect(oneAgain).toBe(one);
    expect(two).not.toBe(one);
    for await (const _piece of model.generate({ prompt: 'Go on.', maxTokens: 1500 })) break;
    expect(model.lastResult?.finishReason).toBe('stopped');
    const controller = new AbortController();
    const aborted = read(model.generate({ prompt: 'Go on.', maxTokens: 1500, signal: controller.signal }));
    setTimeout(() => controller.abort(), 20);
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(await ask(1)).toBe(one);
    await sdk.dispose();
  });

  test('disposes a model that generates', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: files.folder });
    const model = await sdk.loadModel('qwen2audio');
    const text = read(model.generate({ prompt: 'Go on.', maxTokens: 1500 }));
    const failure = expect(text).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await model.dispose();
    await failure;
    await sdk.dispose();
  });

  test('releases with `await using`', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: files.folder });
    const model = await sdk.loadModel('qwen2audio');
    await model[Symbol.asyncDispose]();
    await sdk[Symbol.asyncDispose]();
    await expect(sdk.loadModel('qwen2audio')).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: 'This SDK is disposed; initialize a new one.',
    });
  });

  test('hears the engine in lines with levels, as long as it listens', async () => {
    const lines: [LogLevel, string][] = [];
    const sdk = await NexaSDK.initialize({
      modelsDir: files.folder,
      onLog: (level, text) => lines.push([level, text]),
    });
    const model = await sdk.loadModel('qwen2audio');
    const texts = lines.map(([, text]) => text);
    expect(texts).toContainEqual(expect.stringContaining('llama_model_loader: loaded meta data'));
    expect(texts).toContainEqual(expect.stringContaining('Initializing multimodal with mmproj path'));
    expect(new Set(lines.map(([level]) => level))).toContain('info');
    expect(texts.every((text) => text === text.trimEnd() && text !== '')).toBe(true);
    const before = lines.length;
    await read(model.generate({ prompt: 'Hello', maxTokens: 3 }));
    expect(lines.length).toBeGreaterThan(before);
    await sdk.dispose();
    const after = lines.length;
    const other = await NexaSDK.initialize({ modelsDir: files.folder });
    await other.loadModel('qwen2audio');
    await other.dispose();
    expect(lines.length).toBe(after);
  });
});

describe('dispose', () => {
  function slowRuntime(): { runtime: Runtime; events: string[]; finish: () => void } {
    const events: string[] = [];
    let finish = () => {};
    const runtime: Runtime = {
      name: 'nexa',
      version: '1',
      load: async () => {
        events.push('load');
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return {
          capabilities: { audio: false, vision: false },
          generate: () => Promise.reject(new Error('unused')),
          stop: () => {},
          format: async () => '',
          reset: async () => {},
          dispose: async () => {
            events.push('disposed');
          },
        };
      },
      close: async () => {
        events.push('closed');
      },
    };
    return { runtime, events, finish: () => finish() };
  }

  test('waits for a load that is under way and disposes its model', async () => {
    const { runtime, events, finish } = slowRuntime();
    const sdk = new NexaSDK(runtime);
    const load = expect(sdk.loadModel(files.model())).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await expect.poll(() => events).toEqual(['load']);
    const disposal = sdk.dispose();
    expect(sdk.dispose()).toBe(disposal);
    finish();
    await Promise.all([load, disposal]);
    expect(events).toEqual(['load', 'disposed', 'closed']);
  });

  test('keeps out a load that has not reached the runtime', async () => {
    const { runtime, events } = slowRuntime();
    const sdk = new NexaSDK(runtime);
    const load = expect(sdk.loadModel(files.model())).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await Promise.all([sdk.dispose(), load]);
    expect(events).toEqual(['closed']);
  });

  test('reports a model that could not be disposed, after the rest', async () => {
    const { runtime, events, finish } = slowRuntime();
    const failing: Runtime = {
      ...runtime,
      load: async (request) => ({
        ...(await runtime.load(request)),
        dispose: () => Promise.reject(new Error('stuck')),
      }),
    };
    const sdk = new NexaSDK(failing);
    const load = sdk.loadModel(files.model());
    await expect.poll(() => events).toEqual(['load']);
    finish();
    await load;
    await expect(sdk.dispose()).rejects.toThrow('stuck');
    expect(events).toEqual(['load', 'closed']);
  });

  test('an aborted signal keeps a load from the runtime', async () => {
    const { runtime, events } = slowRuntime();
    const sdk = new NexaSDK(runtime);
    const reason = new Error('no');
    await expect(sdk.loadModel(files.model(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(events).toEqual([]);
  });
});
