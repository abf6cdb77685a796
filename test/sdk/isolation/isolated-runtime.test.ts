/** Models in processes of their own, and in one for all, as a program has them: on the real engine, and on processes that misbehave as no engine does on demand. */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { ModelProcess } from '../../../src/core/model-process.ts';
import { openIsolatedRuntime } from '../../../src/sdk/isolation/isolated-runtime.ts';
import { NexaSDK } from '../../../src/sdk/nexa-sdk.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { Runtime, RuntimeLoad, RuntimeModel } from '../../../src/sdk/runtime.ts';
import type { InitializeOptions } from '../../../src/sdk/sdk-options.ts';
import { writeChildProgram } from '../../support/child-programs.ts';
import { hasEnded, waitUntil } from '../../support/group-program.ts';
import { doubleLibrary } from '../../support/nexa/libraries.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

/** Far more than anything here takes, and far less than what is given up would. */
const SOON_MS = 2000;
const reason = new Error('changed my mind');

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** An SDK on the real engine, until the test ends. */
async function openSdk(options: InitializeOptions = {}): Promise<NexaSDK> {
  const sdk = await NexaSDK.initialize({ runtime: 'llama', modelsDir: files.folder, ...options });
  onTestFinished(() => sdk.dispose());
  return sdk;
}

/** A runtime on a program that is written here. */
async function openProgram(body: string, options: InitializeOptions = {}): Promise<Runtime> {
  const runtime = await openIsolatedRuntime({ childPath: writeChildProgram(body), ...options });
  onTestFinished(() => runtime.close());
  return runtime;
}

const load = (runtime: Runtime, more: Partial<RuntimeLoad> = {}): Promise<RuntimeModel> =>
  runtime.load({ ...readLoadOptions({}), modelPath: '/m.gguf', ...more });

async function read(stream: AsyncIterable<string>, onText = (_text: string) => {}): Promise<string> {
  let text = '';
  for await (const piece of stream) {
    onText(piece);
    text += piece;
  }
  return text;
}

async function expectSoon(promise: Promise<unknown>): Promise<void> {
  const from = performance.now();
  await promise;
  expect(performance.now() - from).toBeLessThan(SOON_MS);
}

/** An endless text and its first piece. */
const LONG = { prompt: 'Go on.', maxTokens: 1500, seed: 1 };

describe('a model in a process of its own', () => {
  test.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const)(
    'that is ended by %s in the middle of a text rejects that soon, and another model goes on',
    async (signal) => {
      const sdk = await openSdk();
      const [model, other] = await Promise.all([sdk.loadModel('qwen2audio'), sdk.loadModel('qwen2audio')]);
      expect(new Set([model.pid, other.pid, process.pid]).size).toBe(3);
      const answer = read(other.generate({ prompt: 'Hi', maxTokens: 300, seed: 1 }));
      let killedMs = 0;
      const text = read(model.generate(LONG), () => {
        if (killedMs !== 0) return;
        killedMs = performance.now();
        process.kill(model.pid!, signal);
      });
      await expect(text).rejects.toMatchObject({
        code: 'ERR_MODEL_KILLED',
        message: `The process of the model was ended by ${signal}; load it again.`,
      });
      expect(performance.now() - killedMs).toBeLessThan(SOON_MS);
      expect((await answer).length).toBeGreaterThan(0);
      await expect(read(model.generate(LONG))).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
      const again = await sdk.loadModel('qwen2audio');
      expect(await read(again.generate({ prompt: 'Hi', maxTokens: 5, seed: 1 }))).not.toBe('');
      await model.dispose();
    },
  );

  test('gives everything back with `await using`: the process is gone', async () => {
    let pid: number | undefined;
    {
      await using sdk = await NexaSDK.initialize({ runtime: 'llama', modelsDir: files.folder });
      await using model = await sdk.loadModel('qwen2audio');
      pid = model.pid;
      expect(hasEnded(pid!)).toBe(false);
    }
    expect(hasEnded(pid!)).toBe(true);
  });

  test('is disposed at once in the middle of a text, also if its process never comes to the next token', async () => {
    const sdk = await openSdk();
    const model = await sdk.loadModel('qwen2audio');
    const stream = model.generate(LONG);
    await stream.next();
    process.kill(model.pid!, 'SIGSTOP');
    await expectSoon(model.dispose());
    expect(hasEnded(model.pid!)).toBe(true);
    await expect(read(stream)).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });

  test('is told before it takes memory, and is heard', async () => {
    const heard: string[] = [];
    const runtime = await openIsolatedRuntime({ runtime: 'llama', onLog: (_level, text) => heard.push(text) });
    onTestFinished(() => runtime.close());
    const told: ModelProcess[] = [];
    const percents: number[] = [];
    const model = await load(runtime, {
      modelPath: files.model(),
      onProcess: (process) => {
        told.push(process);
        expect(heard.filter((line) => line.includes('loaded meta data'))).toEqual([]);
      },
      onProgress: (percent) => percents.push(percent),
    });
    expect(told).toMatchObject([{ pid: model.pid, shared: false }]);
    expect(percents.at(-1)).toBe(100);
    await expect.poll(() => heard.join('\n')).toContain('llama_model_loader: loaded meta data');
    await model.dispose();
    expect(await told[0]!.ended).toEqual({ signal: 'SIGKILL', asked: true, hung: false });
  });

  test('is the first process for the first model, also of the SDK’s library, which answers what it has', async () => {
    const runtime = await openIsolatedRuntime({ libraryPath: doubleLibrary('geniex-0.5'), layout: 'geniex-0.5' });
    onTestFinished(() => runtime.close());
    expect(runtime).toMatchObject({ name: 'nexa', version: 'v0.5.0', isolation: 'process', kvCacheTypes: ['f16'] });
    expect(runtime.library).toEqual({ path: doubleLibrary('geniex-0.5'), layout: 'geniex-0.5' });
    expect(await runtime.plugins?.()).toEqual(['llama_cpp', 'qairt']);
    expect(await runtime.devices?.('llama_cpp')).toContainEqual({ id: 'CPU', name: 'Processor' });
  });

  test('is refused with what the runtime says if there is no library', async () => {
    await expect(openIsolatedRuntime({ runtime: 'nexa', libraryPath: '/nowhere' })).rejects.toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
    });
    expect(listChildren()).toEqual([]);
  });
});

describe("models in one process, isolation 'shared'", () => {
  test('have one number, and one that is disposed leaves the others', async () => {
    const sdk = await openSdk({ isolation: 'shared' });
    const [one, other] = await Promise.all([sdk.loadModel('qwen2audio'), sdk.loadModel('qwen2audio')]);
    expect(one.pid).toBe(other.pid);
    expect(one.pid).not.toBe(process.pid);
    await one.dispose();
    expect(await read(other.generate({ prompt: 'Hi', maxTokens: 5, seed: 1 }))).not.toBe('');
    const third = await sdk.loadModel('qwen2audio');
    expect(third.pid).toBe(other.pid);
    await sdk.dispose();
    expect(hasEnded(other.pid!)).toBe(true);
  });

  test('end together, and the next load starts another process', async () => {
    const sdk = await openSdk({ isolation: 'shared' });
    const [one, other] = await Promise.all([sdk.loadModel('qwen2audio'), sdk.loadModel('qwen2audio')]);
    const texts = [one, other].map((model) => read(model.generate(LONG)));
    const rejections = texts.map((text) => expect(text).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' }));
    process.kill(one.pid!, 'SIGKILL');
    await Promise.all(rejections);
    const next = await sdk.loadModel('qwen2audio');
    expect(next.pid).not.toBe(one.pid);
    expect(await read(next.generate({ prompt: 'Hi', maxTokens: 5, seed: 1 }))).not.toBe('');
    await Promise.all([one.dispose(), other.dispose()]);
    expect(hasEnded(next.pid!)).toBe(false);
  });

  test('a load that is given up leaves nothing, and the process to the others', async () => {
    const program = `globalThis.take = (message) => {
      if (message.method === 'dispose') console.log('disposed');
      if (message.type !== 'load' || !message.args[0].reportsProgress) return false;
      send({ type: 'progress', call: message.call, percent: 1 });
      setTimeout(() => answer(message, loaded), 50);
      return true;
    };`;
    const heard: string[] = [];
    const runtime = await openProgram(program, { isolation: 'shared', onLog: (_level, text) => heard.push(text) });
    const model = await load(runtime);
    const controller = new AbortController();
    const given = load(runtime, { signal: controller.signal, onProgress: () => controller.abort(reason) });
    await expect(given).rejects.toBe(reason);
    await expect.poll(() => heard).toEqual(['disposed']);
    expect(await model.format([], {})).toBe('formatted');
  });
});

describe('a load that is aborted', () => {
  test('before it begins takes no process', async () => {
    const runtime = await openProgram('');
    await expect(load(runtime, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const [only] = listChildren();
    expect((await load(runtime)).pid).toBe(only);
  });

  test.each(['process', 'shared'] as const)(
    "while its process starts ends soon, and leaves that to the next load, isolation '%s'",
    async (isolation) => {
      const starts = files.path(`starts-${isolation}`);
      const runtime = await openProgram(startsSlowly(starts, 500), { isolation });
      const first = await load(runtime);
      if (isolation === 'shared') process.kill(first.pid!, 'SIGKILL');
      await waitUntil(() => isolation === 'process' || isReaped(first.pid!), SOON_MS);
      const controller = new AbortController();
      const given = expect(load(runtime, { signal: controller.signal })).rejects.toBe(reason);
      await waitUntil(() => listStarts(starts).length === 2, 10_000);
      controller.abort(reason);
      await expectSoon(given);
      const next = await load(runtime, { signal: new AbortController().signal });
      expect(listStarts(starts)).toEqual([first.pid, next.pid]);
    },
  );

  test('while its process starts leaves none when the runtime is closed meanwhile', async () => {
    const starts = files.path('starts-closed');
    const runtime = await openProgram(startsSlowly(starts, 30_000));
    await load(runtime);
    const controller = new AbortController();
    const given = expect(load(runtime, { signal: controller.signal })).rejects.toBe(reason);
    await waitUntil(() => listStarts(starts).length === 2, 10_000);
    controller.abort(reason);
    await given;
    await expectSoon(runtime.close());
    expect(listStarts(starts).filter((pid) => !hasEnded(pid))).toEqual([]);
  });

  test('while another process starts for somebody else leaves that one alone to the next load', async () => {
    const starts = files.path('starts-two');
    const runtime = await openProgram(startsSlowly(starts, 300));
    await load(runtime);
    const controller = new AbortController();
    const given = expect(load(runtime, { signal: controller.signal })).rejects.toBe(reason);
    await waitUntil(() => listStarts(starts).length === 2, 10_000);
    const asked = runtime.plugins?.();
    controller.abort(reason);
    await given;
    expect(await asked).toEqual([]);
    await waitUntil(() => listStarts(starts).filter((pid) => !hasEnded(pid)).length === 2, SOON_MS);
    expect(listStarts(starts)).toHaveLength(3);
    expect((await load(runtime)).pid).toBe(listStarts(starts)[2]);
  });

  test('in the middle ends soon, with its process', async () => {
    const runtime = await openProgram(
      'globalThis.take = ({ type, call }) => { if (type === "load") { send({ type: "progress", call, percent: 1 }); block(30_000); } };',
    );
    const controller = new AbortController();
    let pid = 0;
    let abortedMs = 0;
    const given = load(runtime, {
      signal: controller.signal,
      onProcess: (process) => {
        pid = process.pid;
      },
      onProgress: () => {
        abortedMs = performance.now();
        controller.abort(reason);
      },
    });
    await expect(given).rejects.toBe(reason);
    expect(performance.now() - abortedMs).toBeLessThan(SOON_MS);
    expect(hasEnded(pid)).toBe(true);
  });

  test('when it was just done gives its model up', async () => {
    const runtime = await openProgram('');
    const controller = new AbortController();
    const given = load(runtime, {
      signal: controller.signal,
      onProgress: (percent) => percent === 100 && controller.abort(reason),
    });
    await expect(given).rejects.toBe(reason);
    expect(listChildren()).toEqual([]);
  });
});

describe('a process that', () => {
  test('ends itself over a load says how', async () => {
    const runtime = await openProgram('globalThis.take = ({ type }) => type === "load" && process.exit(7);');
    await expect(load(runtime)).rejects.toMatchObject({
      code: 'ERR_MODEL_KILLED',
      message: 'The process of the model ended with exit code 7; load it again.',
    });
  });

  test('ends while it does nothing is replaced by the next load, and by a question', async () => {
    for (const ask of [(runtime: Runtime) => load(runtime), (runtime: Runtime) => runtime.plugins!()]) {
      const runtime = await openProgram(
        'globalThis.take = (message) => message.type === "plugins" && (answer(message, []), true);',
      );
      const [pid] = listChildren();
      process.kill(pid!, 'SIGKILL');
      await waitUntil(() => isReaped(pid!), SOON_MS);
      await ask(runtime);
      expect(listChildren()).not.toContain(pid);
      await runtime.close();
    }
  });

  test.each([
    ['', undefined],
    [' that has a signal', new AbortController().signal],
  ])('does not start rejects its load%s, and the next load tries anew', async (_, signal) => {
    const broken = files.path('broken');
    const runtime = await openProgram(
      `import { existsSync } from 'node:fs'; if (existsSync(${JSON.stringify(broken)})) process.exit(9);`,
    );
    await load(runtime);
    writeFileSync(broken, '');
    await expect(load(runtime, { signal })).rejects.toMatchObject({
      code: 'ERR_MODEL_KILLED',
      message: expect.stringContaining('ended with exit code 9'),
    });
    rmSync(broken);
    expect(await load(runtime, { signal })).toMatchObject({ capabilities: { audio: false } });
  });

  test('opens as no runtime does is ended, and its program lives', async () => {
    const open = openProgram('globalThis.take = (message) => message.type === "open" && (answer(message, 5), true);');
    await expect(open).rejects.toMatchObject({ code: 'ERR_RUNTIME', message: nonsense('open') });
    expect(listChildren()).toEqual([]);
  });

  test.each<['load' | 'plugins' | 'devices', 'process' | 'shared']>([
    ['load', 'process'],
    ['load', 'shared'],
    ['plugins', 'process'],
    ['devices', 'process'],
  ])("answers `%s` as no runtime does is ended, isolation '%s'", async (call, isolation) => {
    const runtime = await openProgram(
      `globalThis.take = (message) => message.type === '${call}' && (answer(message, { odd: true }), true);`,
      { isolation },
    );
    const asked = call === 'load' ? load(runtime) : call === 'plugins' ? runtime.plugins?.() : runtime.devices?.('cpu');
    await expect(asked).rejects.toMatchObject({ code: 'ERR_RUNTIME', message: nonsense(call) });
    expect(listChildren()).toEqual([]);
  });

  test('warns is heard in the program, once for all that warn of the same', async () => {
    const heard: string[] = [];
    const listen = (warning: Error) => heard.push(warning.message);
    process.on('warning', listen);
    onTestFinished(() => void process.off('warning', listen));
    const runtime = await openProgram('send({ type: "warning", text: "an old library" });');
    await load(runtime);
    await load(runtime);
    await expect.poll(() => heard).toEqual(['an old library']);
  });

  const nonsense = (call: string) =>
    `Expected what \`${call}\` gives from the process of the model, found something else; its process was ended, so load it again.`;
});

test('an SDK that is disposed gives up its loads at once, also many whose processes never come to an end of them', async () => {
  const heard: string[] = [];
  const listen = (warning: Error) => heard.push(warning.message);
  process.on('warning', listen);
  onTestFinished(() => void process.off('warning', listen));
  const runtime = await openProgram('globalThis.take = ({ type }) => { if (type === "load") block(1e9); };');
  const sdk = new NexaSDK(runtime, files.folder);
  const loading = Array.from({ length: 12 }, () =>
    expect(sdk.loadModel('qwen2audio')).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: 'This SDK is disposed; initialize a new one.',
    }),
  );
  await wait(500);
  await expectSoon(sdk.dispose());
  await Promise.all(loading);
  expect(listChildren()).toEqual([]);
  expect(heard).toEqual([]);
});

test('closing ends all processes, also that for the next load, and twice', async () => {
  const runtime = await openProgram('');
  const model = await load(runtime);
  await load(runtime);
  expect(listChildren()).toHaveLength(2);
  await runtime.close();
  await runtime.close();
  expect(listChildren()).toEqual([]);
  await model.dispose();
});

test('a process that starts after closing is ended, and so is its load', async () => {
  const runtime = await openProgram('');
  await load(runtime);
  const loaded = expect(load(runtime)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
  await Promise.all([runtime.close(), loaded]);
  expect(listChildren()).toEqual([]);
});

/** The first process starts at once, each later one after this time; all of them leave their number in a file. */
function startsSlowly(starts: string, ms: number): string {
  appendFileSync(starts, '');
  return `import { appendFileSync, readFileSync } from 'node:fs';
    const first = readFileSync(${JSON.stringify(starts)}, 'utf8') === '';
    appendFileSync(${JSON.stringify(starts)}, process.pid + '\\n');
    globalThis.take = (message) => {
      if (message.type === 'open' && !first) block(${ms});
      return message.type === 'plugins' && (answer(message, []), true);
    };`;
}

function listStarts(starts: string): number[] {
  return existsSync(starts) ? readFileSync(starts, 'utf8').split('\n').filter(Boolean).map(Number) : [];
}

/** Its parent has been told of its end. */
const isReaped = (pid: number) => !existsSync(`/proc/${pid}`);

/** The processes of models that this one has started and that run. */
function listChildren(): number[] {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return pids.filter((pid) => !hasEnded(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('child.'));
}
