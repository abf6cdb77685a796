/** Whole programs in processes of their own: what they print, and how they end. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSdkPrograms, type SdkPrograms } from '../support/sdk-programs.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
let programs: SdkPrograms;
beforeAll(() => {
  files = makeTinyModels();
  programs = createSdkPrograms(files.folder);
});
afterAll(() => {
  programs.close();
  files.remove();
});

const LOAD = `
const sdk = await NexaSDK.initialize({ modelsDir: folder });
const model = await sdk.loadModel('qwen2audio', { contextSize: 4096 });
`;
const TALK = `
process.stdout.write('said: ');
for await (const text of model.generate({ prompt: 'What is said?', audio: folder + '/tone.wav', maxTokens: 8, seed: 1 })) {
  process.stdout.write(text);
}
console.log();
`;
const STREAM = "{ prompt: 'Go on.', maxTokens: 3500 }";

describe('what a program prints', () => {
  test('is its own text alone, from load to exit', async () => {
    const ended = await programs.run(`console.log('start');${LOAD}console.error('loaded');${TALK}
      await model.dispose(); await sdk.dispose(); console.log('end');`);
    expect(ended).toMatchObject({ code: 0, stderr: 'loaded\n' });
    expect(ended.stdout).toMatch(/^start\nsaid: [\x21-\x7e]{8}\nend\n$/);
  });

  test('is its own text alone if a load fails', async () => {
    const ended = await programs.run(`const sdk = await NexaSDK.initialize({ modelsDir: folder });
      await sdk.loadModel(folder + '/tone.wav').catch((error) => console.log(error.code));
      await sdk.loadModel(folder + '/mmproj-qwen2audio.gguf').catch((error) => console.log(error.code));`);
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: 'ERR_MODEL_FILE\nERR_MODEL_FILE\n' });
  });

  test('is its own text alone also if the addon is switched off', async () => {
    const ended = await programs.run(`${LOAD}await sdk.dispose();`, { addon: false });
    expect(ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('contains the engine if the models live in the program', async () => {
    const inside = LOAD.replace('{ modelsDir', "{ isolation: 'none', modelsDir");
    const ended = await programs.run(`${inside}await sdk.dispose();`);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('llama_model_loader');
    expect(ended.stdout).toContain('[INFO]');
  });
});

describe('a process ends', () => {
  test('by itself after dispose', async () => {
    const ended = await programs.run(`${LOAD}${TALK}await sdk.dispose();`);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  test('by itself without dispose', async () => {
    const ended = await programs.run(`${LOAD}${TALK}`);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  test('by itself with a text that was dropped half-way', async () => {
    const ended = await programs.run(`${LOAD}await model.generate({ prompt: 'Go on.', maxTokens: 50 }).next();`);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  test.each(['', 'onLog: () => {},'])('with the code of process.exit() in the middle of a text, %j', async (option) => {
    const load = LOAD.replace('modelsDir', `${option} modelsDir`);
    const ended = await programs.run(`${load}
      for await (const text of model.generate(${STREAM})) { console.log('first'); process.exit(7); }`);
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '', stdout: 'first\n' });
  });

  test('at once, although the rest of the text would take seconds', async () => {
    const run = async (program: string) => {
      const startMs = performance.now();
      const { code } = await programs.run(`${LOAD}${program}`, { timeoutMs: 50_000 });
      return { code, ms: performance.now() - startMs };
    };
    const toTheEnd = await run(`for await (const text of model.generate(${STREAM}));`);
    const inTheMiddle = await run(`for await (const text of model.generate(${STREAM})) process.exit(7);`);
    expect(toTheEnd.code).toBe(0);
    expect(inTheMiddle.code).toBe(7);
    expect(inTheMiddle.ms).toBeLessThan(toTheEnd.ms / 2);
  }, 120_000);

  test('with the code of process.exit() while it hears audio', async () => {
    const ended = await programs.run(`${LOAD}
      model.generate({ prompt: 'What?', audio: folder + '/tone.wav' }).next();
      setTimeout(() => process.exit(7), 100);`);
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '' });
  });

  test('with the error that a program does not catch', async () => {
    const ended = await programs.run(
      `${LOAD}for await (const text of model.generate(${STREAM})) throw new Error('mine');`,
    );
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(ended.stderr).toContain('Error: mine');
  });
});

describe('a process lives on', () => {
  test('if the KV cache finds no memory', async () => {
    // 4 Mi cells of 2 KiB are 8 GiB, and the process may map 6.
    const ended = await programs.run(
      `const sdk = await NexaSDK.initialize({ modelsDir: folder });
      const options = { quantization: 'Q4_0', contextSize: 2 ** 22, kvCacheType: 'f32' };
      await sdk.loadModel('qwen2audio', options).catch((error) => console.log(error.code, error.message));
      const model = await sdk.loadModel('qwen2audio');
      for await (const text of model.generate({ prompt: 'Hello', maxTokens: 2 }));
      console.log(model.lastResult.generatedTokens);`,
      { addressSpaceKiB: 6 * 2 ** 20 },
    );
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ended.stdout).toMatch(/^ERR_RUNTIME The engine could not load the model .*(memory|allocate|alloc).*\n2\n$/);
  });
});
