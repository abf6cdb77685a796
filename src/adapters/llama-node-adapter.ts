/** How the guard reads the module `@fugood/llama.node`: a path and `n_ctx` in one object. It knows its names and no memory numbers. */
import { DEFAULT_AUDIO_SECONDS } from '../core/audio-bytes.ts';
import { MiB } from '../core/bytes.ts';
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
export const DEFAULT_STATE_CACHE = { stateCacheBytes: 160 * MiB, stateSnapshots: 8 };
/** The engine means no limit by 0. */
const UNLIMITED_SNAPSHOTS = 1_000_000;

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
  'kv_unified',
  'n_gpu_layers',
  'swa_full',
  'embedding',
  'pooling_type',
  'use_mmap',
  'use_mlock',
  'no_extra_bufts',
  'vocab_only',
  'lora',
  'lora_list',
  'ctx_shift',
  'state_cache_budget_mb',
  'state_cache_max_checkpoints',
  'maxImagePixels',
  'speculative',
  'spec_type',
  'spec_draft_n_max',
  'speculative.n_max',
  'spec_draft_cache_type_k',
  'spec_draft_cache_type_v',
  'maxAudioSeconds',
];

/** Options by which the guard is told of a projector, which the engine loads by a call of its own, and of what it is to see and hear. */
const GUARD_ONLY = ['projectorPath', 'maxImagePixels', 'maxAudioSeconds'];

/** Where the path of a draft model may stand, in the options and in `speculative` and its `draft`. */
const DRAFT_KEYS = ['model_draft', 'draft_model'];
const INNER_DRAFT_KEYS = ['model', 'path', ...DRAFT_KEYS];

export function isLlamaNode(sdk: object): sdk is LlamaNode {
  return ['loadModel', 'initLlama', 'loadLlamaModelInfo', 'BuildInfo'].every((name) => name in sdk);
}

export function llamaNodeAdapter({ BuildInfo }: LlamaNode): Adapter {
  return withoutPrototype<Adapter>({
    runtime: `@fugood/llama.node (llama.cpp b${String(BuildInfo.number)})`,
    readRequest,
    withQuantization: (args, _quantization, modelPath) => withPath(args, 'model', modelPath, GUARD_ONLY),
    withShape,
    async listOffers(args) {
      const { model, projectorPath } = readPathOptions(args, 'model', ['projectorPath']);
      const offers = await listLadderOffers(model, projectorPath as string | undefined);
      const options = readPathOptions(args, 'model', [...SHAPE_KEYS, ...DRAFT_KEYS]);
      // Without guesses the engine takes no notice of it.
      const draftPath = guesses(options) ? findDraft(options) : undefined;
      return draftPath === undefined ? offers : offers.map((offer) => ({ ...offer, draftPath }));
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
  const { cache_type_k: k = 'f16', cache_type_v: v = 'f16', pooling_type: pooling, embedding } = options;
  const { maxAudioSeconds: audioSeconds = DEFAULT_AUDIO_SECONDS } = options;
  const loraPaths = listLoraPaths(options);
  return {
    contextSize: n_ctx === 0 ? 'trained' : n_ctx,
    batchSize: n_batch,
    // Embeddings of a text are computed at once.
    microBatchSize: embedding === true ? n_batch : Math.min(Number(n_ubatch), Number(n_batch)),
    kvCacheType: { k, v },
    flashAttention: readFlashAttention(options),
    fullSlidingCache: options['swa_full'],
    embeddings: embedding,
    ...(typeof pooling === 'string' && POOLING.includes(pooling) && { pooling }),
    mmap: options['use_mmap'],
    ...(options['use_mlock'] === true && { mlock: true }),
    ...(options['no_extra_bufts'] === true && { repack: false }),
    ...(options['vocab_only'] === true && { part: 'vocabulary' }),
    sequences: options['n_parallel'],
    ...(options['kv_unified'] === true && { unifiedKvCache: true }),
    ...(loraPaths.length > 0 && { loraPaths }),
    ...readStateCache(options),
    audioSeconds,
    ...(options['maxImagePixels'] !== undefined && { maxImagePixels: options['maxImagePixels'] }),
    ...(options['ctx_shift'] !== false && { contextShift: true }),
    ...(guesses(options) && readGuessing(options)),
    // Without a number the engine offloads all layers if there is a device to offload them to.
    gpuLayers: Math.max(0, Number(options['n_gpu_layers'] ?? 0)),
  };
}

function readStateCache(options: { readonly [name: string]: unknown }) {
  const { state_cache_budget_mb: mib, state_cache_max_checkpoints: most } = options;
  const { stateCacheBytes, stateSnapshots } = DEFAULT_STATE_CACHE;
  return {
    stateCacheBytes: typeof mib === 'number' ? Math.max(0, mib) * MiB : stateCacheBytes,
    // Less than none keeps the default.
    stateSnapshots: most === 0 ? UNLIMITED_SNAPSHOTS : typeof most === 'number' && most > 0 ? most : stateSnapshots,
  };
}

/** Any other text is left to the model's header. */
const POOLING = ['none', 'mean', 'cls', 'last', 'rank'];

/** The engine looks at `flash_attn` only if the type is an empty text. */
function readFlashAttention({ flash_attn_type: type = 'auto', flash_attn: on }: { readonly [name: string]: unknown }) {
  return type === '' ? (on === true ? 'on' : 'off') : type;
}

function listLoraPaths({ lora, lora_list: list }: { readonly [name: string]: unknown }): readonly string[] {
  const listed = Array.isArray(list) ? list.map((each: unknown) => Object(each).path as unknown) : [];
  return [lora, ...listed].filter((path): path is string => typeof path === 'string' && path !== '');
}

type Options = { readonly [name: string]: unknown };

/** Kinds of guessing by which states are kept from before each guess; the others need no memory to speak of. */
const GUESSING = /^(mtp|draft-(?!simple$).*)$/;

function guesses({ spec_type: types, speculative }: Options): boolean {
  const { enabled, type, types: more } = Object(speculative) as Options;
  const ofSpeculative = typeof speculative === 'boolean' ? (speculative ? 'mtp' : 'none') : speculative;
  const named = [types, ofSpeculative, type, more].flat().filter((name) => typeof name === 'string');
  return enabled !== false && !named.includes('none') && named.some((name) => GUESSING.test(name));
}

/** The engine takes the last that is set. */
function readGuessing(options: Options): Pick<RequestedShape, 'draftTokens' | 'draftKvCacheType'> {
  const [speculative, draft] = listDraftOptions(options);
  const last = (...values: readonly unknown[]) => values.findLast((value) => value !== undefined && value !== null);
  const type = (letter: string) =>
    last(
      'f16',
      ...[speculative, draft].map((each) => each[`cache_type_${letter}`]),
      options[`spec_draft_cache_type_${letter}`],
    );
  return {
    draftTokens: last(
      3,
      speculative['n_max'],
      draft['n_max'],
      options['spec_draft_n_max'],
      options['speculative.n_max'],
    ),
    draftKvCacheType: { k: type('k'), v: type('v') },
  };
}

function listDraftOptions({ speculative }: Options): readonly [Options, Options] {
  const given = Object(speculative) as Options;
  return [given, Object(given['draft']) as Options];
}

function findDraft(options: Options): string | undefined {
  const [speculative, draft] = listDraftOptions(options);
  const paths = [
    ...INNER_DRAFT_KEYS.map((key) => draft[key] ?? speculative[key]),
    ...DRAFT_KEYS.map((key) => options[key]),
  ];
  return paths.findLast((path): path is string => typeof path === 'string' && path !== '');
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
