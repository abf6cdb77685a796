/** Loads that end the engine's process, and those that fail in it, on the real engine; what the other ends say, with ends as they come. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryGuardError } from '../../../src/core/errors.ts';
import type { ProcessEnd } from '../../../src/core/model-process.ts';
import { explainEndedLoad } from '../../../src/sdk/isolation/explain-ended-load.ts';
import { openIsolatedRuntime } from '../../../src/sdk/isolation/isolated-runtime.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { Runtime } from '../../../src/sdk/runtime.ts';
import { writeLanguageModel } from '../../../tools/synthetic-model.mjs';
import { makeTinyModels, TINY, type TinyModels } from '../../support/tiny-models.ts';

const killed = new MemoryGuardError('ERR_MODEL_KILLED', 'gone');
const ended = (end: Partial<ProcessEnd> | undefined, lines: readonly string[] = ['a line']) => ({
  end: end && { asked: false, hung: false, ...end },
  takeErrors: async () => lines,
});
const files = { modelPath: '/m.gguf' };

describe('a load whose process ended', () => {
  test.each<Partial<ProcessEnd>>([{ signal: 'SIGSEGV' }, { signal: 'SIGABRT' }, { signal: 'SIGBUS' }, { exitCode: 1 }])(
    'by the engine itself, %j, is the fault of the file by what the engine printed',
    async (end) => {
      expect(await explainEndedLoad(killed, files, ended(end))).toMatchObject({
        code: 'ERR_MODEL_FILE',
        message: 'The engine could not load the model "/m.gguf": a line.',
        cause: killed,
      });
    },
  );

  test('names the projector as well', async () => {
    const both = { ...files, projectorPath: '/p.gguf' };
    expect(await explainEndedLoad(killed, both, ended({ signal: 'SIGSEGV' }))).toMatchObject({
      message: 'The engine could not load the model "/m.gguf" with the projector "/p.gguf": a line.',
    });
  });

  test('over missing memory is not the fault of the file', async () => {
    const lines = ['std::bad_alloc'];
    expect(await explainEndedLoad(killed, files, ended({ signal: 'SIGABRT' }, lines))).toMatchObject({
      code: 'ERR_RUNTIME',
    });
  });

  test.each<[string, ReturnType<typeof ended>]>([
    ['by another one', ended({ signal: 'SIGKILL' })],
    ['since it no longer answered', ended({ signal: 'SIGABRT', hung: true })],
    ['without a word', ended({ signal: 'SIGSEGV' }, [])],
    ['not at all', ended(undefined)],
  ])('%s is what it is', async (_how, process) => {
    expect(await explainEndedLoad(killed, files, process)).toBe(killed);
  });

  test('is told from one that failed otherwise', async () => {
    const error = new MemoryGuardError('ERR_RUNTIME', 'x');
    expect(await explainEndedLoad(error, files, ended({ signal: 'SIGSEGV' }))).toBe(error);
  });
});

describe.each(['process', 'shared'] as const)("the real engine, isolation '%s'", (isolation) => {
  let models: TinyModels;
  let runtime: Runtime;
  beforeAll(async () => {
    models = makeTinyModels();
    runtime = await openIsolatedRuntime({ runtime: 'llama', isolation });
  });
  afterAll(async () => {
    await runtime.close();
    models.remove();
  });

  test.each([
    ['a missing tensor', () => missingTensor(), "missing tensor 'blk.0.ffn_down.weight'"],
    ['an unknown architecture', () => unknownArchitecture(), "unknown model architecture: 'qwen9'"],
  ])('refuses %s with its own reason, and the next load is sound', async (_what, make, reason) => {
    const load = (modelPath: string) => runtime.load({ ...readLoadOptions({ contextSize: 256 }), modelPath });
    const path = make();
    await expect(load(path)).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(
        new RegExp(`^The engine could not load the model ${JSON.stringify(path)}: .*${reason}`),
      ),
    });
    const model = await load(models.model());
    expect(
      await model.generate({ prompt: 'Hi', audioPaths: [], maxTokens: 3, stop: [], seed: 1 }, () => {}),
    ).toMatchObject({ generatedTokens: 3 });
    await model.dispose();
  });

  function missingTensor(): string {
    const path = models.path('missing.gguf');
    const bytes = readFileSync(models.model());
    bytes.write('blk.0.ffn_dawn.weight', bytes.indexOf('blk.0.ffn_down.weight'));
    writeFileSync(path, bytes);
    return path;
  }

  function unknownArchitecture(): string {
    const path = models.path('qwen9.gguf');
    writeLanguageModel(path, { ...TINY, quantization: 'Q4_0', architecture: 'qwen9' });
    return path;
  }
});
