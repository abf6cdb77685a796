/** The SDK's library from finding it to letting it go, on its test double: its versions, and what its failures become. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LAYOUTS, type NexaBinding } from '../../../src/addon/nexa-binding.ts';
import { openLibrary, openNexaRuntime } from '../../../src/sdk/nexa/nexa-runtime.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { LogLevel, Runtime, RuntimeLoad } from '../../../src/sdk/runtime.ts';
import { doubleLibrary, order, recordCalls } from '../../support/nexa/libraries.ts';
import { openDouble, withRuntime } from '../../support/nexa/runtimes.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
});
afterAll(() => files.remove());

function load(runtime: Runtime, request: Partial<RuntimeLoad> = {}) {
  return runtime.load({ ...readLoadOptions({}), modelPath: files.model(), ...request });
}

test('several lines that the library hands on at once are told one by one, empty ones not at all', async () => {
  const lines: (readonly [LogLevel, string])[] = [];
  const nexa = {
    open(_path: string, _layout: unknown, listen?: (level: number, text: string) => void) {
      listen?.(3, 'first\r\nsecond\n\n');
      return Promise.resolve({ library: {}, version: 'v0.5.0', layout: 'geniex-0.5' });
    },
    // When this process exits, the library is left.
    leave() {},
  } as unknown as NexaBinding;
  await openLibrary(nexa, '/nowhere/libgeniex.so', {
    onLog: (level, text) => lines.push([level, text]),
    layout: undefined,
  });
  expect(lines).toEqual([
    ['warn', 'first'],
    ['warn', 'second'],
  ]);
});

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
    ['geniex-0.5', 'v0.10.0', 'unknown'],
    ['geniex-0.5', 'v1.5.0', 'unknown'],
    ['geniex-0.5', 'v0.0.0', 'unknown'],
    ['geniex-0.5', '', 'unknown'],
    ['geniex-0.5', 'v0.5', 'unknown'],
    ['geniex-0.5', 'v0.5.x', 'unknown'],
    ['geniex-0.5', 'v0.5.0.1', 'unknown'],
    ['geniex-0.5', '99999999999.5.0', 'unknown'],
  ] as const)('of %s that is %j is %s', async (layout, version, known) => {
    order('NEXA_DOUBLE_VERSION', version);
    const opening = openDouble(layout);
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

  test.each(['v0.6.0', 'v0.9.3'])(
    'of %s is refused with what is known of it, and its layout can be forced',
    async (version) => {
      order('NEXA_DOUBLE_VERSION', version);
      await expect(openDouble('geniex-0.5')).rejects.toMatchObject({
        code: 'ERR_RUNTIME_ABI',
        message: expect.stringMatching(/GenieX v0\.6\.0 to v0\.9\.3 are published for arm64 only .* pass `layout`/),
      });
      const runtime = await openNexaRuntime({ libraryPath: doubleLibrary('geniex-0.5'), layout: 'geniex-0.5' });
      await (await load(runtime)).dispose();
      await runtime.close();
    },
  );

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
    await expect(openDouble()).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining(sentence),
    });
    vi.unstubAllEnvs();
    await withRuntime(async (runtime) => (await load(runtime)).dispose());
  });

  test('is initialized for its first user and let go by its last', async () => {
    const calls = recordCalls();
    const [one, two] = [await openDouble(), await openDouble()];
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
    const runtime = await openDouble();
    await runtime.close();
    await runtime.close();
    await expect(load(runtime)).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await expect(runtime.plugins?.()).rejects.toThrow('The library could not tell: no-library.');
    await expect(runtime.devices?.('llama_cpp')).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
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
        cause: expect.objectContaining({ code: -100302 }),
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
