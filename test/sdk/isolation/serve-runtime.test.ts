/** What a model's process does with the messages of its program, in this process and with a runtime that is scripted. */
import { describe, expect, test } from 'vitest';
import { MemoryGuardError } from '../../../src/core/errors.ts';
import type { ProcessMessage, ProgramMessage } from '../../../src/sdk/isolation/child-message.ts';
import { serveRuntime } from '../../../src/sdk/isolation/serve-runtime.ts';
import type { Runtime, RuntimeGenerate, RuntimeModel } from '../../../src/sdk/runtime.ts';
import type { InitializeOptions } from '../../../src/sdk/sdk-options.ts';

const result = {
  text: 'abc',
  finishReason: 'end',
  promptTokens: 1,
  truncated: false,
  generatedTokens: 3,
  totalMs: 1,
} as const;

/** A runtime that records what it is asked for. */
function serve(more: Partial<Runtime> = {}, model: Partial<RuntimeModel> = {}) {
  const asked: unknown[] = [];
  const sent: ProcessMessage[] = [];
  let options: InitializeOptions = {};
  const record =
    (name: string, value?: unknown) =>
    async (...args: unknown[]) => {
      asked.push([name, ...args]);
      return value as never;
    };
  const runtime: Runtime = {
    name: 'llama',
    version: '1',
    load: async ({ onProgress, ...request }) => {
      asked.push(['load', request]);
      onProgress?.(50);
      return {
        capabilities: { audio: true, vision: false },
        longestAudioSeconds: 30,
        generate: async (request: RuntimeGenerate, onText) => {
          asked.push(['generate', request]);
          for (const text of ['a', 'b', 'c']) onText(text);
          return result;
        },
        stop: () => void asked.push(['stop']),
        format: record('format', 'formatted'),
        reset: record('reset'),
        dispose: record('dispose'),
        ...model,
      };
    },
    close: async () => {},
    ...more,
  };
  const take = serveRuntime(
    (message) => sent.push(message),
    async (given) => {
      options = given;
      return runtime;
    },
  );
  let call = 0;
  const answerTo = (number: number) =>
    sent.find((message) => (message.type === 'done' || message.type === 'failed') && message.call === number);
  const ask = async (message: object) => {
    const number = ++call;
    take({ ...message, call: number } as ProgramMessage);
    await expect.poll(() => answerTo(number)).toBeDefined();
    return answerTo(number);
  };
  const open = () => ask({ type: 'open', args: [{ runtime: 'llama' }] });
  const load = (request = {}) => ask({ type: 'load', args: [{ modelPath: '/m', reportsProgress: false, ...request }] });
  const askModel = (method: string, ...args: unknown[]) => ask({ type: 'model', model: 1, method, args });
  return { asked, sent, take, ask, open, load, askModel, options: () => options };
}

describe('a served runtime', () => {
  test('is opened as the program says, and hands on what the engine prints', async () => {
    const { open, options, sent } = serve({ kvCacheTypes: ['f16'] });
    expect(await open()).toMatchObject({ type: 'done', value: { name: 'llama', version: '1', kvCacheTypes: ['f16'] } });
    expect(options()).toMatchObject({ runtime: 'llama' });
    options().onLog?.('warn', 'a line');
    expect(sent.at(-1)).toEqual({ type: 'log', level: 'warn', text: 'a line' });
  });

  test('that can not be opened is told so', async () => {
    const sent: ProcessMessage[] = [];
    const take = serveRuntime(
      (message) => sent.push(message),
      () => Promise.reject(new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', 'No engine.')),
    );
    take({ type: 'open', call: 1, args: [{}] });
    await expect
      .poll(() => sent)
      .toMatchObject([{ type: 'failed', call: 1, error: { code: 'ERR_RUNTIME_NOT_FOUND' } }]);
  });

  test('loads with the request alone, and reports progress to who listens', async () => {
    const { open, load, asked, sent } = serve();
    await open();
    const loaded = { audio: true, vision: false, longestAudioSeconds: 30, keepsKvCache: false };
    expect(await load()).toMatchObject({ value: { model: 1, ...loaded } });
    expect(asked).toEqual([['load', { modelPath: '/m' }]]);
    expect(sent.filter(({ type }) => type === 'progress')).toEqual([]);
    expect(await load({ reportsProgress: true })).toMatchObject({ value: { model: 2, ...loaded } });
    expect(sent.filter(({ type }) => type === 'progress')).toEqual([{ type: 'progress', call: 3, percent: 50 }]);
  });

  test('has plugins and devices if the runtime has', async () => {
    const none = serve();
    await none.open();
    expect(await none.ask({ type: 'plugins', args: [] })).toMatchObject({ value: [] });
    expect(await none.ask({ type: 'devices', args: ['p'] })).toMatchObject({ value: [] });
    const some = serve({ plugins: async () => ['p'], devices: async (id) => [{ id, name: 'n' }] });
    await some.open();
    expect(await some.ask({ type: 'plugins', args: [] })).toMatchObject({ value: ['p'] });
    expect(await some.ask({ type: 'devices', args: ['p'] })).toMatchObject({ value: [{ id: 'p', name: 'n' }] });
  });

  test('answers that it is there, at once', () => {
    const { take, sent } = serve();
    take({ type: 'ping' });
    expect(sent).toEqual([{ type: 'pong' }]);
  });
});

describe('a served model', () => {
  test('sends all of its text before its result', async () => {
    const { open, load, askModel, sent } = serve();
    await open();
    await load();
    expect(await askModel('generate', { prompt: 'Hi' })).toMatchObject({ type: 'done', value: result });
    const texts = sent.flatMap((message) => (message.type === 'text' ? [message.text] : []));
    expect(texts.join('')).toBe('abc');
    expect(sent.at(-1)?.type).toBe('done');
  });

  test('sends the text that came before it failed', async () => {
    const { open, load, askModel, sent } = serve(
      {},
      {
        generate: async (_request, onText) => {
          onText('a');
          onText('b');
          throw new MemoryGuardError('ERR_RUNTIME', 'broken');
        },
      },
    );
    await open();
    await load();
    expect(await askModel('generate', {})).toMatchObject({ type: 'failed', error: { message: 'broken' } });
    expect(sent.flatMap((message) => (message.type === 'text' ? [message.text] : [])).join('')).toBe('ab');
  });

  test('is called with the arguments of the program', async () => {
    const saved: string[] = [];
    const { open, load, askModel, asked, take } = serve({}, { saveKvCache: async (path) => void saved.push(path) });
    await open();
    expect(await load()).toMatchObject({ value: { keepsKvCache: true } });
    expect(await askModel('format', [{ role: 'user' }], { thinking: false })).toMatchObject({ value: 'formatted' });
    await askModel('reset');
    await askModel('saveKvCache', '/cache');
    take({ type: 'stop', model: 1 });
    take({ type: 'stop', model: 99 });
    expect(asked.slice(1)).toEqual([['format', [{ role: 'user' }], { thinking: false }], ['reset'], ['stop']]);
    expect(saved).toEqual(['/cache']);
  });

  test('that was disposed is there no longer, and one that was not goes on', async () => {
    const { open, load, askModel, asked, ask } = serve();
    await open();
    await load();
    await load();
    expect(await askModel('dispose')).toMatchObject({ type: 'done' });
    expect(asked.at(-1)).toEqual(['dispose']);
    expect(await askModel('reset')).toMatchObject({ type: 'failed', error: { name: 'TypeError' } });
    expect(await ask({ type: 'model', model: 2, method: 'reset', args: [] })).toMatchObject({ type: 'done' });
  });
});
