/** The SDK's library from finding it to letting it go, on its test double: what it is handed, and what its failures become. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LAYOUTS, type LayoutName, type NexaBinding } from '../../../src/addon/nexa-binding.ts';
import { openLibrary, openNexaRuntime } from '../../../src/sdk/nexa/nexa-runtime.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { LogLevel, Runtime, RuntimeLoad } from '../../../src/sdk/runtime.ts';
import { doubleLibrary, order, recordCalls } from '../../support/nexa/libraries.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
});
afterAll(() => files.remove());

const open = (layout: LayoutName = 'geniex-0.5') => openNexaRuntime({ libraryPath: doubleLibrary(layout) });

function load(runtime: Runtime, request: Partial<RuntimeLoad> = {}) {
  return runtime.load({ ...readLoadOptions({}), modelPath: files.model(), ...request });
}

async function withRuntime<T>(run: (runtime: Runtime) => Promise<T>, layout?: LayoutName): Promise<T> {
  const runtime = await open(layout);
  try {
    return await run(runtime);
  } finally {
    await runtime.close();
  }
}

describe('a version', () => {
  test.each([
    ['nexa-1.0', 'v1.0.45-rc1', 'ok'],
    ['nexa-1.0', '1.0.0', 'ok'],
    ['nexa-1.0', 'v1.1.0', 'unknown'],
    ['nexa-1.0', 'v2.0.45', 'unknown'],
    ['geniex-0.3', 'v0.3.20', 'ok'],
    ['geniex-0.3', '0.3.99', 'ok'],
    ['geniex-0.3', 'v0.4.0', 'ok'],
    ['geniex-0.3', 'v0.3.19', 'unknown'],
    ['geniex-0.3', 'v0.4.1', 'unknown'],
    ['geniex-0.5', 'v0.5.0', 'ok'],
    ['geniex-0.5', 'v0.5.17', 'ok'],
    ['geniex-0.5', 'v0.5.0-rc1', 'unknown'],
    ['geniex-0.5', 'v0.6.0', 'unknown'],
    ['geniex-0.5', 'v1.5.0', 'unknown'],
    ['geniex-0.5', 'v0.0.0', 'unknown'],
    ['geniex-0.5', '', 'unknown'],
    ['geniex-0.5', 'v0.5', 'unknown'],
    ['geniex-0.5', 'v0.5.x', 'unknown'],
    ['geniex-0.5', 'v0.5.0.1', 'unknown'],
    ['geniex-0.5', '99999999999.5.0', 'unknown'],
  ] as const)('of %s that is %j is %s', async (layout, version, known) => {
    order('NEXA_DOUBLE_VERSION', version);
    const opening = open(layout);
    if (known === 'ok') {
      const runtime = await opening;
      expect(runtime.version).toBe(version);
      await (await load(runtime)).dispose();
      return runtime.close();
    }
    await expect(opening).rejects.toMatchObject({
      code: 'ERR_RUNTIME_ABI',
      message: expect.stringContaining(
        `says its version is ${JSON.stringify(version)}, but known are Nexa SDK v1.0.x, GenieX v0.3.20 to v0.4.0 and v0.5.x; pass \`layout\` (nexa-1.0, geniex-0.3, geniex-0.5) if you know which one it has.`,
      ),
    });
  });

  test('of a home build says nothing, and its layout can be forced', async () => {
    order('NEXA_DOUBLE_VERSION', 'v0.0.0');
    const runtime = await openNexaRuntime({ libraryPath: doubleLibrary('geniex-0.5'), layout: 'geniex-0.5' });
    const model = await load(runtime);
    expect(await model.generate({ prompt: 'Hi', audioPaths: [], maxTokens: 3, stop: [] }, () => {})).toMatchObject({
      generatedTokens: 3,
    });
    await expect(openNexaRuntime({ libraryPath: doubleLibrary('geniex-0.5'), layout: 'geniex-0.3' })).rejects.toThrow(
      'is in use with the layout geniex-0.5 already; leave `layout` out.',
    );
    await model.dispose();
    await runtime.close();
  });

  test('has no layout of the other generation', async () => {
    const wrong = openNexaRuntime({ libraryPath: doubleLibrary('nexa-1.0'), layout: 'geniex-0.5' });
    await expect(wrong).rejects.toMatchObject({
      code: 'ERR_RUNTIME_ABI',
      message: expect.stringContaining('is version "v1.0.45-rc1" of the other generation; leave `layout` out.'),
    });
  });
});

describe('a library', () => {
  test('that is not there names every place, and what to install', async () => {
    await expect(openNexaRuntime({ libraryPath: '/nowhere/lib.so' })).rejects.toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message:
        'Found no library of the Nexa SDK; looked at /nowhere/lib.so. Install the Nexa SDK or its successor GenieX (https://github.com/qualcomm/GenieX), or pass `libraryPath`.',
    });
  });

  test('needs the addon', async () => {
    await expect(openNexaRuntime({ libraryPath: doubleLibrary() }, null)).rejects.toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message:
        "The Nexa SDK's library is loaded by the native addon, but there is none for this platform, or it is switched off.",
    });
  });

  test('that is none, or another one, is refused', async () => {
    await expect(openNexaRuntime({ libraryPath: files.tone })).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringMatching(/^The library ".*tone.wav" could not be loaded: .*(ELF|invalid|not a|short)/),
    });
    const addon = fileURLToPath(new URL('../../../build/Release/nexa_memory_guard.node', import.meta.url));
    await expect(openNexaRuntime({ libraryPath: addon })).rejects.toMatchObject({
      code: 'ERR_RUNTIME_ABI',
      message: expect.stringContaining("is not the Nexa SDK's: it has no geniex_version or ml_version;"),
    });
  });

  test.each([
    [
      'fail=-100003',
      'could not be initialized: Memory allocation failed (geniex_init gave -100003: init failed by order).',
    ],
    ['throw=1', 'could not be initialized: it threw an exception (geniex_init).'],
  ])('that fails to initialize (%s) is refused, and works later', async (orders, sentence) => {
    order('NEXA_DOUBLE_INIT', orders);
    await expect(open()).rejects.toMatchObject({ code: 'ERR_RUNTIME', message: expect.stringContaining(sentence) });
    vi.unstubAllEnvs();
    await withRuntime(async (runtime) => (await load(runtime)).dispose());
  });

  test('is initialized for its first user and let go by its last', async () => {
    const calls = recordCalls();
    const [one, two] = [await open(), await open()];
    const model = await load(one);
    await one.close();
    expect(await model.generate({ prompt: 'Hi', audioPaths: [], maxTokens: 2, stop: [] }, () => {})).toMatchObject({
      generatedTokens: 2,
    });
    await two.close();
    await model.dispose();
    await expect
      .poll(() =>
        calls()
          .map(({ call }) => call)
          .at(-1),
      )
      .toBe('deinit');
    const life = calls()
      .map(({ call }) => call)
      .filter((call) => /init|create|destroy/.test(call));
    expect(life).toEqual(['init', 'llm_create', 'llm_destroy', 'deinit']);
    await withRuntime(async (runtime) => (await load(runtime)).dispose());
  });

  test('refuses work once it is closed', async () => {
    const runtime = await open();
    await runtime.close();
    await runtime.close();
    await expect(load(runtime)).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await expect(runtime.plugins?.()).rejects.toThrow('The library could not tell: no-library.');
    await expect(runtime.devices?.('llama_cpp')).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });

  test('is not led astray by the plugin path that another one left', async () => {
    const copies = ['one', 'two'].map((name) => {
      mkdirSync(files.path(name), { recursive: true });
      copyFileSync(doubleLibrary('geniex-0.5'), files.path(`${name}/libgeniex.so`));
      return files.path(name);
    });
    for (const libraryPath of copies) {
      const runtime = await openNexaRuntime({ libraryPath });
      expect(await runtime.plugins?.()).toEqual(['llama_cpp', 'qairt']);
      await (await load(runtime)).dispose();
      await runtime.close();
    }
  });

  test.each(LAYOUTS)('lists plugins and devices (%s)', async (layout) => {
    await withRuntime(async (runtime) => {
      const [plugin, other] = (await runtime.plugins?.()) ?? [];
      expect([plugin, other]).toEqual(layout === 'nexa-1.0' ? ['cpu_gpu', 'npu'] : ['llama_cpp', 'qairt']);
      expect(await runtime.devices?.(plugin as string)).toEqual([
        { id: 'CPU', name: 'Processor' },
        { id: 'GPU0', name: 'Graphics' },
      ]);
      await expect(runtime.devices?.('none')).rejects.toMatchObject({
        code: 'ERR_RUNTIME',
        message: expect.stringMatching(
          /^The library could not tell: Invalid plugin \(\w+_get_device_list gave -100302\)\.$/,
        ),
      });
    }, layout);
  });

  test('tells its log in levels while somebody listens', async () => {
    const lines: [LogLevel, string][] = [];
    const runtime = await openNexaRuntime({
      libraryPath: doubleLibrary(),
      onLog: (level, text) => lines.push([level, text]),
    });
    const model = await load(runtime);
    await model.generate({ prompt: '<<double logs=3>>', audioPaths: [], maxTokens: 2, stop: [] }, () => {});
    expect(lines).toEqual(
      expect.arrayContaining([
        ['debug', 'initialized'],
        ['info', `loaded ${files.model()}`],
        ['debug', 'line 2'],
        ['warn', 'line 0'],
        ['error', 'line 1'],
      ]),
    );
    await model.dispose();
    await runtime.close();
    const heard = lines.length;
    await withRuntime(async (other) => (await load(other)).dispose());
    expect(lines).toHaveLength(heard);
  });
});

describe.each(LAYOUTS)('what the library of %s is handed', (layout) => {
  const old = layout === 'nexa-1.0';
  const plugin = old ? 'cpu_gpu' : 'llama_cpp';

  test('for a language model, by default and in full', async () => {
    const calls = recordCalls();
    await withRuntime(async (runtime) => {
      await (await load(runtime)).dispose();
      const given = { contextSize: 777, threads: 3, batchSize: 99, microBatchSize: 33, chatTemplate: 'T' };
      await (await load(runtime, { ...given, gpuLayers: 5, pluginId: 'llama_cpp', deviceId: 'CPU' })).dispose();
    }, layout);
    const common = {
      call: 'llm_create',
      model: files.model(),
      tokenizer: null,
      n_seq_max: 1,
      chat_template_path: null,
    };
    const creates = calls().filter(({ call }) => call === 'llm_create');
    expect(creates).toEqual([
      {
        ...common,
        n_ctx: 2048,
        n_threads: 0,
        n_threads_batch: 0,
        n_batch: 512,
        n_ubatch: 512,
        n_gpu_layers: 0,
        chat_template_content: null,
        plugin,
        device: null,
        code: 0,
      },
      {
        ...common,
        n_ctx: 777,
        n_threads: 3,
        n_threads_batch: 3,
        n_batch: 99,
        n_ubatch: 33,
        n_gpu_layers: 5,
        chat_template_content: 'T',
        plugin: 'llama_cpp',
        device: 'CPU',
        code: 0,
      },
    ]);
  });

  test('for a model that hears, and for its text', async () => {
    const calls = recordCalls();
    await withRuntime(async (runtime) => {
      const model = await load(runtime, { projectorPath: files.projector });
      expect(model.capabilities).toEqual({ audio: true, vision: false });
      await model.generate(
        {
          prompt: 'Was?',
          audioPaths: [files.tone],
          maxTokens: 4,
          stop: ['never'],
          temperature: 0.5,
          topK: 7,
          topP: 0.25,
          minP: 0.125,
          repetitionPenalty: 1.5,
          presencePenalty: 0.75,
          frequencyPenalty: -0.5,
          grammar: 'root ::= "ü"',
          seed: 9,
          tools: '[{"type":"function"}]',
          thinking: false,
        },
        () => {},
      );
      await model.dispose();
    }, layout);
    const recorded = calls();
    expect(recorded.find(({ call }) => call === 'vlm_create')).toMatchObject({
      model: files.model(),
      projector: files.projector,
      plugin,
      device: null,
      n_ctx: 2048,
    });
    expect(recorded.find(({ call }) => call === 'vlm_apply_chat_template')).toMatchObject({
      message_count: 1,
      role: 'user',
      tools: '[{"type":"function"}]',
      enable_thinking: false,
    });
    const text = recorded.find(({ call }) => call === 'vlm_generate');
    expect(text).toMatchObject({
      max_tokens: 4,
      stop_count: 0,
      audio_count: 1,
      audio: files.tone,
      image_count: 0,
      images: '',
      temperature: 0.5,
      top_k: 7,
      top_p: 0.25,
      min_p: 0.125,
      repetition_penalty: 1.5,
      presence_penalty: 0.75,
      frequency_penalty: -0.5,
      seed: 9,
      grammar_path: null,
    });
    expect(Buffer.from(text?.['grammar'] as string, 'latin1').toString()).toBe('root ::= "ü"');
    expect(text?.['prompt']).toMatch(/^<\|im_start\|>system\n\[.*<__media__>Was\?.*<think><\/think>$/s);
  });

  test('for a text of which nothing more is said', async () => {
    const calls = recordCalls();
    await withRuntime(async (runtime) => {
      const model = await load(runtime);
      const { profile } = await model.generate({ prompt: 'Hi', audioPaths: [], maxTokens: 6, stop: [] }, () => {});
      expect(profile).toMatchObject({ stopReason: 'length', firstTokenMs: expect.any(Number) });
      expect(profile?.audioMs).toBe(old ? 1000 : undefined);
      expect(profile?.mediaMs).toBe(layout === 'geniex-0.5' ? 0.017 : undefined);
      expect(profile?.draftTokens).toBe(layout === 'geniex-0.5' ? 12 : undefined);
      expect(profile?.acceptedDraftTokens).toBe(layout === 'geniex-0.5' ? 9 : undefined);
      await model.dispose();
    }, layout);
    expect(calls().find(({ call }) => call === 'llm_generate')).toMatchObject({
      max_tokens: 6,
      temperature: 0,
      top_p: 0,
      top_k: 0,
      min_p: 0,
      repetition_penalty: 0,
      seed: -1,
      grammar: null,
      code: 0,
    });
  });
});

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
    const path = files.path('mmproj-silent.gguf');
    const bytes = readFileSync(files.projector);
    bytes.write('clip.has_audio_decoder', bytes.indexOf('clip.has_audio_encoder'));
    writeFileSync(path, bytes);
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

test('an addon that fails in another way passes its error on', async () => {
  const nexa = {
    open: async () => ({ library: {}, version: 'v0.5.0', layout: 'geniex-0.5' }),
  } as unknown as NexaBinding;
  const failing = { ...nexa, load: async () => ({ model: {}, asked: true, audio: false, vision: false }) };
  const generate = () => Promise.reject(new Error('This environment is ending.'));
  const runtime = await openLibrary({ ...failing, generate } as unknown as NexaBinding, '/x', {});
  const model = await load(runtime);
  await expect(model.generate({ prompt: 'p', audioPaths: [], maxTokens: 1, stop: [] }, () => {})).rejects.toThrow(
    'This environment is ending.',
  );
});
