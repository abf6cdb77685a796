import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ADAPTER } from '../../src/adapters/adapter.ts';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { detectAdapter } from '../../src/adapters/detect-adapter.ts';
import { readdir } from '../../src/core/file-system.ts';
import { nexaAdapter } from '../../src/sdk/nexa-adapter.ts';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import type { Runtime } from '../../src/sdk/runtime.ts';

/** The real calls, counted. */
vi.mock('../../src/core/file-system.ts', { spy: true });

/** A folder with these (empty) files; only their names matter here. */
function folder(...files: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-adapter-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(directory, { recursive: true });
  for (const file of files) writeFileSync(join(directory, file), '');
  return directory;
}

const offered = async (args: readonly unknown[], modelsDir?: string) =>
  (await nexaAdapter(modelsDir).listOffers?.(args))?.map(({ quantization, modelPath, projectorPath }) => [
    quantization,
    modelPath?.split('/').at(-1),
    projectorPath?.split('/').at(-1),
  ]);

describe('the adapter of NexaSDK', () => {
  it('is the one that the SDK shows; any other SDK has the usual one', () => {
    const sdk = new NexaSDK({ name: 'llama', version: '0' } as Runtime);
    expect(detectAdapter(sdk)).toHaveProperty('withShape');
    expect(detectAdapter(sdk)).toEqual(expect.objectContaining({ sdkDisposers: sdk[ADAPTER].sdkDisposers }));
    expect(detectAdapter({})).toBe(defaultAdapter);
  });

  it('offers every quantization that is there, best first, each with its projector', async () => {
    const modelsDir = folder(
      'qwen2audio-Q4_0.gguf',
      'qwen2audio-Q5_K_M.gguf',
      'qwen2audio-Q8_0.gguf',
      'mmproj-qwen2audio.gguf',
    );
    const expected = [
      ['Q8_0', 'qwen2audio-Q8_0.gguf', 'mmproj-qwen2audio.gguf'],
      ['Q5_K_M', 'qwen2audio-Q5_K_M.gguf', 'mmproj-qwen2audio.gguf'],
      ['Q4_0', 'qwen2audio-Q4_0.gguf', 'mmproj-qwen2audio.gguf'],
    ];
    expect(await offered(['qwen2audio'], modelsDir)).toEqual(expected);
    expect(await offered(['qwen2audio', { modelsDir }], '/nowhere')).toEqual(expected);
  });

  it('searches the folders once for all quantizations', async () => {
    const modelsDir = folder('qwen2audio-Q4_0.gguf', 'qwen2audio-Q4_K_M.gguf', 'qwen2audio-Q5_K_M.gguf');
    mkdirSync(join(modelsDir, 'below'));
    vi.mocked(readdir).mockClear();
    expect(await offered(['qwen2audio'], modelsDir)).toHaveLength(3);
    // Projectors are looked for beside each model, not below it.
    const searched = vi.mocked(readdir).mock.calls.map(([path]) => path);
    expect(searched.filter((path) => path === join(modelsDir, 'below'))).toHaveLength(1);
  });

  it('asks for no KV cache type that the runtime lacks, where there is a choice', () => {
    const runtime = { name: 'nexa', version: 'v0.5.0', kvCacheTypes: ['f16'] } as const;
    const wanted = (kvCacheType: unknown, of?: Parameters<typeof nexaAdapter>[1]) =>
      nexaAdapter(undefined, of).readRequest(['qwen2audio', { kvCacheType }]).shape?.kvCacheType;
    expect(nexaAdapter(undefined, runtime).runtime).toBe('nexa v0.5.0');
    expect(wanted(['q8_0', 'f16'], runtime)).toEqual(['f16']);
    expect(wanted(['q8_0', 'q4_0'], runtime)).toEqual(['q8_0', 'q4_0']);
    expect(wanted('q8_0', runtime)).toBe('q8_0');
    expect(wanted(['q8_0', 'f16'])).toEqual(['q8_0', 'f16']);
  });

  it("reads a load of the SDK's library as that makes it, and has its engine asked", async () => {
    const root = folder();
    mkdirSync(join(root, 'llama_cpp'));
    for (const name of ['libggml-base.so', 'libggml.so', 'libllama.so'])
      writeFileSync(join(root, 'llama_cpp', name), '');
    const library = { path: join(root, 'libgeniex.so'), layout: 'geniex-0.5' } as const;
    const { readRequest, findEngine } = nexaAdapter(undefined, { name: 'nexa', version: 'v0.5.0', library });
    expect(readRequest(['qwen2audio', { contextSize: 512 }]).shape).toMatchObject({ contextSize: 512, logits: 'last' });
    expect(await findEngine?.(['qwen2audio'])).toMatchObject({ libraries: { length: 3 } });
    expect(await findEngine?.(['qwen2audio', { pluginId: 'cpu_gpu' }])).toMatchObject({ libraries: { length: 3 } });
    expect(readRequest(['qwen2audio']).shape).toMatchObject({ audioSeconds: 300 });
    const brief = nexaAdapter(undefined, undefined, { maxAudioSeconds: 90 });
    expect(brief.readRequest(['qwen2audio']).shape).toMatchObject({ audioSeconds: 90 });
    expect(brief.readRequest(['qwen2audio', { maxAudioSeconds: 60 }]).shape).toMatchObject({ audioSeconds: 60 });
    expect(brief.readRequest(['qwen2audio']).shape).toMatchObject({ maxImagePixels: 1024 ** 2 });
    const large = nexaAdapter(undefined, undefined, { maxImagePixels: 9_000_000 });
    expect(large.readRequest(['qwen2audio']).shape).toMatchObject({ maxImagePixels: 9_000_000 });
    expect(large.readRequest(['qwen2audio', { maxImagePixels: 64 }]).shape).toMatchObject({ maxImagePixels: 64 });
    // Another plugin has an engine of its own.
    expect(await findEngine?.(['qwen2audio', { pluginId: 'qairt' }])).toBeUndefined();
    expect(nexaAdapter(undefined, { name: 'nexa', version: 'v0.5.0' }).findEngine).toBeUndefined();
  });

  it('offers the siblings of a path, whose own quantization is the one asked for', async () => {
    const directory = folder('m-Q4_K_M.gguf', 'm-Q4_0.gguf', 'other-Q5_K_M.gguf');
    const args = [join(directory, 'm-Q4_K_M.gguf')];
    expect(nexaAdapter(undefined).readRequest(args).quantization).toBe('Q4_K_M');
    expect(await offered(args)).toEqual([
      ['Q4_K_M', 'm-Q4_K_M.gguf', undefined],
      ['Q4_0', 'm-Q4_0.gguf', undefined],
    ]);
  });

  it('offers a file whose name says no quantization as it is', async () => {
    const directory = folder('m-Q8_0.gguf', 'plain.gguf');
    expect(await offered([join(directory, 'plain.gguf')])).toEqual([[undefined, 'plain.gguf', undefined]]);
  });

  it('offers the very file that was asked for, and leads the SDK to the one that was chosen', async () => {
    const directory = folder('m-UD-Q4_K_XL.gguf', 'm-Q4_K_M.gguf', 'm-IQ2_M.gguf');
    const args = [join(directory, 'm-UD-Q4_K_XL.gguf')];
    const { readRequest, withQuantization } = nexaAdapter(undefined);
    expect(readRequest(args).quantization).toBe('Q4_K_M');
    expect(await offered(args)).toEqual([
      ['Q4_K_M', 'm-UD-Q4_K_XL.gguf', undefined],
      ['IQ2_M', 'm-IQ2_M.gguf', undefined],
    ]);
    expect(withQuantization(args, 'Q4_K_M', args[0])).toEqual([args[0], { quantization: 'UD-Q4_K_XL' }]);
    const recipe = [join(directory, 'm-IQ2_M.gguf'), { quantization: 'ud-q4_k_xl' }];
    expect(readRequest(recipe).quantization).toBe('Q4_K_M');
    expect((await offered(recipe))?.[0]).toEqual(['Q4_K_M', 'm-UD-Q4_K_XL.gguf', undefined]);
  });

  it('leads the SDK to a file by its step if the name says none, and leaves the call alone without a step', () => {
    const { withQuantization } = nexaAdapter(undefined);
    expect(withQuantization(['a/b'], 'Q4_0', '/weights.gguf')).toEqual(['a/b', { quantization: 'Q4_0' }]);
    expect(withQuantization(['a/b'], 'Q4_0', undefined)).toEqual(['a/b', { quantization: 'Q4_0' }]);
    expect(withQuantization(['a/b'], undefined, '/m-Q4_0.gguf')).toEqual(['a/b']);
  });

  it('says which file of an asked quantization is missing, and which model', async () => {
    const modelsDir = folder('qwen2audio-Q4_0.gguf');
    await expect(offered(['qwen2audio', { quantization: 'Q5_K_M' }], modelsDir)).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
    });
    await expect(offered(['qwen2audio'], folder())).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
  });

  it('refuses bad options of the SDK before anything is looked for', () => {
    const request = (options: object) => () => nexaAdapter(undefined).readRequest(['qwen2audio', options]);
    expect(request({ potato: 1 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(request({ modelsDir: 5 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(request({ contextSize: { min: 1, max: 2 }, kvCacheType: ['f16'], memoryGuard: {} })).not.toThrow();
  });

  it('gives the SDK the shape that was chosen and leaves the caller’s object alone', () => {
    const options = { contextSize: { min: 1, max: 4096 }, threads: 2 };
    const args = nexaAdapter(undefined).withShape?.(['m', options, 'rest'], { contextSize: 2304, kvCacheType: 'q8_0' });
    expect(args).toEqual(['m', { contextSize: 2304, threads: 2, kvCacheType: 'q8_0' }, 'rest']);
    expect(options.contextSize).toEqual({ min: 1, max: 4096 });
    expect(nexaAdapter(undefined).withShape?.(['m'], {})).toEqual(['m', {}]);
  });
});
