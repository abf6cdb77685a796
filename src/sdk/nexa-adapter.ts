/** How the guard reads the loads of `NexaSDK`: names become files, ranges become one number. It knows no memory numbers. */

import type { Adapter, ChosenShape, LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { defaultAdapter, withQuantizationOption } from '../adapters/default-adapter.ts';
import { findLlamaNodeFiles } from '../adapters/find-engine-files.ts';
import { DEFAULT_STATE_CACHE } from '../adapters/llama-node-adapter.ts';
import { DEFAULT_AUDIO_SECONDS } from '../core/audio-bytes.ts';
import { changeOptions, withoutPrototype } from '../core/copy-options.ts';
import type { EngineFiles } from '../core/engine-files.ts';
import { DEFAULT_IMAGE_PIXELS } from '../core/image-pixels.ts';
import type { LadderStep } from '../core/quantizations.ts';
import { readModelName } from '../model-files/model-name.ts';
import { normalizeQuantization } from '../model-files/read-quantization.ts';
import { readRepository } from '../model-files/repository-name.ts';
import { findModel, type ResolvedModel } from '../model-files/resolve-model.ts';
import { countCallAudio } from './call-audio.ts';
import { completeLibraryShape } from './library-shape.ts';
import { DEFAULT_PLUGINS } from './nexa/default-plugins.ts';
import { findNexaEngine } from './nexa/find-nexa-engine.ts';
import type { NexaModel } from './nexa-model.ts';
import { withProcessListener } from './process-listener.ts';
import { type ResolvedLoadOptions, readLoadOptions } from './read-sdk-options.ts';
import type { OpenedLibrary, Runtime } from './runtime.ts';
import type { InitializeOptions } from './sdk-options.ts';

/** What loads get that say nothing of it: what is to become of models whose processes end, what is to keep them, and how long sounds may be. */
export type SdkDefaults = Pick<InitializeOptions, 'onKilled' | 'containment' | 'maxAudioSeconds' | 'maxImagePixels'>;

/** The older generation takes the name of the newer one too. */
const PLUGINS_OF_LLAMA_CPP = ['llama_cpp', 'cpu_gpu'];

/** For one `NexaSDK`. Models lie in `modelsDir` if a load names no other folder; if it is `undefined`, in the default folders. */
export function nexaAdapter(
  modelsDir: string | undefined,
  runtime?: Pick<Runtime, 'name' | 'version' | 'kvCacheTypes' | 'isolation' | 'library'>,
  { onKilled, containment, ...media }: SdkDefaults = {},
): Adapter {
  return withoutPrototype<Adapter>({
    ...defaultAdapter,
    ...(runtime !== undefined && { runtime: `${runtime.name} ${runtime.version}` }),
    ...(runtime?.name === 'llama' && { findEngine: () => findLlamaNodeFiles() }),
    ...(runtime?.library && { findEngine: (args) => findLibraryEngine(args, runtime.library!) }),
    ...(runtime?.isolation && {
      processes: {
        shared: runtime.isolation === 'shared',
        withListener: withProcessListener,
        ...(onKilled && { onKilled }),
        ...(containment && { containment }),
      },
    }),
    readRequest: (args) => {
      const asked = withMedia(readRequest(args), args, media);
      const possible = withOwnDefaults(withPossibleTypes(asked, runtime?.kvCacheTypes), runtime?.name);
      return withLibraryShape(possible, args, runtime?.library);
    },
    withQuantization,
    withShape,
    listOffers: (args) => listOffers(args, modelsDir),
    hasFilledMicroBatch,
    countCallAudio,
  });
}

/** Another plugin has an engine of its own, which nobody can ask. */
async function findLibraryEngine(args: readonly unknown[], library: OpenedLibrary): Promise<EngineFiles | undefined> {
  const { pluginId = DEFAULT_PLUGINS[library.layout] } = readOptions(args);
  return PLUGINS_OF_LLAMA_CPP.includes(pluginId) ? findNexaEngine(library) : undefined;
}

/** How long sounds and how large pictures may be, as far as the options say. */
function withMedia(
  request: LoadRequest,
  args: readonly unknown[],
  defaults: Pick<SdkDefaults, 'maxAudioSeconds' | 'maxImagePixels'>,
): LoadRequest {
  const {
    maxAudioSeconds = defaults.maxAudioSeconds ?? DEFAULT_AUDIO_SECONDS,
    maxImagePixels = defaults.maxImagePixels ?? DEFAULT_IMAGE_PIXELS,
  } = readOptions(args);
  return withoutPrototype({ ...request, shape: { ...request.shape, audioSeconds: maxAudioSeconds, maxImagePixels } });
}

/** What the library chooses itself. */
function withLibraryShape(
  request: LoadRequest,
  args: readonly unknown[],
  library: OpenedLibrary | undefined,
): LoadRequest {
  if (!library) return request;
  return withoutPrototype({
    ...request,
    shape: completeLibraryShape(request.shape, library.layout, readOptions(args).deviceId),
  });
}

/** The engine cuts a longer prompt into pieces of a micro-batch, so a prompt of one micro-batch touches all memory that any does. */
function hasFilledMicroBatch(model: unknown): boolean {
  const { lastResult, microBatchSize } = Object(model) as NexaModel;
  return lastResult !== undefined && lastResult.promptTokens >= microBatchSize;
}

function readRequest(args: readonly unknown[]): LoadRequest {
  const asked = defaultAdapter.readRequest(args);
  // Bad options are refused before anything is looked for.
  const { quantization } = readOptions(args);
  // A repository's name may end in a quantization: that one is asked for.
  const named = quantization ?? readRepository(asked.name)?.quantization;
  if (named === undefined) return asked;
  return withoutPrototype({ ...asked, quantization: normalizeQuantization(named)?.step ?? named });
}

/** The SDK finds the very file that was chosen by what its name says: of one step there may be several. */
function withQuantization(
  args: readonly unknown[],
  step: LadderStep | undefined,
  modelPath: string | undefined,
): readonly unknown[] {
  const written = step && modelPath !== undefined ? writeQuantization(modelPath, step) : step;
  return withQuantizationOption(args, written);
}

/** What leads to the file of a step: what its name says, or the step if only a manifest says it. */
function writeQuantization(path: string, step: LadderStep): string {
  const name = readModelName(path);
  return name?.step === step ? name.quantization! : step;
}

/** Leaves out the cache types of a list that the runtime doesn't have. A single type is left for the runtime to refuse. */
function withPossibleTypes(asked: LoadRequest, types: readonly string[] | undefined): LoadRequest {
  const wanted = asked.shape?.kvCacheType;
  if (types === undefined || !Array.isArray(wanted)) return asked;
  const left = wanted.filter((type) => types.includes(type));
  return left.length > 0 ? withoutPrototype({ ...asked, shape: { ...asked.shape, kvCacheType: left } }) : asked;
}

/** What a runtime keeps after a load without being asked. */
function withOwnDefaults(asked: LoadRequest, runtime: string | undefined): LoadRequest {
  return runtime === 'llama'
    ? withoutPrototype({ ...asked, shape: { ...DEFAULT_STATE_CACHE, ...asked.shape } })
    : asked;
}

function withShape(args: readonly unknown[], { contextSize, kvCacheType }: ChosenShape): readonly unknown[] {
  const [name, options, ...rest] = args;
  const chosen = {
    ...(contextSize !== undefined && { contextSize }),
    ...(kvCacheType !== undefined && { kvCacheType }),
  };
  return [name, changeOptions(Object(options ?? {}), chosen, []), ...rest];
}

async function listOffers(args: readonly unknown[], sdkModelsDir: string | undefined): Promise<readonly ModelOffer[]> {
  const { name, quantization: asked } = readRequest(args);
  const { modelsDir = sdkModelsDir, projectorPath, quantization } = readOptions(args);
  const found = await findModel(name, { modelsDir, quantization });
  // A file that names no type, or one that isn't there: it alone is resolved, or said to be missing.
  const alone = found.steps.size === 0 || (asked !== undefined && !found.steps.has(asked as LadderStep));
  if (alone) return [describeOffer(await found.resolve({ quantization, projectorPath }), undefined)];
  return Promise.all(
    [...found.steps].map(async ([step, path]) => {
      const files = await found.resolve({ quantization: writeQuantization(path, step), projectorPath });
      return describeOffer(files, step);
    }),
  );
}

function describeOffer({ modelPath, projectorPath }: ResolvedModel, quantization: LadderStep | undefined): ModelOffer {
  return { ...(quantization && { quantization }), modelPath, ...(projectorPath !== undefined && { projectorPath }) };
}

/** The SDK's own options, checked, without those that only the guard understands. */
function readOptions(args: readonly unknown[]): ResolvedLoadOptions {
  return readLoadOptions(changeOptions(Object(args[1] ?? {}), {}, ['memoryGuard', 'contextSize', 'kvCacheType']));
}
