/** How processes and workers end while the SDK's library works for them, on its test double. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { doubleLibrary } from '../../support/nexa/libraries.ts';
import { createSdkPrograms, type SdkPrograms } from '../../support/sdk-programs.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
let programs: SdkPrograms;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  programs = createSdkPrograms(files.folder);
});
afterAll(() => {
  programs.close();
  files.remove();
});

const LOAD = `
const sdk = await NexaSDK.initialize({ isolation: 'none', libraryPath: ${JSON.stringify(doubleLibrary())}, modelsDir: folder });
const model = await sdk.loadModel(folder + '/qwen2audio-Q4_0.gguf', { contextSize: 4096 });
`;
const STREAM = "{ prompt: 'Go on.', maxTokens: 3500 }";
/** A prompt that is read for ever. */
const HANG = "{ prompt: '<<double hang=/nowhere/never>>' }";
const silent = { signal: null, stderr: '' };

describe('a process ends', () => {
  test('by itself after dispose, with everything given back', async () => {
    const ended = await programs.run(`${LOAD}
      for await (const text of model.generate({ prompt: 'Hi', maxTokens: 5 }));
      console.log(model.lastResult.generatedTokens);
      await sdk.dispose();`);
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '5\n' });
  });

  test('by itself without dispose: a model that does nothing keeps nobody', async () => {
    const calls = files.path('calls.jsonl');
    const ended = await programs.run(LOAD, { env: { NEXA_DOUBLE_CALLS: calls } });
    expect(ended).toMatchObject({ ...silent, code: 0 });
    // The model first, then the library, although nobody asked for either.
    expect(readFileSync(calls, 'utf8')).toMatch(/vlm_create.*vlm_destroy.*deinit/s);
  });

  test('by itself with a text that was dropped half-way', async () => {
    const ended = await programs.run(`${LOAD}await model.generate({ prompt: 'Go on.', maxTokens: 50 }).next();`);
    expect(ended).toMatchObject({ ...silent, code: 0 });
  });

  test.each(['', 'onLog: () => {},'])('with the code of process.exit() in the middle of a text, %j', async (option) => {
    const ended = await programs.run(`${LOAD.replace('modelsDir', `${option} modelsDir`)}
      for await (const text of model.generate(${STREAM})) { console.log('first'); process.exit(7); }`);
    expect(ended).toMatchObject({ ...silent, code: 7, stdout: 'first\n' });
  });

  test('with the code of process.exit() in the middle of a prompt that can not be interrupted', async () => {
    const ended = await programs.run(`${LOAD}
      model.generate(${HANG}).next();
      setTimeout(() => process.exit(7), 100);`);
    expect(ended).toMatchObject({ ...silent, code: 7 });
  });

  test('with the code of process.exit() in the middle of a load', async () => {
    const ended = await programs.run(
      `const sdk = await NexaSDK.initialize({ isolation: 'none', libraryPath: ${JSON.stringify(doubleLibrary())} });
      sdk.loadModel(folder + '/qwen2audio-Q4_0.gguf');
      setTimeout(() => process.exit(7), 100);`,
      { env: { NEXA_DOUBLE_CREATE: 'hang=/nowhere/never' } },
    );
    expect(ended).toMatchObject({ ...silent, code: 7 });
  });

  test('with the code of process.exit() while the library is opened', async () => {
    const ended = await programs.run(
      `NexaSDK.initialize({ isolation: 'none', libraryPath: ${JSON.stringify(doubleLibrary())} });
      setTimeout(() => process.exit(7), 100);`,
      { env: { NEXA_DOUBLE_INIT: 'hang=/nowhere/never' } },
    );
    // Nothing is registered for the end of the process before the library is there.
    expect(ended).toMatchObject({ ...silent, code: 7 });
  });

  test('with the error that a program does not catch', async () => {
    const ended = await programs.run(
      `${LOAD}for await (const text of model.generate(${STREAM})) throw new Error('mine');`,
    );
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(ended.stderr).toContain('Error: mine');
  });

  test('with the exit code that was set, and after its own listeners', async () => {
    const ended = await programs.run(`${LOAD}
      process.exitCode = 5;
      process.on('exit', (code) => console.log('bye', code));
      for await (const text of model.generate({ prompt: 'Hi', maxTokens: 3 }));`);
    expect(ended).toMatchObject({ ...silent, code: 5, stdout: 'bye 5\n' });
  });
});

describe('a worker ends', () => {
  /** `work` runs in each of the workers, which are ended as `end` says once they say so. */
  const workers = (work: string, end: string, count = 8) => `
    import { isMainThread, parentPort, Worker } from 'node:worker_threads';
    if (isMainThread) {
      const codes = [];
      for (let i = 0; i < ${count}; i++) {
        const worker = new Worker(new URL(import.meta.url));
        worker.on('error', (error) => console.log(String(error)));
        const exited = new Promise((resolve) => worker.on('exit', resolve));
        await new Promise((resolve) => { worker.once('message', resolve); worker.once('exit', resolve); });
        ${end}
        codes.push(await exited);
      }
      console.log(JSON.stringify([...new Set(codes)]));
    } else {
      ${LOAD}
      ${work}
    }`;

  test('in the middle of a text, by terminate()', async () => {
    const work = `for await (const text of model.generate(${STREAM})) parentPort.postMessage('first');`;
    const ended = await programs.run(workers(work, 'worker.terminate();'));
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '[1]\n' });
  });

  test('in the middle of a prompt that can not be interrupted, by terminate()', async () => {
    const work = `model.generate(${HANG}).next(); setTimeout(() => parentPort.postMessage('hangs'), 50);`;
    const ended = await programs.run(workers(work, 'worker.terminate();', 3));
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '[1]\n' });
  });

  test('in the middle of many texts at once, by its own process.exit()', async () => {
    const work = `
      const models = [model];
      for (let i = 0; i < 3; i++) models.push(await sdk.loadModel(folder + '/qwen2audio-F32.gguf'));
      let first = true;
      for (const each of models) {
        (async () => {
          for await (const text of each.generate({ prompt: 'Go on.', maxTokens: 1900 })) {
            if (first) setTimeout(() => process.exit(3), 5);
            first = false;
          }
        })();
      }`;
    const ended = await programs.run(workers(work, '', 5));
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '[3]\n' });
  });

  test('in the middle of a load, by terminate()', async () => {
    const work = `
      setInterval(() => {}, 1000);
      const loads = Array.from({ length: 20 }, () => sdk.loadModel(folder + '/qwen2audio-Q4_0.gguf'));
      loads[0].then(() => parentPort.postMessage('loaded'));
      await Promise.allSettled(loads);`;
    // It took 8.4 s, and 24.5 s at a load average of 16 on two cores.
    const ended = await programs.run(workers(work, 'worker.terminate();'), { timeoutMs: 80_000 });
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '[1]\n' });
  }, 90_000);

  test('while it listens to the log, by terminate()', async () => {
    const work = `
      const other = await NexaSDK.initialize({ isolation: 'none', libraryPath: ${JSON.stringify(doubleLibrary())}, onLog: () => {} });
      const loud = await other.loadModel(folder + '/qwen2audio-Q4_0.gguf');
      for (let i = 0; ; i++) {
        for await (const text of loud.generate({ prompt: '<<double logs=200;pace=0>>', maxTokens: 3 }));
        if (i === 2) parentPort.postMessage('logs');
      }`;
    const ended = await programs.run(workers(work, 'worker.terminate();'));
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '[1]\n' });
  });

  test('by itself, and what it loaded is let go although the process lives on', async () => {
    const calls = files.path('worker-calls.jsonl');
    const ended = await programs.run(workers("parentPort.postMessage('done');", '', 2), {
      env: { NEXA_DOUBLE_CALLS: calls },
    });
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '[0]\n' });
    const text = readFileSync(calls, 'utf8');
    expect(text.match(/"vlm_destroy"/g)).toHaveLength(2);
  });

  test('at the same time as others go on with the same library', async () => {
    const ended = await programs.run(`
      import { isMainThread, parentPort, Worker } from 'node:worker_threads';
      ${LOAD}
      if (isMainThread) {
        const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url)));
        const ends = workers.map((worker, i) => {
          worker.once('message', () => { if (i % 2) worker.terminate(); });
          return new Promise((resolve) => worker.on('exit', resolve));
        });
        for await (const text of model.generate({ prompt: 'Go on.', maxTokens: 1500 }));
        console.log(JSON.stringify(await Promise.all(ends)), model.lastResult.finishReason);
        await sdk.dispose();
      } else {
        for await (const text of model.generate({ prompt: 'Go on.', maxTokens: 1000 })) parentPort.postMessage('first');
      }`);
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: '[0,1,0,1] length\n' });
  });
});

describe('garbage', () => {
  test('takes models with it that nobody disposed, also those in the middle of a text', async () => {
    const calls = files.path('garbage-calls.jsonl');
    const ended = await programs.run(
      `const { setTimeout: wait } = await import('node:timers/promises');
      const sdk = await NexaSDK.initialize({ isolation: 'none', libraryPath: ${JSON.stringify(doubleLibrary())} });
      const { openNexaRuntime } = await import('../lib/sdk/nexa/nexa-runtime.js');
      const { readLoadOptions } = await import('../lib/sdk/read-sdk-options.js');
      const raw = await openNexaRuntime({ libraryPath: ${JSON.stringify(doubleLibrary())} });
      const load = () => raw.load({ ...readLoadOptions({}), modelPath: folder + '/qwen2audio-Q4_0.gguf' });
      await (async () => {
        await load();
        const busy = await load();
        busy.generate({ prompt: 'Go on.', audioPaths: [], maxTokens: 100, stop: [] }, () => {});
      })();
      for (let i = 0; i < 100; i++) { gc(); await wait(5); }
      console.log('alive');
      await raw.close();
      await sdk.dispose();`,
      { flags: ['--expose-gc'], env: { NEXA_DOUBLE_CALLS: calls } },
    );
    expect(ended).toMatchObject({ ...silent, code: 0, stdout: 'alive\n' });
    const text = readFileSync(calls, 'utf8');
    expect(text.match(/"llm_destroy"/g)).toHaveLength(2);
    expect(text.indexOf('llm_destroy')).toBeLessThan(text.lastIndexOf('deinit'));
  });
});

test('without the addon a program is told, and the embedded runtime serves', async () => {
  const ended = await programs.run(
    `await NexaSDK.initialize({ runtime: 'nexa' }).catch((error) => console.log(error.code, error.message));
    const sdk = await NexaSDK.initialize();
    console.log(sdk.runtime.name);
    await sdk.dispose();`,
    { addon: false, env: { GENIEX_LIB_PATH: doubleLibrary() } },
  );
  expect(ended.code).toBe(0);
  expect(ended.stdout).toMatch(/^ERR_RUNTIME_NOT_FOUND .*it is switched off\.\n/);
  expect(ended.stdout).toMatch(/llama\n$/);
});
