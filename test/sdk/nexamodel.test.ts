import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeTone } from '../../examples/synthetic-model.mjs';
import { NexaModel } from '../../src/sdk/nexamodel.ts';
import type { GenerateResult, RuntimeGenerate, RuntimeModel } from '../../src/sdk/runtime.ts';

/** A runtime's model whose tokens come when the test says so. It refuses what the contract rules out. */
class ScriptedModel implements RuntimeModel {
  readonly capabilities = { audio: true, vision: false };
  readonly requests: RuntimeGenerate[] = [];
  stops = 0;
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
