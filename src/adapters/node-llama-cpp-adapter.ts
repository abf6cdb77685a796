/** How the guard reads `node-llama-cpp`: weights by path, contexts that its models make later. It knows its names and no memory numbers. */
import { withoutPrototype } from '../core/copy-options.ts';
import type { Adapter, LoadRequest, RequestedShape } from './adapter.ts';
import { defaultModelParts } from './default-adapter.ts';
import { findNodeLlamaCppFiles } from './find-engine-files.ts';
import { contextAdapter, type LlamaModel, leastContext } from './node-llama-cpp-context.ts';
import { readPathOptions, withPath } from './path-options.ts';
import { listLadderOffers, readLadderStep } from './quantization-ladder.ts';

/** What this file uses of the library's `Llama`. */
interface Llama {
  readonly gpu: unknown;
  readonly systemInfo: string;
  readonly supportsMmap: unknown;
  readonly llamaCppRelease: { readonly repo: unknown; readonly release: unknown };
}

/** `createContext`, `createEmbeddingContext` and whatever other contexts a version has. */
const CONTEXT_METHOD = /^create(\w*)Context$/;

/** Of models, contexts, and contexts for embeddings and for ranking. `tokenizer` is `tokenize` under another name. */
const SYNCHRONOUS = [
  'tokenize',
  'tokenizer',
  'detokenize',
  'getTokenAttributes',
  'isSpecialToken',
  'isEogToken',
  'iterateAllTokens',
  'getWarnings',
  'getAllocatedContextSize',
  'dispatchPendingBatch',
  'calculateInputLength',
];

export function isNodeLlamaCpp(sdk: object): sdk is Llama {
  return ['loadModel', 'createGrammar', 'getVramState', 'llamaCppRelease'].every((name) => name in sdk);
}

export function nodeLlamaCppAdapter(llama: Llama): Adapter {
  const { repo, release } = llama.llamaCppRelease;
  const runtime = `node-llama-cpp (${String(repo)} ${String(release)})`;
  return withoutPrototype<Adapter>({
    runtime,
    readRequest: (args) => readRequest(args, llama),
    withQuantization: (args, _quantization, modelPath) => withPath(args, 'modelPath', modelPath),
    listOffers: (args) => listLadderOffers(readPathOptions(args, 'modelPath').modelPath),
    findEngine: findNodeLlamaCppFiles,
    listFiles: (_model, args) => [readPathOptions(args, 'modelPath').modelPath],
    hasFilledMicroBatch,
    adaptContext(model, method, [modelPath]) {
      const kind = CONTEXT_METHOD.exec(String(method))?.[1];
      return kind === undefined || modelPath === undefined
        ? undefined
        : contextAdapter(runtime, model as LlamaModel, kind, modelPath);
    },
    partMethods: ['getSequence'],
    synchronousMethods: SYNCHRONOUS,
    isBusy,
    onEnd,
    ...defaultModelParts,
    sdkDisposers: { all: ['dispose', Symbol.asyncDispose] },
  });
}

function readRequest(args: readonly unknown[], llama: Llama): LoadRequest {
  const options = readPathOptions(args, 'modelPath', [
    'useMmap',
    'useMlock',
    'useDirectIo',
    'vocabOnly',
    'gpuLayers',
    'defaultContextFlashAttention',
    'defaultContextSwaFullCache',
    'experimentalDefaultContextKvCacheKeyType',
    'experimentalDefaultContextKvCacheValueType',
  ]);
  const { modelPath, memoryGuard, gpuLayers } = options;
  const shape: RequestedShape = {
    part: options['vocabOnly'] === true ? 'vocabulary' : 'weights',
    // Weights have no context; a number keeps the guard from choosing one.
    contextSize: 1,
    // Locked weights are read.
    mmap: llama.supportsMmap !== false && options['useMmap'] !== false && options['useMlock'] !== true,
    directIo: options['useDirectIo'] === true,
    simulatesLoads: true,
    repack: /REPACK = 1/.test(llama.systemInfo),
    // What `auto` and `max` are is known only once the model is loaded; 1 says that some layers may go to a GPU.
    gpuLayers: llama.gpu === false ? 0 : typeof gpuLayers === 'number' ? gpuLayers : 1,
  };
  const request: LoadRequest = { name: modelPath, quantization: readLadderStep(modelPath), memoryGuard, shape };
  return shape.part === 'weights' ? { ...request, nextContext: leastContext(options) } : request;
}

/** A sequence has filled a batch if it holds at least as many tokens as a batch takes. */
function hasFilledMicroBatch(called: unknown): boolean {
  const { nextTokenIndex, context } = Object(called) as {
    readonly nextTokenIndex?: number;
    readonly context?: { readonly batchSize?: number };
  };
  return nextTokenIndex !== undefined && nextTokenIndex >= (context?.batchSize ?? Number.POSITIVE_INFINITY);
}

/** What a sequence holds, such as a conversation, would be lost with its context: it is to be disposed first. */
function isBusy(called: unknown): boolean {
  const { totalSequences, sequencesLeft } = Object(called) as {
    readonly totalSequences?: number;
    readonly sequencesLeft?: number;
  };
  return totalSequences !== undefined && sequencesLeft !== undefined && sequencesLeft < totalSequences;
}

/** The library calls such a listener just before it frees the memory. */
function onEnd(model: unknown, tell: () => void): void {
  const { onDispose } = model as { readonly onDispose?: { createListener(listener: () => void): unknown } };
  onDispose?.createListener(tell);
}
