/** Loads of the SDK's library on its test double: refused, failed, aborted, and what a model's senses are. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { Runtime, RuntimeLoad } from '../../../src/sdk/runtime.ts';
import { writeGguf } from '../../support/gguf-writer.ts';
import { order, recordCalls } from '../../support/nexa/libraries.ts';
import { withRuntime } from '../../support/nexa/runtimes.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
});
afterAll(() => files.remove());

function load(runtime: Runtime, request: Partial<RuntimeLoad> = {}) {
  return runtime.load({ ...readLoadOptions({}), modelPath: files.model(), ...request });
}

describe('a load', () => {
  test.each([
    ['an unknown plugin', { pluginId: 'none' }, 'ERR_RUNTIME', 'Invalid plugin (geniex_llm_create gave -100302)'],
    [
      'an unknown device',
      { deviceId: 'GPU9' },
      'ERR_RUNTIME',
      'Invalid input parameters or handle (geniex_llm_create gave -100001)',
    ],
    [
      'another KV cache',
      { kvCacheType: 'q8_0' },
      'ERR_INVALID_OPTION',
      "Expected `kvCacheType` to be 'f16', the only one",
    ],
    ['flash attention', { flashAttention: 'on' }, 'ERR_INVALID_OPTION', "Expected `flashAttention` to be 'auto'"],
    ['no mapping', { mmap: false }, 'ERR_INVALID_OPTION', 'Expected `mmap` to be true'],
  ] as const)('with %s is refused', async (_what, request, code, sentence) => {
    await withRuntime(async (runtime) => {
      await expect(load(runtime, request)).rejects.toMatchObject({ code, message: expect.stringContaining(sentence) });
      await (await load(runtime)).dispose();
    });
  });

  test.each([
    ['fail=-100003', 'ERR_RUNTIME', 'Memory allocation failed (geniex_llm_create gave -100003: failed by order)'],
    ['fail=-100201', 'ERR_MODEL_FILE', 'Model loading failed (geniex_llm_create gave -100201: failed by order)'],
    ['fail=-999', 'ERR_RUNTIME', 'no reason is known (geniex_llm_create gave -999: failed by order)'],
    ['throw=1', 'ERR_RUNTIME', 'it threw an exception (geniex_llm_create)'],
    ['nohandle=1', 'ERR_RUNTIME', 'qwen2audio-Q4_0.gguf": no-handle.'],
  ])('that the library fails (%s) says why, and leaves nothing', async (orders, code, sentence) => {
    await withRuntime(async (runtime) => {
      order('NEXA_DOUBLE_CREATE', orders);
      await expect(load(runtime)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(sentence),
        cause: expect.any(Object),
      });
      vi.unstubAllEnvs();
      await (await load(runtime)).dispose();
    });
  });

  test('that is aborted while it runs is undone', async () => {
    await withRuntime(async (runtime) => {
      const calls = recordCalls();
      const gate = files.path(`gate-${Math.random()}`);
      order('NEXA_DOUBLE_CREATE', `hang=${gate}`);
      const controller = new AbortController();
      const loading = load(runtime, { signal: controller.signal });
      setTimeout(() => {
        controller.abort(new Error('changed my mind'));
        writeFileSync(gate, '');
      }, 20);
      await expect(loading).rejects.toThrow('changed my mind');
      expect(calls().map(({ call }) => call)).toEqual(['llm_create', 'llm_destroy']);
    });
  });

  test('does not block the event loop', async () => {
    await withRuntime(async (runtime) => {
      const gate = files.path(`gate-${Math.random()}`);
      order('NEXA_DOUBLE_CREATE', `hang=${gate}`);
      const loading = load(runtime);
      let ticks = 0;
      while (ticks < 20) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        ticks += 1;
      }
      writeFileSync(gate, '');
      await (await loading).dispose();
    });
  });

  test('is not made where the projector is none that it hears or sees with', async () => {
    const path = writeGguf(files.path('mmproj-silent.gguf'), {
      entries: [
        ['general.architecture', 'string', 'clip'],
        ['clip.has_gen_audio_encoder', 'bool', true],
      ],
    });
    await withRuntime(async (runtime) => {
      const calls = recordCalls();
      await expect(load(runtime, { projectorPath: path })).rejects.toMatchObject({
        code: 'ERR_MODEL_FILE',
        message: `The library could not load ${JSON.stringify(path)}: it neither hears nor sees with it.`,
      });
      expect(calls().map(({ call }) => call)).toEqual(['vlm_create', 'vlm_get_capabilities', 'vlm_destroy']);
    });
  });

  test('takes what a file says of its senses where the library cannot be asked', async () => {
    await withRuntime(async (runtime) => {
      const model = await load(runtime, { projectorPath: files.projector });
      expect(model.capabilities).toEqual({ audio: true, vision: false });
      await model.dispose();
      const text = await load(runtime);
      expect(text.capabilities).toEqual({ audio: false, vision: false });
      await text.dispose();
    }, 'nexa-1.0');
  });
});
