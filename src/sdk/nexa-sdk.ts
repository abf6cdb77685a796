/** The SDK as programs see it: finds a runtime, loads models by name or path, and lets go of all of them. */

import { ADAPTER, type Adapter } from '../adapters/adapter.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { resolveModel } from '../model-files/resolve-model.ts';
import { nexaAdapter } from './nexa-adapter.ts';
import { NexaModel } from './nexa-model.ts';
import { openRuntime } from './open-runtime.ts';
import type { Device, Runtime } from './runtime.ts';
import { type InitializeOptions, type LoadOptions, readInitializeOptions, readLoadOptions } from './sdk-options.ts';

export class NexaSDK {
  readonly #runtime: Runtime;
  readonly #modelsDir: string | undefined;
  readonly #models = new Set<NexaModel>();
  readonly #loads = new Set<Promise<unknown>>();
  #disposal: Promise<void> | undefined;

  /** For a runtime of your own; programs use `NexaSDK.initialize()`. */
  constructor(runtime: Runtime, modelsDir?: string) {
    this.#runtime = runtime;
    this.#modelsDir = modelsDir;
  }

  /**
   * With the SDK's own library where it is found, else with the embedded runtime; `runtime` chooses.
   * Throws `ERR_INVALID_OPTION`, `ERR_RUNTIME_NOT_FOUND` with what to install, and `ERR_RUNTIME_ABI` for a version of the
   * library that isn't known.
   */
  static async initialize(options?: InitializeOptions): Promise<NexaSDK> {
    const given = readInitializeOptions(options);
    return new NexaSDK(await openRuntime(given), given.modelsDir);
  }

  /** How a guard reads this SDK's loads. */
  get [ADAPTER](): Adapter {
    return nexaAdapter(this.#modelsDir, this.#runtime);
  }

  /** The runtime behind this SDK, such as `{ name: 'llama', version: '1.7.15 (llama.cpp b10257)' }`. */
  get runtime(): Pick<Runtime, 'name' | 'version'> {
    const { name, version } = this.#runtime;
    return { name, version };
  }

  /** Of the runtime, such as `v0.5.0`. */
  get version(): string {
    return this.#runtime.version;
  }

  /** What runs the models inside the SDK's library; none in the embedded runtime. Throws `ERR_RUNTIME`. */
  async plugins(): Promise<readonly string[]> {
    this.#assertUsable();
    return (await this.#runtime.plugins?.()) ?? [];
  }

  /** What a plugin can compute on; none in the embedded runtime. Throws `ERR_RUNTIME`. */
  async devices(pluginId: string): Promise<readonly Device[]> {
    this.#assertUsable();
    return (await this.#runtime.devices?.(pluginId)) ?? [];
  }

  /**
   * Loads a known model (`qwen2audio`) or a path to a GGUF file, with the projector beside it.
   * Throws `ERR_INVALID_OPTION`, `ERR_UNKNOWN_MODEL`, `ERR_UNKNOWN_QUANTIZATION`, `ERR_MODEL_FILE` or `ERR_RUNTIME`, and
   * the signal's reason.
   */
  async loadModel(name: string, options?: LoadOptions): Promise<NexaModel> {
    this.#assertUsable();
    const load = this.#load(name, options);
    this.#loads.add(load);
    return load.finally(() => this.#loads.delete(load));
  }

  /** Disposes all models, those that are just being loaded included. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #load(name: string, options: LoadOptions | undefined): Promise<NexaModel> {
    const { quantization, modelsDir = this.#modelsDir, projectorPath, ...load } = readLoadOptions(options);
    load.signal?.throwIfAborted();
    const files = await resolveModel(name, { quantization, modelsDir, projectorPath });
    const { modelPath } = files;
    const { contextSize, microBatchSize, kvCacheType } = load;
    load.signal?.throwIfAborted();
    this.#assertUsable();
    const loaded = await this.#runtime.load({ ...load, modelPath, projectorPath: files.projectorPath });
    const model = new NexaModel({ ...files, contextSize, microBatchSize, kvCacheType }, loaded, (gone) =>
      this.#models.delete(gone),
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
    await Promise.allSettled([...this.#loads]);
    const disposals = await Promise.allSettled([...this.#models].map((model) => model.dispose()));
    await this.#runtime.close();
    for (const disposal of disposals) if (disposal.status === 'rejected') throw disposal.reason;
  }

  #assertUsable(): void {
    if (this.#disposal) throw new MemoryGuardError('ERR_RUNTIME', 'This SDK is disposed; initialize a new one.');
  }
}
