/** The SDK as programs see it: finds a runtime, loads models by name or path, and lets go of all of them. */

import { ADAPTER, type Adapter } from '../adapters/adapter.ts';
import { DEFAULT_AUDIO_SECONDS } from '../core/audio-bytes.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { DEFAULT_IMAGE_PIXELS } from '../core/image-pixels.ts';
import { resolveModel } from '../model-files/resolve-model.ts';
import { openIsolatedRuntime } from './isolation/isolated-runtime.ts';
import { nexaAdapter, type SdkDefaults } from './nexa-adapter.ts';
import { NexaModel } from './nexa-model.ts';
import { openRuntime } from './open-runtime.ts';
import { findProcessListener } from './process-listener.ts';
import { readInitializeOptions, readLoadOptions } from './read-sdk-options.ts';
import type { Runtime, RuntimeDevice } from './runtime.ts';
import type { InitializeOptions, LoadOptions } from './sdk-options.ts';

/**
 * The Nexa SDK for Node: it loads models into the SDK's own library or into the embedded runtime. It watches no memory by itself:
 * `withMemoryGuard` puts a guard before it.
 */
export class NexaSDK {
  readonly #runtime: Runtime;
  readonly #modelsDir: string | undefined;
  readonly #defaults: SdkDefaults;
  readonly #models = new Set<NexaModel>();
  readonly #loads = new Set<Promise<unknown>>();
  /** Aborts as soon as this SDK is disposed: loads that can be given up are. */
  readonly #ending = new AbortController();
  #disposal: Promise<void> | undefined;

  /** An SDK on a runtime of your own, whose models lie in `modelsDir`. Programs use `NexaSDK.initialize()`. */
  constructor(
    runtime: Runtime,
    modelsDir?: string,
    defaults: Pick<InitializeOptions, 'onKilled' | 'containment' | 'maxAudioSeconds' | 'maxImagePixels'> = {},
  ) {
    this.#runtime = runtime;
    this.#modelsDir = modelsDir;
    this.#defaults = defaults;
  }

  /**
   * Opens the SDK's own library if it is found, else the embedded runtime; the option `runtime` chooses between them.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` for a bad option, `ERR_RUNTIME_NOT_FOUND` with what to install,
   * `ERR_RUNTIME_ABI` for a version of the library that isn't known, and `ERR_RUNTIME` for a library that can't be opened or a process
   * that can't be started.
   * @example
   * const nexa = withMemoryGuard(await NexaSDK.initialize({ modelsDir: './models' }));
   * console.log(nexa.runtime.name, nexa.version);
   */
  static async initialize(options?: InitializeOptions): Promise<NexaSDK> {
    const given = readInitializeOptions(options);
    const open = given.isolation === 'none' ? openRuntime : openIsolatedRuntime;
    return new NexaSDK(await open(given), given.modelsDir, given);
  }

  /** The adapter by which a guard reads the loads of this SDK. */
  get [ADAPTER](): Adapter {
    return nexaAdapter(this.#modelsDir, this.#runtime, this.#defaults);
  }

  /** The runtime behind this SDK, for example `{ name: 'llama', version: '1.7.15 (llama.cpp b10257)' }`. */
  get runtime(): Pick<Runtime, 'name' | 'version'> {
    const { name, version } = this.#runtime;
    return { name, version };
  }

  /** Version of the runtime, for example 'v0.5.0'. */
  get version(): string {
    return this.#runtime.version;
  }

  /**
   * Ids of the plugins that run models inside the SDK's library; the embedded runtime has none.
   *
   * @throws MemoryGuardError `ERR_RUNTIME` if the library fails, or this SDK is disposed.
   */
  async plugins(): Promise<readonly string[]> {
    this.#assertUsable();
    return (await this.#runtime.plugins?.()) ?? [];
  }

  /**
   * The devices that a plugin can compute on; the embedded runtime has none.
   *
   * @throws MemoryGuardError `ERR_RUNTIME` if the library fails, or this SDK is disposed.
   */
  async devices(pluginId: string): Promise<readonly RuntimeDevice[]> {
    this.#assertUsable();
    return (await this.#runtime.devices?.(pluginId)) ?? [];
  }

  /**
   * Loads a model with the projector beside it. `name` is a known model ('qwen2audio'), a repository as the SDK's tools pull it
   * ('NexaAI/Qwen2-Audio-7B-GGUF:Q4_K_M'), or the path of a GGUF file.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` for a bad option, `ERR_UNKNOWN_MODEL` if the name leads to no model,
   * `ERR_UNKNOWN_QUANTIZATION` for a quantization that llama.cpp doesn't have, `ERR_MODEL_FILE` for a file that is missing or is no
   * model, and `ERR_RUNTIME` if the engine fails or this SDK is disposed. Rejects with the signal's reason if that aborts.
   * @example
   * const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_K_M', contextSize: 4096 });
   * try {
   *   for await (const text of model.generate({ prompt: 'Hello' })) process.stdout.write(text);
   * } finally {
   *   await model.dispose();
   * }
   */
  async loadModel(name: string, options?: LoadOptions): Promise<NexaModel> {
    this.#assertUsable();
    const load = this.#load(name, options);
    this.#loads.add(load);
    return load.finally(() => this.#loads.delete(load));
  }

  /** Disposes all models, also those that are just being loaded, and closes the runtime. A second call changes nothing. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  /** The same as `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #load(name: string, options: LoadOptions | undefined): Promise<NexaModel> {
    const { quantization, modelsDir = this.#modelsDir, projectorPath, ...load } = readLoadOptions(options);
    load.signal?.throwIfAborted();
    const files = await resolveModel(name, { quantization, modelsDir, projectorPath });
    const { modelPath } = files;
    const {
      contextSize,
      microBatchSize,
      kvCacheType,
      maxAudioSeconds = this.#defaults.maxAudioSeconds ?? DEFAULT_AUDIO_SECONDS,
      maxImagePixels = this.#defaults.maxImagePixels ?? DEFAULT_IMAGE_PIXELS,
    } = load;
    load.signal?.throwIfAborted();
    this.#assertUsable();
    // Each load has a signal of its own: Node warns of one that more than ten listen to.
    const signals = [this.#ending.signal, ...(load.signal ? [load.signal] : [])];
    const loaded = await this.#runtime.load({
      ...load,
      signal: AbortSignal.any(signals),
      modelPath,
      projectorPath: files.projectorPath,
      onProcess: findProcessListener(options),
    });
    const model = new NexaModel(
      { ...files, contextSize, microBatchSize, kvCacheType, maxAudioSeconds, maxImagePixels },
      loaded,
      (gone) => this.#models.delete(gone),
    );
    this.#models.add(model);
    if (this.#disposal) {
      await model.dispose();
      this.#assertUsable();
    }
    return model;
  }

  async #dispose(): Promise<void> {
    await undefined;
    this.#ending.abort(disposedError());
    await Promise.allSettled([...this.#loads]);
    const disposals = await Promise.allSettled([...this.#models].map((model) => model.dispose()));
    await this.#runtime.close();
    for (const disposal of disposals) if (disposal.status === 'rejected') throw disposal.reason;
  }

  #assertUsable(): void {
    if (this.#disposal) throw disposedError();
  }
}

function disposedError(): MemoryGuardError {
  return new MemoryGuardError('ERR_RUNTIME', 'This SDK is disposed; initialize a new one.');
}
