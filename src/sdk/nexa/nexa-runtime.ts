/** The SDK's own library as a runtime. It asks the library only what that survives, and knows no other runtime. */
import { describeAddonProblem, loadAddon } from '../../addon/load-addon.ts';
import type { LayoutName, LibraryHandle, NativeFailure, NexaBinding } from '../../addon/nexa-binding.ts';
import { watchVariables } from '../../core/library-variables.ts';
import { loadNodeModule } from '../../core/node-module.ts';
import type { GgufFile } from '../../gguf/read-gguf.ts';
import { readsBosFirst } from '../../gguf/vocabulary.ts';
import { getLongestAudio } from '../audio/longest-audio.ts';
import { checkModelFiles } from '../check-model-files.ts';
import { LoadProgress } from '../load-progress.ts';
import type {
  Capabilities,
  LogLevel,
  LogListener,
  OpenedLibrary,
  Runtime,
  RuntimeDevice,
  RuntimeLoad,
  RuntimeModel,
} from '../runtime.ts';
import { chooseThreads } from './choose-threads.ts';
import { DEFAULT_PLUGINS } from './default-plugins.ts';
import { findLibrary } from './find-library.ts';
import { libraryNotFound, listFailure, loadFailure, noLoader, openFailure } from './library-errors.ts';
import { refuseLoadOptions } from './library-options.ts';
import { NexaLibraryModel } from './nexa-library-model.ts';
import { refuseForOlderGeneration } from './older-generation.ts';

export interface NexaRuntimeOptions {
  readonly libraryPath?: string | undefined;
  readonly layout?: LayoutName | undefined;
  readonly onLog?: LogListener | undefined;
}

/** By the numbers that the library gives the levels, from trace on. */
const LEVELS: readonly LogLevel[] = ['debug', 'debug', 'info', 'warn', 'error'];
/** The layout of the older generation. */
const OLD_LAYOUT: LayoutName = 'nexa-1.0';
/** `init` sets one of them, by which the library of the next process would look for its plugins. */
const PLUGIN_PATHS = ['NEXA_PLUGIN_PATH', 'GENIEX_PLUGIN_PATH'];
let watchesExit = false;

/**
 * Finds the library and opens it.
 *
 * @throws MemoryGuardError `ERR_RUNTIME_NOT_FOUND` if the library or the addon is missing, `ERR_RUNTIME_ABI` for a version of the
 * library that isn't known, `ERR_RUNTIME` if it can't be opened.
 */
export async function openNexaRuntime(
  options: NexaRuntimeOptions,
  nexa: NexaBinding | null = loadAddon()?.nexa ?? null,
): Promise<Runtime> {
  if (nexa === null) throw noLoader(describeAddonProblem());
  const { found, tried } = await findLibrary(options.libraryPath);
  if (found === undefined) throw libraryNotFound(tried);
  return openLibrary(nexa, found.path, options);
}

/** Opens the library at `path`. Throws as `openNexaRuntime` does. */
export async function openLibrary(
  nexa: NexaBinding,
  path: string,
  { layout, onLog }: Pick<NexaRuntimeOptions, 'layout' | 'onLog'>,
): Promise<Runtime> {
  stopAtExit(nexa);
  const listen = onLog && ((level: number, text: string) => tellLines(onLog, LEVELS[level] ?? 'info', text));
  const noteVariables = watchVariables(PLUGIN_PATHS);
  const opened = await nexa
    .open(path, layout, listen)
    .catch((failure: NativeFailure) => {
      throw openFailure(path, failure);
    })
    .finally(noteVariables);
  return new NexaRuntime(nexa, opened.library, opened.version, { path, layout: opened.layout });
}

/** The library hands several lines on at once. */
function tellLines(onLog: LogListener, level: LogLevel, text: string): void {
  for (const line of text.split('\n')) if (line.trim() !== '') onLog(level, line.trimEnd());
}

/** Ends running texts when the process exits, which else waits for text that nobody reads any more. In a worker the addon does this. */
function stopAtExit(nexa: NexaBinding): void {
  function leaveAtExit(code: number): void {
    nexa.leave(code);
  }
  if (!watchesExit && loadNodeModule('node:worker_threads').isMainThread) process.on('exit', leaveAtExit);
  watchesExit = true;
}

class NexaRuntime implements Runtime {
  readonly name = 'nexa';
  readonly version: string;
  readonly kvCacheTypes = ['f16'] as const;
  readonly library: OpenedLibrary;
  readonly #nexa: NexaBinding;
  readonly #library: LibraryHandle;

  constructor(nexa: NexaBinding, handle: LibraryHandle, version: string, library: OpenedLibrary) {
    this.#nexa = nexa;
    this.#library = handle;
    this.version = version;
    this.library = library;
  }

  async load(request: RuntimeLoad): Promise<RuntimeModel> {
    const { layout } = this.library;
    refuseLoadOptions({ layout, hasProjector: request.projectorPath !== undefined }, request);
    const { model: header, projector, specialTokens } = await checkModelFiles(request);
    if (projector && layout === OLD_LAYOUT) refuseForOlderGeneration(projector);
    request.signal?.throwIfAborted();
    const { modelPath, projectorPath, contextSize } = request;
    const { pluginId = DEFAULT_PLUGINS[layout] } = request;
    const { model, asked, ...reported } = await this.#nexa
      .load(this.#library, { ...toNativeLoad(request), addsBos: readsBosFirst(header), specialTokens, pluginId })
      .catch((failure: NativeFailure) => {
        throw loadFailure(request, failure);
      });
    const capabilities = asked || projector === undefined ? reported : readCapabilities(projector);
    const longestAudioSeconds = getLongestAudio(projector, contextSize);
    const facts = { modelPath, projectorPath, contextSize, layout, longestAudioSeconds };
    const loaded = new NexaLibraryModel(this.#nexa, model, facts, capabilities);
    // The library reports no progress, and a load can't be interrupted.
    new LoadProgress(request.onProgress).finish();
    if (!request.signal?.aborted) return loaded;
    await loaded.dispose();
    throw request.signal.reason;
  }

  plugins(): Promise<readonly string[]> {
    return this.#ask(() => this.#nexa.plugins(this.#library));
  }

  devices(pluginId: string): Promise<readonly RuntimeDevice[]> {
    return this.#ask(() => this.#nexa.devices(this.#library, pluginId));
  }

  async close(): Promise<void> {
    await this.#nexa.close(this.#library);
  }

  #ask<T>(call: () => Promise<T>): Promise<T> {
    return call().catch((failure: NativeFailure) => {
      throw listFailure(failure);
    });
  }
}

function toNativeLoad(request: RuntimeLoad) {
  const { modelPath, projectorPath, chatTemplate, deviceId, contextSize } = request;
  const { batchSize, microBatchSize, gpuLayers } = request;
  return {
    modelPath,
    projectorPath,
    chatTemplate,
    deviceId,
    contextSize,
    threads: chooseThreads(request),
    batchSize,
    microBatchSize,
    gpuLayers,
  };
}

function readCapabilities(projector: GgufFile): Capabilities {
  const has = (kind: string) => projector.metadata.get(`clip.has_${kind}_encoder`) === true;
  return { audio: has('audio'), vision: has('vision') };
}
