/**
 * The mistakes of a caller that kill the process inside the real library, and inside the double as well (which
 * test/support/nexa/core/mistakes.cc shows): none of them can be made from JavaScript. A mistake would end this file's process.
 */
import { truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadAddon } from '../../../src/addon/load-addon.ts';
import { LAYOUTS, type LayoutName, type NexaBinding } from '../../../src/addon/nexa-binding.ts';
import { openNexaRuntime } from '../../../src/sdk/nexa/nexa-runtime.ts';
import { NexaSDK } from '../../../src/sdk/nexa-sdk.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import { writeAudioProjector } from '../../../tools/synthetic-model.mjs';
import { doubleLibrary, recordCalls } from '../../support/nexa/libraries.ts';
import { makeTinyModels, TINY_PROJECTOR, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
let nexa: NexaBinding;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  nexa = loadAddon()?.nexa as NexaBinding;
});
afterAll(() => files.remove());

const shape = { contextSize: 2048, batchSize: 512, microBatchSize: 512, gpuLayers: 0 };
const plugin = (layout: LayoutName) => (layout === 'nexa-1.0' ? 'cpu_gpu' : 'llama_cpp');

/** The addon itself, without the rooms above it. */
async function withLibrary(layout: LayoutName, run: (library: never, load: object) => Promise<void>): Promise<void> {
  const { library } = await nexa.open(doubleLibrary(layout));
  try {
    await run(library as never, { ...shape, pluginId: plugin(layout), modelPath: files.model() });
  } finally {
    await nexa.close(library);
  }
}

async function read(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}

describe.each(LAYOUTS)('with the library of %s', (layout) => {
  test('1: every output is zeroed before every call', async () => {
    // The double looks at every byte of every output of every call, and these are all of them, each twice.
    const sdk = await NexaSDK.initialize({ isolation: 'none', libraryPath: doubleLibrary(layout) });
    for (let round = 0; round < 2; round++) {
      await sdk.plugins();
      await sdk.devices(plugin(layout));
      const model = await sdk.loadModel(files.model());
      const deaf = await sdk.loadModel(files.model('F32'), { projectorPath: files.projector });
      for (const each of [model, deaf]) {
        await read(each.generate({ prompt: 'Hi', maxTokens: 2 }));
        await each.applyChatTemplate([{ role: 'user', content: 'Hi' }]);
        await each.reset();
      }
      await Promise.all([model.dispose(), deaf.dispose()]);
    }
    await sdk.dispose();
  });

  test('2: a projector that is missing, unreadable or none never reaches the library', async () => {
    const calls = recordCalls();
    const runtime = await openNexaRuntime({ libraryPath: doubleLibrary(layout) });
    const load = (projectorPath: string) =>
      runtime.load({ ...readLoadOptions({}), modelPath: files.model(), projectorPath });
    const cut = files.path(`cut-${layout}.gguf`);
    writeAudioProjector(cut, { ...TINY_PROJECTOR, type: 'F16' });
    truncateSync(cut, 5000);
    for (const path of [files.path('gone.gguf'), files.folder, files.tone, files.model(), cut]) {
      await expect(load(path)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    }
    expect(calls().filter(({ call }) => call === 'vlm_create')).toEqual([]);
    await runtime.close();
  });

  test('2: not even where the addon is asked directly', async () => {
    await withLibrary(layout, async (library, load) => {
      const gone = nexa.load(library, { ...load, projectorPath: files.path('gone.gguf') } as never);
      await expect(gone).rejects.toMatchObject({ text: 'unreadable', detail: files.path('gone.gguf') });
      const folder = nexa.load(library, { ...load, projectorPath: files.folder } as never);
      await expect(folder).rejects.toMatchObject({ text: 'unreadable' });
    });
  });

  test('3: an empty prompt never reaches a fresh model', async () => {
    const sdk = await NexaSDK.initialize({ isolation: 'none', libraryPath: doubleLibrary(layout) });
    const model = await sdk.loadModel(files.model());
    for (const prompt of ['', ' ', '\0', 'a\0b', undefined]) {
      for (const raw of [true, false]) {
        expect(() => model.generate({ prompt, raw } as never)).toThrow('Expected `prompt` to be a text');
      }
    }
    await sdk.dispose();
  });

  test('3: not even from a template that makes nothing of a message, or from the addon itself', async () => {
    await withLibrary(layout, async (library, load) => {
      const { model } = await nexa.load(library, load as never);
      const generate = (spec: object) => nexa.generate(model, { maxTokens: 1, stop: [], ...spec } as never, () => {});
      for (const spec of [{}, { prompt: '' }, { prompt: '\0x' }, { messages: [], prompt: '' }]) {
        await expect(generate(spec)).rejects.toMatchObject({ call: '', text: 'empty-prompt' });
      }
      expect(() => generate({ prompt: 5 })).toThrow(new TypeError('Expected `prompt` to be a string, got 5.'));
      await nexa.destroy(model);
    });
  });

  test('4: a role or content is never NULL', async () => {
    const sdk = await NexaSDK.initialize({ isolation: 'none', libraryPath: doubleLibrary(layout) });
    const model = await sdk.loadModel(files.model());
    for (const message of [
      {},
      { role: 'user' },
      { content: 'x' },
      { role: null, content: 'x' },
      { role: 'u', content: null },
    ]) {
      expect(() => model.generate({ messages: [message] } as never)).toThrow('Expected `messages` to be a list');
    }
    await sdk.dispose();
    await withLibrary(layout, async (library, load) => {
      for (const projectorPath of [undefined, files.projector]) {
        const { model: raw } = await nexa.load(library, { ...load, projectorPath } as never);
        const messages = [{}, { role: 'user' }, { role: 'user', parts: [{}] }, { parts: [{ type: 'text' }] }];
        expect(await nexa.format(raw, { messages } as never)).toBeInstanceOf(Uint8Array);
        for (const message of [null, 5, 'x', { role: 1 }, { parts: [null] }, { parts: [{ text: 5 }] }]) {
          expect(() => nexa.format(raw, { messages: [message] } as never)).toThrow(TypeError);
        }
        await nexa.destroy(raw);
      }
    });
  });

  test('5: a projector whose convolution kernels are F32 is refused where the library dies of it', async () => {
    const wide = files.path(`mmproj-wide-${layout}.gguf`);
    writeAudioProjector(wide, { ...TINY_PROJECTOR, type: 'F32' });
    const runtime = await openNexaRuntime({ libraryPath: doubleLibrary(layout) });
    const loading = runtime.load({ ...readLoadOptions({}), modelPath: files.model(), projectorPath: wide });
    if (layout === 'nexa-1.0') {
      await expect(loading).rejects.toMatchObject({
        code: 'ERR_MODEL_FILE',
        message: `Expected '${wide}' to have convolution kernels in F16, found F32 (3 x 128 x 32); convert the projector with --outtype f16.`,
      });
    } else {
      await (await loading).dispose();
    }
    await runtime.close();
  });

  test('6: a handle is never used after it was destroyed, nor by two threads at once', async () => {
    await withLibrary(layout, async (library, load) => {
      const { model } = await nexa.load(library, load as never);
      const spec = { prompt: 'Go on.', maxTokens: 20, stop: [] } as never;
      // All at once: the double complains of the first that meets another.
      const work = [
        ...Array.from({ length: 5 }, () => nexa.generate(model, spec, () => {})),
        nexa.format(model, { messages: [{ role: 'user', parts: [{ type: 'text', text: 'x' }] }] }),
        nexa.reset(model),
        nexa.saveKvCache(model, files.path('six.bin')),
      ];
      const [first, second] = [nexa.destroy(model), nexa.destroy(model)];
      await Promise.all(work);
      await Promise.all([first, second]);
      for (const late of [
        nexa.generate(model, spec, () => {}),
        nexa.reset(model),
        nexa.format(model, { messages: [{ role: 'user', parts: [] }] }),
        nexa.loadKvCache(model, files.path('six.bin'), { text: Buffer.from(''), tokens: 0 }),
      ]) {
        await expect(late).rejects.toMatchObject({ call: '', text: 'disposed' });
      }
      nexa.stop(model);
      await nexa.destroy(model);
    });
  });

  test('6: what is no handle is refused', async () => {
    await withLibrary(layout, async (library, load) => {
      for (const handle of [undefined, null, {}, 5, library]) {
        const refusal = /^Expected `model` to be a handle that the addon gave for it, got .+\.$/;
        expect(() => nexa.generate(handle as never, {} as never, () => {})).toThrow(refusal);
        expect(() => nexa.destroy(handle as never)).toThrow(refusal);
        expect(() => nexa.stop(handle as never)).toThrow(refusal);
      }
      const { model } = await nexa.load(library, load as never);
      for (const handle of [undefined, {}, model]) {
        const refusal = /^Expected `library` to be a handle that the addon gave for it, got .+\.$/;
        expect(() => nexa.load(handle as never, load as never)).toThrow(refusal);
        expect(() => nexa.plugins(handle as never)).toThrow(refusal);
        expect(() => nexa.close(handle as never)).toThrow(refusal);
      }
      await nexa.destroy(model);
    });
  });
});
