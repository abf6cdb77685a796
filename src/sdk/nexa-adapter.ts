/** How the guard reads the loads of `NexaSDK`: names become files, ranges become one number. It knows no memory numbers. */

import type { Adapter, ChosenShape, LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { defaultAdapter } from '../adapters/default-adapter.ts';
import { findLlamaNodeFiles } from '../adapters/find-engine-files.ts';
import { changeOptions, withoutPrototype } from '../core/copy-options.ts';
import { isQuantization, QUANTIZATIONS } from '../core/quantizations.ts';
import { readModelName } from '../model-files/model-name.ts';
import { readRepository } from '../model-files/repository-name.ts';
import { findModel } from '../model-files/resolve-model.ts';
import type { NexaModel } from './nexa-model.ts';
import { withProcessListener } from './process-listener.ts';
import { type ResolvedLoadOptions, readLoadOptions } from './read-sdk-options.ts';
import type { Runtime } from './runtime.ts';
import type { InitializeOptions } from './sdk-options.ts';

/** What is to become of models whose processes end, and what is to keep them. */
export type ProcessEnds = Pick<InitializeOptions, 'onKilled' | 'containment'>;

/** For one `NexaSDK`. Models lie in `modelsDir` if a load names no other folder; if it is `undefined`, in the default folders. */
export function nexaAdapter(
  modelsDir: string | undefined,
  runtime?: Pick<Runtime, 'name' | 'version' | 'kvCacheTypes' | 'isolation'>,
  { onKilled, containment }: ProcessEnds = {},
): Adapter {
  return withoutPrototype<Adapter>({
    ...defaultAdapter,
    ...(runtime !== undefined && { runtime: `${runtime.name} ${runtime.version}` }),
    ...(runtime?.name === 'llama' && { findEngine: () => findLlamaNodeFiles() }),
    ...(runtime?.isolation && {
      processes: {
        shared: runtime.isolation === 'shared',
        withListener: withProcessListener,
        ...(onKilled && { onKilled }),
        ...(containment && { containment }),
      },
    }),
    readRequest: (args) => withPossibleTypes(readRequest(args), runtime?.kvCacheTypes),
    withShape,
    listOffers: (args) => listOffers(args, modelsDir),
    hasFilledMicroBatch,
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
  readOptions(args);
  // A path means its own file, and a repository's name may end in a quantization: that one is asked for.
  const own = (readModelName(asked.name) ?? readRepository(asked.name))?.quantization;
  if (asked.quantization !== undefined || !isQuantization(own)) return asked;
  return withoutPrototype({ ...asked, quantization: own });
}

/** Leaves out the cache types of a list that the runtime doesn't have. A single type is left for the runtime to refuse. */
function withPossibleTypes(asked: LoadRequest, types: readonly string[] | undefined): LoadRequest {
  const wanted = asked.shape?.kvCacheType;
  if (types === undefined || !Array.isArray(wanted)) return asked;
  const left = wanted.filter((type) => types.includes(type));
  return left.length > 0 ? withoutPrototype({ ...asked, shape: { ...asked.shape, kvCacheType: left } }) : asked;
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
  const request = readRequest(args);
  const { modelsDir = sdkModelsDir, projectorPath } = readOptions(args);
  const found = await findModel(request.name, { modelsDir });
  return Promise.all(
    chooseSteps(request, found.quantizations).map(async (quantization) => {
      const files = await found.resolve({ quantization, projectorPath });
      return {
        ...(isQuantization(quantization) && { quantization }),
        modelPath: files.modelPath,
        ...(files.projectorPath !== undefined && { projectorPath: files.projectorPath }),
      };
    }),
  );
}

/** The quantizations to offer; `undefined` stands for the file that the name itself means. */
function chooseSteps(
  { name, quantization }: LoadRequest,
  found: ReadonlyMap<string, string>,
): readonly (string | undefined)[] {
  const asked = typeof quantization === 'string' ? quantization : undefined;
  const ladder = QUANTIZATIONS.filter((step) => found.has(step));
  // A file that is no step of the ladder, or that isn't there: it alone is resolved, or said to be missing.
  if (ladder.length === 0) return [asked];
  if (asked !== undefined) return ladder.some((step) => step === asked) ? ladder : [asked];
  const own = readModelName(name)?.quantization;
  return own === undefined || isQuantization(own) ? ladder : [undefined];
}

/** The SDK's own options, checked, without those that only the guard understands. */
function readOptions(args: readonly unknown[]): ResolvedLoadOptions {
  return readLoadOptions(changeOptions(Object(args[1] ?? {}), {}, ['memoryGuard', 'contextSize', 'kvCacheType']));
}
