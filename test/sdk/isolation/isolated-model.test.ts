/** A model of another process behind the interface of one of this process. The process is real, its engine is written here. */
import { describe, expect, test } from 'vitest';
import type { LoadedThere } from '../../../src/sdk/isolation/child-message.ts';
import type { EngineProcess } from '../../../src/sdk/isolation/engine-process.ts';
import { IsolatedModel } from '../../../src/sdk/isolation/isolated-model.ts';
import { startChildProgram } from '../../support/child-programs.ts';
import { hasEnded } from '../../support/group-program.ts';

const loaded: LoadedThere = { model: 1, audio: true, vision: false, longestAudioSeconds: 30, keepsKvCache: true };
const request = { prompt: 'Hi', audioPaths: [], maxTokens: 5, stop: [] };

async function open(body?: string, options = {}): Promise<{ child: EngineProcess; model: IsolatedModel }> {
  const child = await startChildProgram(body, options);
  return { child, model: new IsolatedModel(child, loaded, '/m.gguf') };
}

/** Answers each call of a method with its arguments. */
const ECHO =
  'globalThis.take = (message) => message.type === "model" && (answer(message, JSON.stringify(message.args)), true);';

describe('an isolated model', () => {
  test('has what is known of it', async () => {
    const { child, model } = await open();
    expect(model).toMatchObject({
      pid: child.pid,
      capabilities: { audio: true, vision: false },
      longestAudioSeconds: 30,
    });
    expect(model.saveKvCache).toBeTypeOf('function');
    const without = new IsolatedModel(child, { ...loaded, keepsKvCache: false }, '/m.gguf');
    expect([without.saveKvCache, without.loadKvCache]).toEqual([undefined, undefined]);
  });

  test('gives text as it comes and then the result', async () => {
    const { model } = await open(`globalThis.take = ({ method, call }) => {
      if (method === 'generate') send({ type: 'text', call, text: 'a' });
    };`);
    const heard: string[] = [];
    expect(await model.generate(request, (text) => heard.push(text))).toMatchObject({ text: 'a', finishReason: 'end' });
    expect(heard).toEqual(['a']);
  });

  test('hands arguments on', async () => {
    const { model } = await open(ECHO);
    const turns = [{ role: 'user', parts: [{ type: 'text', text: 'Hi' } as const] }];
    expect(JSON.parse(await model.format(turns, { thinking: false }))).toEqual([turns, { thinking: false }]);
    for (const answer of [model.reset(), model.saveKvCache?.('/a'), model.loadKvCache?.('/a')]) {
      expect(await answer).toBeUndefined();
    }
  });

  test('stops at once, without an answer', async () => {
    const { model } = await open(`let running;
      globalThis.take = (message) => {
        if (message.method === 'generate') running = message;
        if (message.type === 'stop') answer(running, { ...result, finishReason: 'stopped' });
        return message.method === 'generate';
      };`);
    const text = model.generate(request, () => {});
    model.stop();
    expect(await text).toMatchObject({ finishReason: 'stopped' });
  });

  test.each<[string, (model: IsolatedModel) => Promise<unknown>]>([
    ['generate', (model) => model.generate(request, () => {})],
    ['format', (model) => model.format([], {})],
  ])('ends its process if `%s` gives what it never does', async (method, call) => {
    const { child, model } = await open(
      'globalThis.take = (message) => message.type === "model" && (answer(message, { text: 5 }), true);',
    );
    await expect(call(model)).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: `Expected what \`${method}\` gives from the process of the model, found object; its process was ended, so load it again.`,
    });
    // The program wanted it: it is told as killed.
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL', asked: false });
    await expect(model.reset()).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
  });
});

describe('its disposal', () => {
  test('ends its process, once, and later calls say so', async () => {
    const { child, model } = await open('globalThis.take = ({ type }) => { if (type === "model") for (;;); };');
    await Promise.all([model.dispose(), model.dispose()]);
    expect(hasEnded(child.pid)).toBe(true);
    expect(await child.ended).toMatchObject({ asked: true });
    for (const call of [model.generate(request, () => {}), model.format([], {}), model.reset()]) {
      await expect(call).rejects.toMatchObject({
        code: 'ERR_RUNTIME',
        message: 'The model "/m.gguf" is disposed; load it again.',
      });
    }
    model.stop();
  });

  test('leaves a process in which other models live', async () => {
    const { child, model } = await open(ECHO, { shared: true });
    await model.dispose();
    expect(child.end).toBeUndefined();
    expect(await new IsolatedModel(child, { ...loaded, model: 2 }, '/n.gguf').format([], {})).toBe('[[],{}]');
  });

  test('of one whose process has ended, or ends over it, does nothing', async () => {
    const ends = await open('globalThis.take = ({ method }) => method === "dispose" && process.exit(1);', {
      shared: true,
    });
    await ends.model.dispose();
    const ended = await open('', { shared: true });
    await ended.child.kill();
    await ended.model.dispose();
  });

  test('that fails in the engine is an error', async () => {
    const { model } = await open(
      `globalThis.take = ({ method, call }) => method === 'dispose' &&
        (send({ type: 'failed', call, error: { name: 'Error', message: 'stuck' } }), true);`,
      { shared: true },
    );
    await expect(model.dispose()).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });
});
