/** How the guard reads NexaSDK's loads: names become files, ranges become one number. It knows no memory numbers. */

import type { Adapter, ChosenShape, LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { defaultAdapter } from '../adapters/default-adapter.ts';
import { isQuantization, QUANTIZATIONS } from '../core/quantizations.ts';
import { readModelName } from '../model-files/model-name.ts';
import { listQuantizations, readRepository, resolveModel } from '../model-files/resolve-model.ts';
import type { NexaModel } from './nexa-model.ts';
import { type ResolvedLoadOptions, readLoadOptions } from './read-sdk-options.ts';
import type { Runtime } from './runtime.ts';

/** For one `NexaSDK`, whose models lie in `modelsDir` where a load names no other folder. */
export function nexaAdapter(
  modelsDir: string | undefined,
  runtime?: Pick<Runtime, 'name' | 'version' | 'kvCacheTypes'>,
): Adapter {
  return {
    ...defaultAdapter,
    ...(runtime !== undefined && { runtime: `${runtime.name} ${runtime.version}` }),
    readRequest: (args) => withPossibleTypes(readRequest(args), runtime?.kvCacheTypes),
    withShape,
    listOffers: (args) => listOffers(args, modelsDir),
    hasFilledMicroBatch,
  };
}

/** Longer prompts are cut into pieces of a micro-batch, so one as long as that has touched all that any will. */
function hasFilledMicroBatch(model: unknown): boolean {
  const { lastResult, microBatchSize } = Object(model) as NexaModel;
  return lastResult !== undefined && lastResult.promptTokens >= microBatchSize;
}

function readRequest(args: readonly unknown[]): LoadRequest {
  const asked = defaultAdapter.readRequest(args);
  readOptions(args);
  // A path means its own file, and a name may end in one, so its quantization is the one asked for.
  const own = (readModelName(asked.name) ?? readRepository(asked.name))?.quantization;
  if (asked.quantization !== undefined || !isQuantization(own)) return asked;
  return { ...asked, quantization: own };
}

/** Of several types in order of preference those that the runtime has; a single one is the runtime's to refuse. */
function withPossibleTypes(asked: LoadRequest, types: readonly string[] | undefined): LoadRequest {
  const wanted = asked.shape?.kvCacheType;
  if (types === undefined || !Array.isArray(wanted)) return asked;
  const left = wanted.filter((type) => types.includes(type));
  return left.length > 0 ? { ...asked, shape: { ...asked.shape, kvCacheType: left } } : asked;
}

function withShape(args: readonly unknown[], { contextSize, kvCacheType }: ChosenShape): readonly unknown[] {
  const [name, options, ...rest] = args;
  const chosen = {
    ...(contextSize !== undefined && { contextSize }),
    ...(kvCacheType !== undefined && { kvCacheType }),
  };
  return [name, { ...Object(options), ...chosen }, ...rest];
}

async function listOffers(args: readonly unknown[], sdkModelsDir: string | undefined): Promise<readonly ModelOffer[]> {
  const { name, quantization } = readRequest(args);
  const { modelsDir = sdkModelsDir, projectorPath } = readOptions(args);
  const found = await listQuantizations(name, { modelsDir });
  const ladder = QUANTIZATIONS.filter((step) => found.has(step));
  const asked = typeof quantization === 'string' ? quantization : undefined;
  const own = readModelName(name)?.quantization;
  // A file beside the ladder, or one that is not there: then that very file is resolved, or said to be missing.
  const beside =
    asked === undefined ? own !== undefined && !isQuantization(own) : !ladder.some((step) => step === asked);
  const steps = ladder.length === 0 || beside ? [asked] : ladder;
  return Promise.all(
    steps.map(async (step) => {
      const files = await resolveModel(name, { quantization: step, modelsDir, projectorPath });
      return {
        ...(isQuantization(step) && { quantization: step }),
        modelPath: files.modelPath,
        ...(files.projectorPath !== undefined && { projectorPath: files.projectorPath }),
      };
    }),
  );
}

/** The SDK's own options, checked; what only the guard understands is left out. */
function readOptions(args: readonly unknown[]): ResolvedLoadOptions {
  const { memoryGuard: _guard, contextSize: _range, kvCacheType: _list, ...options } = Object(args[1]);
  return readLoadOptions(options);
}
