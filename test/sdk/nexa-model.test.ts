import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { ChatSettings, ChatTurn } from '../../src/sdk/chat-messages.ts';
import { NexaModel } from '../../src/sdk/nexa-model.ts';
import type { GenerateResult, RuntimeGenerate, RuntimeModel } from '../../src/sdk/runtime.ts';
import { writeTone } from '../../tools/synthetic-model.mjs';
import { collectUntil } from '../support/fake-sdk.ts';

/** A runtime's model whose tokens come when the test says so. It refuses what the contract rules out. */
class ScriptedModel implements RuntimeModel {
  readonly capabilities = { audio: true, vision: false };
  readonly requests: RuntimeGenerate[] = [];
  stops = 0;
  resets = 0;
  disposals = 0;
  #running:
    | { push(text: string): void; end(result: Partial<GenerateResult>): void; fail(error: Error): void }
    | undefined;

  generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult> {
    if (this.#running || this.disposals > 0) throw new Error('broken contract');
    this.requests.push(request);
    let text = '';
    return new Promise<GenerateResult>((resolve, reject) => {
      this.#running = {
        push: (piece) => {
          text += piece;
          onText(piece);
        },
        end: (result) =>
          resolve({ text, finishReason: 'length', promptTokens: 3, generatedTokens: 2, totalMs: 1, ...result }),
        fail: reject,
      };
    }).finally(() => {
      this.#running = undefined;
    });
  }

  push(...texts: string[]): void {
    for (const text of texts) this.#running?.push(text);
  }

  end(): void {
    this.#running?.end({});
  }

  fail(error: Error): void {
    this.#running?.fail(error);
  }

  stop(): void {
    this.stops += 1;
    // An engine ends at its next token, later than now.
    setTimeout(() => this.#running?.end({ finishReason: 'stopped' }), 5);
  }

  async format(messages: readonly ChatTurn[], settings: ChatSettings): Promise<string> {
    return JSON.stringify([messages, settings]);
  }

  async reset(): Promise<void> {
    this.resets += 1;
  }

  async dispose(): Promise<void> {
    if (this.#running) throw new Error('broken contract');
    this.disposals += 1;
  }
}

function make(): { raw: ScriptedModel; model: NexaModel; gone: NexaModel[] } {
  const raw = new ScriptedModel();
  const gone: NexaModel[] = [];
  const facts = { name: 'm', contextSize: 2048, microBatchSize: 512, modelPath: '/m.gguf' };
  return { raw, model: new NexaModel(facts, raw, (each) => gone.push(each)), gone };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 1));

async function read(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}

describe('a text', () => {
  test('comes piece by piece and ends with its result', async () => {
    const { raw, model } = make();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    expect(raw.requests).toEqual([{ prompt: 'Hello', audioPaths: [], maxTokens: 512, stop: [] }]);
    raw.push('a');
    expect(await first).toEqual({ done: false, value: 'a' });
    const second = stream.next();
    raw.push('b');
    expect(await second).toEqual({ done: false, value: 'b' });
    raw.end();
    const last = await stream.next();
    expect(last).toMatchObject({ done: true, value: { text: 'ab', finishReason: 'length' } });
    expect(model.lastResult).toBe(last.value);
    expect(raw.stops).toBe(0);
  });

  test('hands every option on', async () => {
    const { raw, model } = make();
    const options = { maxTokens: 7, temperature: 0.5, topK: 4, topP: 0.9, seed: 3 };
    const stream = model.generate({ prompt: 'Hello', stop: 'x', ...options });
    const done = stream.next();
    await settle();
    raw.end();
    await done;
    expect(raw.requests).toEqual([{ prompt: 'Hello', audioPaths: [], stop: ['x'], ...options }]);
  });

  test('waits where nobody reads', async () => {
    const { raw, model } = make();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    raw.push('a', 'b', 'c');
    raw.end();
    await settle();
    expect(model.lastResult?.text).toBe('abc');
    expect((await first).value).toBe('a');
    expect(await read(stream)).toBe('bc');
  });

  test('does not begin before it is read', async () => {
    const { raw, model } = make();
    model.generate({ prompt: 'Hello' });
    await settle();
    expect(raw.requests).toEqual([]);
    const next = read(model.generate({ prompt: 'Next' }));
    await settle();
    raw.end();
    expect(await next).toBe('');
  });

  test('takes its turn', async () => {
    const { raw, model } = make();
    const texts = ['one', 'two', 'three'].map((prompt) => read(model.generate({ prompt })));
    for (const prompt of ['one', 'two', 'three']) {
      await settle();
      expect(raw.requests.at(-1)?.prompt).toBe(prompt);
      raw.push(prompt);
      raw.end();
    }
    expect(await Promise.all(texts)).toEqual(['one', 'two', 'three']);
    expect(raw.requests).toHaveLength(3);
  });

  test('that was dropped unread half-way does not hold up the next one', async () => {
    const { raw, model } = make();
    const dropped = model.generate({ prompt: 'dropped' });
    const first = dropped.next();
    await settle();
    raw.push('a', 'b');
    await first;
    raw.end();
    const next = read(model.generate({ prompt: 'next' }));
    await settle();
    raw.push('c');
    raw.end();
    expect(await next).toBe('c');
  });

  test('that fails rejects, and the next one works', async () => {
    const { raw, model } = make();
    const failing = read(model.generate({ prompt: 'Hello' }));
    const next = read(model.generate({ prompt: 'Hello' }));
    await settle();
    const error = new Error('engine');
    raw.fail(error);
    await expect(failing).rejects.toBe(error);
    raw.push('fine');
    raw.end();
    expect(await next).toBe('fine');
  });
});

describe('leaving the loop', () => {
  test('stops the engine, and the next text works', async () => {
    const { raw, model } = make();
    const loop = (async () => {
      for await (const piece of model.generate({ prompt: 'Hello' })) return piece;
      return '';
    })();
    await settle();
    raw.push('a', 'b');
    expect(await loop).toBe('a');
    expect(raw.stops).toBe(1);
    expect(model.lastResult).toMatchObject({ finishReason: 'stopped', text: 'ab' });
    const next = read(model.generate({ prompt: 'next' }));
    await settle();
    raw.push('c');
    raw.end();
    expect(await next).toBe('c');
    expect(raw.stops).toBe(1);
  });

  test('after the last piece stops nothing', async () => {
    const { raw, model } = make();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    raw.push('a');
    raw.end();
    await first;
    await settle();
    await stream.return(undefined as never);
    expect(raw.stops).toBe(0);
  });
});

describe('an aborted signal', () => {
  test('before the start keeps the engine out of it', async () => {
    const { raw, model } = make();
    const reason = new Error('no');
    await expect(read(model.generate({ prompt: 'Hello', signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(raw.requests).toEqual([]);
  });

  test('stops a running text, with its reason', async () => {
    const { raw, model } = make();
    const controller = new AbortController();
    const text = read(model.generate({ prompt: 'Hello', signal: controller.signal }));
    await settle();
    raw.push('a');
    controller.abort();
    await expect(text).rejects.toMatchObject({ name: 'AbortError' });
    expect(raw.stops).toBe(1);
    const next = read(model.generate({ prompt: 'next' }));
    await settle();
    raw.end();
    expect(await next).toBe('');
  });

  test('takes a waiting text out of the line and leaves the running one alone', async () => {
    const { raw, model } = make();
    const running = read(model.generate({ prompt: 'running' }));
    await settle();
    const controller = new AbortController();
    const waiting = read(model.generate({ prompt: 'waiting', signal: controller.signal }));
    await settle();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    raw.push('fine');
    raw.end();
    expect(await running).toBe('fine');
    await settle();
    expect(raw.stops).toBe(0);
    expect(raw.requests.map(({ prompt }) => prompt)).toEqual(['running']);
  });

  test('after the end changes nothing', async () => {
    const { raw, model } = make();
    const controller = new AbortController();
    const text = read(model.generate({ prompt: 'Hello', signal: controller.signal }));
    await settle();
    raw.push('a');
    raw.end();
    expect(await text).toBe('a');
    controller.abort();
    expect(raw.stops).toBe(0);
  });
});

describe('a stream that was dropped', () => {
  test('stops the engine once it is collected, and the next text works', async () => {
    const { raw, model } = make();
    await (async () => {
      const stream = model.generate({ prompt: 'Hello' });
      const first = stream.next();
      await settle();
      raw.push('a');
      await first;
    })();
    expect(await collectUntil(() => raw.stops > 0)).toBe(true);
    const next = read(model.generate({ prompt: 'next' }));
    await expect.poll(() => raw.requests.length).toBe(2);
    raw.push('b');
    raw.end();
    expect(await next).toBe('b');
  });

  test('that is still held is not stopped', async () => {
    const { raw, model } = make();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    raw.push('a');
    await first;
    await collectUntil(() => false);
    expect(raw.stops).toBe(0);
    raw.end();
    expect((await stream.next()).done).toBe(true);
  });
});

describe('a conversation', () => {
  test('goes to the runtime with absolute paths, its media in order', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-talk-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [one, two] = [join(folder, 'one.wav'), join(folder, 'two.wav')];
    for (const path of [one, two]) writeTone(path, 0.1);
    const { raw, model } = make();
    const near = relative(process.cwd(), two);
    const text = read(
      model.generate({
        messages: [
          { role: 'system', content: 'Listen.' },
          {
            role: 'user',
            content: [
              { type: 'audio', path: one },
              { type: 'text', text: 'And' },
            ],
          },
          { role: 'user', content: [{ type: 'audio', path: near }] },
        ],
        tools: [{ type: 'function' }],
        thinking: false,
      }),
    );
    await expect.poll(() => raw.requests.length).toBe(1);
    expect(raw.requests[0]).toEqual({
      prompt: '',
      audioPaths: [one, two],
      messages: [
        { role: 'system', parts: [{ type: 'text', text: 'Listen.' }] },
        {
          role: 'user',
          parts: [
            { type: 'audio', path: one },
            { type: 'text', text: 'And' },
          ],
        },
        { role: 'user', parts: [{ type: 'audio', path: two }] },
      ],
      tools: '[{"type":"function"}]',
      thinking: false,
      maxTokens: 512,
      stop: [],
    });
    raw.end();
    await text;
  });

  test('is formatted and forgotten in its turn', async () => {
    const { raw, model } = make();
    const text = read(model.generate({ prompt: 'Hello' }));
    await settle();
    const formatted = model.applyChatTemplate([{ role: 'user', content: 'Hi' }], { tools: '[{}]' });
    const forgotten = model.reset();
    await settle();
    expect(raw.resets).toBe(0);
    raw.end();
    expect(await formatted).toBe('[[{"role":"user","parts":[{"type":"text","text":"Hi"}]}],{"tools":"[{}]"}]');
    await forgotten;
    expect(raw.resets).toBe(1);
    await text;
    await model.dispose();
    expect(() => model.reset()).toThrow('is disposed');
  });

  test('that waits when the model is disposed is refused, and what fails holds up nothing', async () => {
    const { raw, model } = make();
    raw.format = () => Promise.reject(new Error('no template'));
    await expect(model.applyChatTemplate([{ role: 'user', content: 'Hi' }])).rejects.toThrow('no template');
    await model.reset();
    const text = read(model.generate({ prompt: 'Hello' }));
    const failure = expect(text).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await settle();
    const late = expect(model.reset()).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await model.dispose();
    await Promise.all([failure, late]);
  });

  test.each([
    [undefined],
    [[{ role: 'user' }]],
    [[{ role: '', content: 'x' }]],
    [[{ role: 'user', content: 'a\0b' }]],
    [[{ role: 'user', content: [] }]],
    [[{ role: 'user', content: [{ type: 'video', path: 'x' }] }]],
    [[{ role: 'user', content: [{ type: 'audio' }] }]],
    [[{ role: null, content: 'x' }]],
  ])('is not %j', (messages) => {
    const { model } = make();
    expect(() => model.applyChatTemplate(messages as never)).toThrow(/^Expected `messages` to be a list of messages/);
    if (messages) expect(() => model.generate({ messages } as never)).toThrow(/^Expected `messages` to be a list/);
  });

  test('needs a model that hears and sees what is in it', () => {
    const { model } = make();
    const image = [{ role: 'user', content: [{ type: 'image', path: 'x.png' }] }] as const;
    expect(() => model.generate({ messages: image })).toThrow('takes no `images`');
    expect(() => model.generate({ prompt: 'What?', images: 'x.png' })).toThrow('takes no `images`');
    expect(() => model.applyChatTemplate(image)).toThrow('takes no `images`');
  });
});

describe('the KV cache', () => {
  test('is kept and taken by absolute paths, in its turn', async () => {
    const { raw, model } = make();
    const kept: string[] = [];
    Object.assign(raw, {
      saveKvCache: async (path: string) => kept.push(`save ${path}`),
      loadKvCache: async (path: string) => kept.push(`load ${path}`),
    });
    await model.saveKvCache('cache.bin');
    await model.loadKvCache('/cache.bin');
    expect(kept).toEqual([`save ${join(process.cwd(), 'cache.bin')}`, 'load /cache.bin']);
  });

  test('is refused where the runtime has none, and without a path', () => {
    const { model } = make();
    expect(() => model.saveKvCache('x')).toThrow("This runtime has no `saveKvCache`; the SDK's own library has.");
    expect(() => model.loadKvCache('')).toThrow('Expected `path` to be a path');
  });
});

describe('dispose', () => {
  test('stops what runs, refuses what waits, and disposes once', async () => {
    const { raw, model, gone } = make();
    const running = read(model.generate({ prompt: 'running' }));
    await settle();
    const waiting = read(model.generate({ prompt: 'waiting' }));
    const failures = Promise.allSettled([running, waiting]);
    await settle();
    raw.push('a');
    const disposal = model.dispose();
    expect(model.dispose()).toBe(disposal);
    expect(model[Symbol.asyncDispose]()).toBe(disposal);
    await disposal;
    expect(raw).toMatchObject({ stops: 1, disposals: 1 });
    expect(raw.requests).toHaveLength(1);
    expect(gone).toEqual([model]);
    for (const failure of await failures) {
      expect(failure).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_RUNTIME', message: 'The model "m" is disposed; load it again.' },
      });
    }
  });

  test('inside the loop that reads does not wait for itself', async () => {
    const { raw, model } = make();
    const loop = (async () => {
      for await (const _piece of model.generate({ prompt: 'Hello' })) await model.dispose();
    })();
    const failure = expect(loop).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await settle();
    raw.push('a');
    await failure;
    expect(raw.disposals).toBe(1);
  });

  test('refuses what is asked for later, and what was asked for and not begun', async () => {
    const { model } = make();
    const early = model.generate({ prompt: 'early' });
    await model.dispose();
    expect(() => model.generate({ prompt: 'late' })).toThrow('The model "m" is disposed; load it again.');
    await expect(early.next()).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });
});

describe('audio', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nexa-heard-'));
    writeTone(join(folder, 'tone.wav'), 0.1);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('goes to the runtime by absolute paths, one or several', async () => {
    const { raw, model } = make();
    const tone = join(folder, 'tone.wav');
    for (const audio of [tone, [tone, tone]]) {
      const text = read(model.generate({ prompt: 'Hello', audio }));
      await expect.poll(() => raw.requests.at(-1)?.audioPaths).toEqual([audio].flat());
      raw.end();
      await text;
    }
  });

  test('that is none is refused before the engine hears of it', async () => {
    const { raw, model } = make();
    const text = read(model.generate({ prompt: 'Hello', audio: join(folder, 'gone.wav') }));
    await expect(text).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(raw.requests).toEqual([]);
  });

  test('goes with images that are some', async () => {
    const seeing = Object.assign(new ScriptedModel(), { capabilities: { audio: true, vision: true } });
    const model = new NexaModel({ name: 'm', contextSize: 2048, microBatchSize: 512, modelPath: '/m.gguf' }, seeing);
    const png = join(folder, 'dot.png');
    writeFileSync(png, Buffer.from('89504e470d0a1a0a0000', 'hex'));
    const text = read(model.generate({ prompt: 'What?', images: png }));
    await expect.poll(() => seeing.requests.at(-1)?.imagePaths).toEqual([png]);
    seeing.end();
    await text;
    const none = read(model.generate({ prompt: 'What?', images: join(folder, 'tone.wav') }));
    await expect(none).rejects.toThrow(
      /^Expected `images` to be PNG, JPEG, BMP or GIF files, got .*first bytes 52494646/,
    );
  });

  test('needs a projector that hears', () => {
    const deaf = Object.assign(new ScriptedModel(), { capabilities: { audio: false, vision: true } });
    const facts = { name: 'm', contextSize: 2048, microBatchSize: 512, modelPath: '/m.gguf' };
    const audio = { prompt: 'Hello', audio: join(folder, 'tone.wav') };
    expect(() => new NexaModel(facts, deaf).generate(audio)).toThrow(
      'The model "m" takes no `audio`: it was loaded without a projector; put its mmproj file beside it or pass `projectorPath`.',
    );
    expect(() => new NexaModel({ ...facts, projectorPath: '/p.gguf' }, deaf).generate(audio)).toThrow(
      'The model "m" takes no `audio`: its projector "/p.gguf" hears nothing.',
    );
  });
});
