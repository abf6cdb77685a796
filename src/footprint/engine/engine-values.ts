/** Knows how an estimate's settings are called by llama.cpp. It must not ask. */
import { findGgmlTypeByName } from '../../gguf/ggml-types.ts';
import type { FootprintSettings } from '../footprint.ts';
import type { ContextQuestion, EngineValues } from './engine-question.ts';

/** `enum llama_flash_attn_type` */
const FLASH_ATTENTION = { auto: -1, off: 0, on: 1 };
/** `enum llama_pooling_type` */
const POOLING = { none: 0, mean: 1, cls: 2, last: 3, rank: 4 };
/** Contexts and caches are rounded up to so many cells, for each sequence that has cells of its own. */
const CELL_STEP = 256;

/** The projector computes where the model does; its encoders are laid out once, as they are when it is loaded. */
export const PROJECTOR_VALUES: EngineValues = { use_gpu: 0, warmup: 1 };

export function listModelValues({ repackForbidden, gpuLayers, draftTokens }: FootprintSettings): EngineValues {
  return {
    n_gpu_layers: gpuLayers,
    ...(repackForbidden && { use_extra_bufts: 0 }),
    ...(draftTokens > 0 && { load_mtp: 1 }),
  };
}

export function listContextValues(settings: FootprintSettings): EngineValues {
  const { batchSize, microBatchSize, sequences, keyType, valueType, flashAttentionMode, pooling } = settings;
  return {
    n_batch: batchSize,
    n_ubatch: microBatchSize,
    n_seq_max: sequences,
    type_k: findGgmlTypeByName(keyType)!.id,
    type_v: findGgmlTypeByName(valueType)!.id,
    flash_attn_type: FLASH_ATTENTION[flashAttentionMode],
    swa_full: Number(settings.fullSlidingCache),
    kv_unified: Number(settings.unifiedKvCache),
    embeddings: Number(settings.embeddings),
    // Guesses that were wrong are taken back: states are kept from before each of them.
    ...(settings.draftTokens > 0 && { n_rs_seq: settings.draftTokens }),
    ...(settings.logits === 'last' && { n_outputs_max: sequences }),
    ...(pooling !== undefined && { pooling_type: POOLING[pooling] }),
  };
}

/** The context of draft layers. */
export function listDraftValues(settings: FootprintSettings): EngineValues {
  const { draftKeyType: keyType, draftValueType: valueType } = settings;
  return { ...listContextValues({ ...settings, keyType, valueType, draftTokens: 0 }), ctx_type: 1 };
}

/** One context, or all between two sizes. */
export function askContexts(
  settings: FootprintSettings,
  leastTokens: number,
  mostTokens: number,
  listValues = listContextValues,
): ContextQuestion {
  const stepTokens = findStep(settings);
  // The engine rounds up too, but makes no graph for more tokens than were asked for.
  const most = mostTokens < settings.microBatchSize ? mostTokens : roundUp(mostTokens, stepTokens);
  return {
    values: listValues(settings),
    leastTokens: leastTokens < mostTokens ? Math.min(most, roundUp(leastTokens, stepTokens)) : most,
    mostTokens: most,
    stepTokens,
  };
}

/** The tokens, of those that were asked for, of which the engine makes the same cells as of so many. */
export function roundTokens(tokens: number, mostTokens: number, settings: FootprintSettings): number {
  if (tokens === mostTokens) return tokens;
  const rounded = roundUp(tokens, findStep(settings));
  return tokens < mostTokens ? Math.min(rounded, mostTokens) : rounded;
}

function findStep({ sequences, unifiedKvCache }: FootprintSettings): number {
  return unifiedKvCache ? CELL_STEP : CELL_STEP * sequences;
}

function roundUp(tokens: number, step: number): number {
  return Math.ceil(tokens / step) * step;
}
