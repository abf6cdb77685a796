/**
 * Knows what it changes for a model that tokens are guessed by draft layers, its own or those of another: which contexts it gets, and what lies
 * beside them. It must not read files.
 */
import { MiB } from '../core/bytes.ts';
import type { ModelHeader } from '../gguf/read-gguf.ts';

/** The model guesses by itself, another one guesses for it, or it is the one that guesses. */
export const DRAFT_ROLES = ['own', 'target', 'draft'] as const;

export interface DraftSettings {
  /** Tokens that are guessed at once; 0 if none is. */
  readonly draftTokens: number;
  readonly draftRole: (typeof DRAFT_ROLES)[number];
  readonly draftKeyType: string;
  readonly draftValueType: string;
  /** Threads of which any may compute the next text. */
  readonly draftThreads: number;
}

/** What a context of draft layers takes. All sizes are bytes. */
interface DraftContext {
  readonly cacheBytes: number;
  readonly computeBytes: number;
  readonly runtimeBytes: number;
}

type Roles = Pick<DraftSettings, 'draftTokens' | 'draftRole'>;

type Batch = Roles & { readonly batchSize: number; readonly contextSize: number; readonly sequences: number };

const F32_BYTES = 4;
/** What is larger is given back at once (`DEFAULT_MMAP_THRESHOLD_MAX` of the C library). */
export const KEPT_BYTES = 32 * MiB;
/**
 * Every text has a context of draft layers of its own, made by whichever thread computes it, and each thread keeps what was freed in a heap of its own.
 * Measured with a context that took 38 MiB, of texts one after the other: 116 MiB in all with one thread, 305 with 4 and 433 with 8, after 71 for the
 * first text (`UV_THREADPOOL_SIZE`).
 */
const KEPT_BY_THREAD = 2;
/** Of each token of a batch: the guessing one's copy of its vector, and that by which it is checked. Measured. */
const DRAFT_VECTORS = 2;
/** For each token of the vocabulary: the logits of a guess, what the engine samples from, and what is sampled from that. */
const DRAFT_LOGITS = 7;

/** A model that guesses for another has no context but that of its draft layers. */
export function hasMainContext({ draftTokens, draftRole }: Roles): boolean {
  return draftTokens === 0 || draftRole !== 'draft';
}

/** The engine makes no such context for a model that has no draft layers. */
export function hasDraftContext(model: Pick<ModelHeader, 'metadata' | 'architecture'>, settings: Roles): boolean {
  return settings.draftTokens > 0 && settings.draftRole !== 'target' && countDraftLayers(model) > 0;
}

export function countDraftLayers({ metadata, architecture }: Pick<ModelHeader, 'metadata' | 'architecture'>): number {
  const layers = metadata.get(`${architecture}.nextn_predict_layers`);
  return typeof layers === 'number' ? layers : 0;
}

/** Counts the bytes beside both contexts, which no engine prints: the main one keeps the vector of every token of a batch, and logits of each guess. */
export function countBesideDrafts(model: ModelHeader, settings: Batch): number {
  const { vectorBytes, logitsBytes } = measureTokens(model, settings);
  const main = settings.draftTokens > 0 && hasMainContext(settings);
  const draft = hasDraftContext(model, settings);
  return (
    (main ? vectorBytes + settings.draftTokens * logitsBytes : 0) +
    (draft ? DRAFT_VECTORS * vectorBytes + DRAFT_LOGITS * logitsBytes : 0)
  );
}

/** Counts the bytes that stay with the process of the contexts that earlier texts had. */
export function countKeptDrafts(
  model: ModelHeader,
  settings: Batch & Pick<DraftSettings, 'draftThreads'>,
  { cacheBytes, computeBytes, runtimeBytes }: DraftContext,
): number {
  const { vectorBytes, logitsBytes } = measureTokens(model, settings);
  const blocks = [cacheBytes, computeBytes, DRAFT_LOGITS * logitsBytes, ...Array(DRAFT_VECTORS).fill(vectorBytes)];
  const kept = blocks.reduce((sum: number, bytes: number) => sum + (bytes > KEPT_BYTES ? 0 : bytes), runtimeBytes);
  return KEPT_BY_THREAD * settings.draftThreads * kept;
}

/** The vectors of all tokens of a batch, and the logits of one of each sequence. */
function measureTokens({ tensors }: ModelHeader, { batchSize, contextSize, sequences }: Batch) {
  const [embedding = 0, vocabulary = 0] = tensors.find('token_embd.weight')?.dims ?? [];
  return {
    vectorBytes: Math.min(batchSize, contextSize) * embedding * F32_BYTES,
    logitsBytes: sequences * vocabulary * F32_BYTES,
  };
}
