/** What the engine does once in a thousand times, brought about: a completion that fails after its prompt was checked. */
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Completion, findEngine, type LlamaContext } from '../../../src/sdk/llama/llama-engine.ts';
import { LlamaModel } from '../../../src/sdk/llama/llama-model.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

const MiB = 2 ** 20;
let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

const request = { prompt: 'What?', audioPaths: [] as string[], maxTokens: 3, stop: [] };

async function realContext(contextSize: number): Promise<LlamaContext> {
  const { llama } = await findEngine();
  const context = await llama.loadModel({ model: files.model(), n_ctx: contextSize, n_parallel: 1, ctx_shift: false });
  await context.initMultimodal({ path: files.projector, use_gpu: false });
  return context;
}

test('a completion that fails inside the engine makes the model unusable, and its memory still comes back', async () => {
  const contextSize = 65_536;
  const path = files.path('vanishing.wav');
  copyFileSync(files.tone, path);
  const before = anonymousBytes();
  let released = 0;
  // In a function of its own, so that nothing here keeps the engine's object alive.
  const model = await (async () => {
    const real = await realContext(contextSize);
    const context: LlamaContext = {
      isJinjaSupported: () => real.isJinjaSupported(),
      isLlamaChatSupported: () => real.isLlamaChatSupported(),
      getFormattedChat: (messages) => real.getFormattedChat(messages),
      // The file goes between the check and the completion.
      tokenize: async (text, media) => {
        const tokens = await real.tokenize(text, media);
        rmSync(path, { force: true });
        return tokens;
      },
      detokenize: (tokens) => real.detokenize(tokens),
      completion: (options, onToken) => real.completion(options, onToken),
      stopCompletion: () => real.stopCompletion(),
      clearCache: (clearData) => real.clearCache(clearData),
      release: () => {
        released += 1;
        return real.release();
      },
      initMultimodal: (options) => real.initMultimodal(options),
      getMultimodalSupport: () => real.getMultimodalSupport(),
    };
    return new LlamaModel(context, {
      modelPath: files.model(),
      contextSize,
      capabilities: context.getMultimodalSupport(),
    });
  })();
  expect(anonymousBytes() - before).toBeGreaterThan(48 * MiB);
  await expect(model.generate({ ...request, audioPaths: [path] }, () => {})).rejects.toMatchObject({
    code: 'ERR_RUNTIME',
    message: expect.stringContaining('The engine failed: File does not exist or cannot be opened'),
  });
  await expect(model.generate(request, () => {})).rejects.toMatchObject({
    code: 'ERR_RUNTIME',
    message: `The model ${JSON.stringify(files.model())} failed inside the engine and can only be disposed; load it again.`,
  });
  model.stop();
  await model.dispose();
  expect(released).toBe(0);
  expect(anonymousBytes() - before).toBeLessThan(32 * MiB);
});

test('a text that ends for no reason is an error', async () => {
  const context = scripted({ text: 'a', tokens_predicted: 1, stopped_limited: false });
  const model = new LlamaModel(context, facts);
  await expect(model.generate(request, () => {})).rejects.toMatchObject({
    code: 'ERR_RUNTIME',
    message: 'The engine ended a text for no reason: no token could be computed.',
  });
});

test('what is thrown and is no error is told too', async () => {
  const failing = { ...scripted({}), completion: () => Promise.reject('no thread') };
  const model = new LlamaModel(failing, facts);
  await expect(model.generate(request, () => {})).rejects.toMatchObject({ message: 'The engine failed: no thread.' });
});

test('a conversation that the template refuses is an error of the runtime, and the model goes on', async () => {
  const cause = new Error('unknown role');
  const refusing = {
    ...scripted({}),
    getFormattedChat: (messages: readonly { readonly role: string }[]) => {
      if (messages.some(({ role }) => role === 'critic')) throw cause;
      return { prompt: 'p' };
    },
  };
  const model = new LlamaModel(refusing, facts);
  const messages = [{ role: 'critic', parts: [] }];
  const expected = {
    name: 'MemoryGuardError',
    code: 'ERR_RUNTIME',
    message: 'The engine could not format the conversation: unknown role.',
    cause,
  };
  await expect(model.format(messages, {})).rejects.toMatchObject(expected);
  await expect(model.generate({ ...request, messages }, () => {})).rejects.toMatchObject(expected);
  expect(await model.generate(request, () => {})).toMatchObject({ finishReason: 'length' });
});

test('texts that run are stopped when the process exits, by one listener for all of them', async () => {
  let stops = 0;
  let finish: (completion: Completion) => void = () => {};
  const slow = {
    ...scripted({}),
    completion: () =>
      new Promise<Completion>((resolve) => {
        finish = resolve;
      }),
    stopCompletion: () => {
      stops += 1;
      finish({ ...ended, interrupted: true });
    },
  };
  const model = new LlamaModel(slow, facts);
  const text = model.generate(request, () => {});
  await new Promise((resolve) => setImmediate(resolve));
  const listeners = process.listeners('exit').filter((listener) => listener.name === 'stopRunning');
  expect(listeners).toHaveLength(1);
  listeners[0]?.(0);
  expect((await text).finishReason).toBe('stopped');
  listeners[0]?.(0);
  expect(stops).toBe(1);
});

const facts = { modelPath: '/m.gguf', contextSize: 100, capabilities: undefined };

const ended: Completion = {
  text: '',
  tokens_predicted: 0,
  context_full: false,
  interrupted: false,
  stopped_eos: false,
  stopped_words: false,
  stopped_limited: true,
};

function scripted(completion: Partial<Completion>): LlamaContext {
  return {
    isJinjaSupported: () => true,
    isLlamaChatSupported: () => true,
    getFormattedChat: () => ({ prompt: 'p' }),
    tokenize: async () => ({ tokens: Int32Array.of(1, 2) }),
    detokenize: async () => 'p',
    completion: async () => ({ ...ended, ...completion }),
    stopCompletion: () => {},
    clearCache: () => {},
    release: async () => {},
    initMultimodal: () => true,
    getMultimodalSupport: () => ({ audio: false, vision: false }),
  };
}

function anonymousBytes(): number {
  const [, kib] = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) * 1024;
}
