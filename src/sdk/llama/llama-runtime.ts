/** llama.cpp from `@fugood/llama.node` as a runtime: it checks files first, loads one at a time, and leaves nothing of a failed load. */
import { setImmediate } from 'node:timers/promises';
import { callBlocking } from '../../core/blocking-calls.ts';
import { MemoryGuardError, readMessage } from '../../core/errors.ts';
import { getLongestAudio } from '../audio/longest-audio.ts';
import { checkModelFiles } from '../check-model-files.ts';
import { explainEngineFailure } from '../engine-failure.ts';
import { LoadProgress } from '../load-progress.ts';
import type { Runtime, RuntimeLoad, RuntimeModel } from '../runtime.ts';
import { findEngine, type Llama, type LlamaContext } from './llama-engine.ts';
import { LlamaModel, type LlamaModelFacts } from './llama-model.ts';

/** @throws MemoryGuardError `ERR_RUNTIME_NOT_FOUND` if the package or its native library is missing. */
export async function openLlamaRuntime(find: typeof findEngine = findEngine): Promise<Runtime> {
  const { llama, version } = await find();
  return new LlamaRuntime(llama, version);
}

class LlamaRuntime implements Runtime {
  readonly name = 'llama';
  readonly version: string;
  readonly #llama: Llama;
  /** Loads come one after the other: they block the thread and share the engine's error state. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(llama: Llama, version: string) {
    this.version = version;
    this.#llama = llama;
  }

  async load(request: RuntimeLoad): Promise<RuntimeModel> {
    refuseLibraryOptions(request);
    const { projector, templates } = await checkModelFiles(request);
    const longestAudioSeconds = getLongestAudio(projector, request.contextSize);
    const load = this.#turn.then(() => this.#load(request, { longestAudioSeconds, templates }));
    this.#turn = load.catch(() => {});
    return load;
  }

  async close(): Promise<void> {}

  async #load(
    request: RuntimeLoad,
    read: Pick<LlamaModelFacts, 'longestAudioSeconds' | 'templates'>,
  ): Promise<RuntimeModel> {
    const { modelPath, projectorPath, signal, contextSize, chatTemplate } = request;
    signal?.throwIfAborted();
    const progress = new LoadProgress(request.onProgress);
    const context = await callBlocking(() => this.#llama.loadModel(makeLoadOptions(request), progress.listener)).catch(
      (cause) => {
        throw loadError('model', modelPath, cause);
      },
    );
    try {
      // The engine's own reports of progress have waited in the event loop until now.
      if (progress.listener) await setImmediate();
      progress.finish();
      signal?.throwIfAborted();
      if (projectorPath !== undefined) await attach(context, projectorPath);
      signal?.throwIfAborted();
      const capabilities = projectorPath === undefined ? undefined : context.getMultimodalSupport();
      const facts = { ...read, modelPath, contextSize, capabilities, chatTemplate };
      return new LlamaModel(context, facts);
    } catch (error) {
      await context.release();
      throw error;
    }
  }
}

async function attach(context: LlamaContext, path: string): Promise<void> {
  try {
    await callBlocking(() => context.initMultimodal({ path, use_gpu: false }));
  } catch (cause) {
    throw loadError('projector', path, cause);
  }
}

function loadError(what: 'model' | 'projector', path: string, cause: unknown): MemoryGuardError {
  const reason = readMessage(cause);
  const failure = { what: `could not load the ${what} ${JSON.stringify(path)}`, reason, atFile: true };
  return explainEngineFailure(failure, [], cause);
}

/** Only the SDK's library has plugins and devices. */
function refuseLibraryOptions({ pluginId, deviceId }: RuntimeLoad): void {
  const name = pluginId !== undefined ? 'pluginId' : deviceId !== undefined ? 'deviceId' : undefined;
  if (name === undefined) return;
  const message = `\`${name}\` is an option of the SDK's own library, and this SDK runs on the embedded runtime; leave it out.`;
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
}

function makeLoadOptions(request: RuntimeLoad): object {
  return {
    model: request.modelPath,
    n_ctx: request.contextSize,
    n_batch: request.batchSize,
    n_ubatch: request.microBatchSize,
    n_parallel: 1,
    n_gpu_layers: request.gpuLayers,
    use_mmap: request.mmap,
    cache_type_k: request.kvCacheType,
    cache_type_v: request.kvCacheType,
    flash_attn_type: request.flashAttention,
    // A text that outgrows the context ends: with a shift the model would silently forget its beginning.
    ctx_shift: false,
    // The engine ends the process while it loads a model whose template it can't parse; each call gives the template that serves.
    chat_template: 'chatml',
    ...(request.threads !== undefined && { n_threads: request.threads }),
  };
}
