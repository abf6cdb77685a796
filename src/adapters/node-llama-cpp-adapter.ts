/** How the guard reads `node-llama-cpp`: weights by path, contexts that its models make later. It knows its names and no memory numbers. */
import type { Adapter, LoadRequest, RequestedShape } from './adapter.ts';
import { defaultModelParts } from './default-adapter.ts';
import { contextAdapter, type LlamaModel } from './node-llama-cpp-context.ts';
import { argsFrom, offersBeside, ownStep, pathOptions } from './quantization-ladder.ts';

/** What this needs of the library's `Llama`. */
interface Llama {
  readonly gpu: unknown;
  readonly systemInfo: string;
  readonly supportsMmap: unknown;
  readonly llamaCppRelease: { readonly repo: unknown; readonly release: unknown };
}

/** `createContext`, `createEmbeddingContext` and whatever other contexts a version has. */
const CONTEXT_METHOD = /^create(\w*)Context$/;

export function isNodeLlamaCpp(sdk: object): sdk is Llama {
  return ['loadModel', 'createGrammar', 'getVramState', 'llamaCppRelease'].every((name) => name in sdk);
}

export function nodeLlamaCppAdapter(llama: Llama): Adapter {
  const { repo, release } = llama.llamaCppRelease;
  const runtime = `node-llama-cpp (${String(repo)} ${String(release)})`;
  return {
    runtime,
    request: (args) => request(args, llama),
    quantization: (args, _chosen, modelPath) => argsFrom(args, 'modelPath', modelPath),
    offers: (args) => offersBeside(pathOptions(args, 'modelPath').modelPath),
    files: (_model, args) => [pathOptions(args, 'modelPath').modelPath],
    filledMicroBatch,
    contexts(model, method, [modelPath]) {
      const kind = CONTEXT_METHOD.exec(String(method))?.[1];
      return kind === undefined || modelPath === undefined
        ? undefined
        : contextAdapter(runtime, model as LlamaModel, kind, modelPath);
    },
    parts: ['getSequence'],
    ended,
    ...defaultModelParts,
    dispose: { all: ['dispose', Symbol.asyncDispose] },
  };
}

function request(args: readonly unknown[], llama: Llama): LoadRequest {
  const { modelPath, memoryGuard, useMmap, useDirectIo, gpuLayers } = pathOptions(args, 'modelPath');
  const shape: RequestedShape = {
    part: 'weights',
    // Weights have none; a number keeps it from being chosen.
    contextSize: 1,
    mmap: llama.supportsMmap !== false && useMmap !== false && useDirectIo !== true,
    repack: /REPACK = 1/.test(llama.systemInfo),
    // `auto` and `max` are known only once it is loaded; that some layers may leave is said either way.
    gpuLayers: llama.gpu === false ? 0 : typeof gpuLayers === 'number' ? gpuLayers : 1,
  };
  return { name: modelPath, quantization: ownStep(modelPath), memoryGuard, shape };
}

/** A sequence has filled a batch where it holds more tokens than one takes. */
function filledMicroBatch(called: unknown): boolean {
  const { nextTokenIndex, context } = Object(called) as {
    readonly nextTokenIndex?: number;
    readonly context?: { readonly batchSize?: number };
  };
  return nextTokenIndex !== undefined && nextTokenIndex >= (context?.batchSize ?? Number.POSITIVE_INFINITY);
}

/** The library tells just before it frees. */
function ended(model: unknown, tell: () => void): void {
  const { onDispose } = model as { readonly onDispose?: { createListener(listener: () => void): unknown } };
  onDispose?.createListener(tell);
}
