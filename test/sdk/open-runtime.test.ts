/** Which runtime a program gets that says little or nothing: the SDK's library stands in its double, the engine is real. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import type { LibrarySearch } from '../../src/sdk/nexa/find-library.ts';
import { openRuntime } from '../../src/sdk/open-runtime.ts';
import { doubleLibrary, order } from '../support/nexa/libraries.ts';

afterEach(() => vi.unstubAllEnvs());

const found =
  (path: string, named = false) =>
  async (): Promise<LibrarySearch> => ({ found: { path, named }, tried: [path] });
const nowhere = async (): Promise<LibrarySearch> => ({ tried: ['/opt/nexa_sdk', 'nexa and geniex on PATH'] });

async function nameOf(...args: Parameters<typeof openRuntime>): Promise<string> {
  const runtime = await openRuntime(...args);
  await runtime.close();
  return runtime.name;
}

async function warnings(run: () => Promise<unknown>): Promise<readonly string[]> {
  const heard: string[] = [];
  const listen = (warning: Error) => heard.push(warning.message);
  process.on('warning', listen);
  try {
    await run();
    await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    process.off('warning', listen);
  }
  return heard;
}

describe('without a choice', () => {
  test("it is the SDK's library where that is found, else the embedded one", async () => {
    expect(await nameOf({}, found(doubleLibrary()))).toBe('nexa');
    expect(await nameOf({}, nowhere)).toBe('llama');
  });

  test('it is the one that the environment names', async () => {
    vi.stubEnv('GENIEX_LIB_PATH', doubleLibrary('geniex-0.3'));
    const runtime = await openRuntime({});
    expect(runtime).toMatchObject({ name: 'nexa', version: 'v0.4.0' });
    await runtime.close();
  });

  test('a library that was only found and is not understood is told of, and the embedded one serves', async () => {
    order('NEXA_DOUBLE_VERSION', 'v9.9.9');
    const heard = await warnings(async () => {
      expect(await nameOf({}, found(doubleLibrary()))).toBe('llama');
    });
    expect(heard).toEqual([
      expect.stringMatching(/says its version is "v9.9.9".* The embedded runtime is used instead\.$/),
    ]);
  });

  test('a library that the user named must be understood', async () => {
    order('NEXA_DOUBLE_VERSION', 'v9.9.9');
    await expect(openRuntime({}, found(doubleLibrary(), true))).rejects.toMatchObject({ code: 'ERR_RUNTIME_ABI' });
  });
});

describe('where nothing is installed', () => {
  const missing = () =>
    Promise.reject(new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', 'No engine; install it with `npm install x`.'));

  test('both are named that could be', async () => {
    await expect(openRuntime({}, nowhere, missing)).rejects.toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message:
        'No engine; install it with `npm install x`. Or install the Nexa SDK, whose library was looked for at /opt/nexa_sdk, nexa and geniex on PATH.',
    });
  });

  test('an error of another kind stays what it is', async () => {
    const broken = () => Promise.reject(new MemoryGuardError('ERR_RUNTIME', 'broken'));
    await expect(openRuntime({}, nowhere, broken)).rejects.toMatchObject({ message: 'broken' });
  });
});

describe('with a choice', () => {
  test('it is the chosen one', async () => {
    expect(await nameOf({ runtime: 'llama' }, found(doubleLibrary()))).toBe('llama');
    expect(await nameOf({ runtime: 'nexa', libraryPath: doubleLibrary() }, nowhere)).toBe('nexa');
  });

  test('that only the library knows, it is the library', async () => {
    expect(await nameOf({ libraryPath: doubleLibrary() }, nowhere)).toBe('nexa');
    vi.stubEnv('GENIEX_LIB_PATH', doubleLibrary());
    expect(await nameOf({ layout: 'geniex-0.5' }, nowhere)).toBe('nexa');
    await expect(openRuntime({ libraryPath: '/nowhere' })).rejects.toMatchObject({ code: 'ERR_RUNTIME_NOT_FOUND' });
  });
});
