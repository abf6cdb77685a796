/** How the guard reads the module `@fugood/llama.node`: a path and `n_ctx` in one object. It knows its names and no memory numbers. */
import { changeOptions, copyOptions, withoutPrototype } from '../core/copy-options.ts';
import type { Adapter, ChosenShape, LoadRequest, RequestedShape } from './adapter.ts';
import { defaultModelParts } from './default-adapter.ts';
import { findLlamaNodeFiles } from './find-engine-files.ts';
import { readPathOptions, withPath } from './path-options.ts';
import { listLadderOffers, readLadderStep } from './quantization-ladder.ts';

/** What marks the module. */
interface LlamaNode {
  readonly BuildInfo: { readonly number: unknown };
}

/** What the engine takes for an option that is left out, from its `LlamaContext.cpp`. */
const DEFAULTS = { n_ctx: 512, n_batch: 2048, n_ubatch: 512 };

/** Options that decide what the model needs. */
const SHAPE_KEYS = [
  'n_ctx',
  'n_batch',
  'n_ubatch',
  'cache_type_k',
  'cache_type_v',
  'flash_attn',
  'flash_attn_type',
  'n_parallel',
  'n_gpu_layers',
  'swa_full',
  'embedding',
  'use_mmap',
];

export function isLlamaNode(sdk: object): sdk is LlamaNode {
  return ['loadModel', 'initLlama', 'loadLlamaModelInfo', 'BuildInfo'].every((name) => name in sdk);
}

export function llamaNodeAdapter({ BuildInfo }: LlamaNode): Adapter {
  return withoutPrototype<Adapter>({
    runtime: `@fugood/llama.node (llama.cpp b${String(BuildInfo.number)})`,
    readRequest,
    withQuantization: (args, _quantization, modelPath) => withPath(args, 'model', modelPath, ['projectorPath']),
    withShape,
    async listOffers(args) {
      const { model, projectorPath } = readPathOptions(args, 'model', ['projectorPath']);
      return listLadderOffers(model, projectorPath as string | undefined);
    },
    findEngine: (args) => findLlamaNodeFiles(readVariant(args)),
    listFiles: (_model, args) => [readPathOptions(args, 'model').model],
    isBusy,
    // `release` under a running completion is a segmentation fault.
    endsAfterCalls: true,
    ...defaultModelParts,
    sdkDisposers: {},
  });
}

/** Which of the engine's libraries was asked for; the first that a program loads stays the only one. */
function readVariant(args: readonly unknown[]): string | undefined {
  const { lib_variant: variant } = readPathOptions(args, 'model', ['lib_variant']);
  return typeof variant === 'string' ? variant : undefined;
}

function readRequest(args: readonly unknown[]): LoadRequest {
  const options = readPathOptions(args, 'model', SHAPE_KEYS);
  const { model, memoryGuard } = options;
  return { name: model, quantization: readLadderStep(model), memoryGuard, shape: readShape(options) };
}

function readShape(options: { readonly [name: string]: unknown }): RequestedShape {
  const { n_ctx = DEFAULTS.n_ctx, n_batch = DEFAULTS.n_batch, n_ubatch = DEFAULTS.n_ubatch } = options;
  const { cache_type_k: k = 'f16', cache_type_v: v = 'f16', flash_attn, n_parallel, n_gpu_layers } = options;
  const { flash_attn_type = flash_attn === false ? 'off' : 'auto' } = options;
  return {
    contextSize: n_ctx,
    batchSize: n_batch,
    microBatchSize: Math.min(Number(n_ubatch), Number(n_batch)),
    kvCacheType: { k, v },
    flashAttention: flash_attn_type,
    fullSlidingCache: options['swa_full'],
    embeddings: options['embedding'],
    mmap: options['use_mmap'],
    sequences: n_parallel,
    // Without a number the engine offloads all layers if there is a device to offload them to.
    gpuLayers: Math.max(0, Number(n_gpu_layers ?? 0)),
  };
}

function withShape(args: readonly unknown[], { contextSize }: ChosenShape): readonly unknown[] {
  const [options, ...rest] = args;
  const { n_ctx = DEFAULTS.n_ctx } = copyOptions(Object(options), '', ['n_ctx']);
  return contextSize === undefined || n_ctx === contextSize
    ? args
    : [changeOptions(Object(options), { n_ctx: contextSize }, []), ...rest];
}

/** The slots of the engine's parallel mode are asked through an object of their own, which the handle doesn't see. */
function isBusy(model: unknown): boolean {
  const { parallel } = Object(model) as { readonly parallel?: { readonly enabled?: unknown } };
  return parallel?.enabled === true;
}
