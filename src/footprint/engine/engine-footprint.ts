/** Knows how a footprint is put together from what an engine answered. It must not ask, and knows no architecture. */
import { MiB } from '../../core/bytes.ts';
import type { GgufFile } from '../../gguf/read-gguf.ts';
import { countBesideDrafts, countKeptDrafts } from '../draft-layers.ts';
import { computeEncoders } from '../encoders.ts';
import { type Footprint, type FootprintSettings, sumFootprint } from '../footprint.ts';
import { computeLaterBytes } from '../later-memory.ts';
import { computeRuntimeBytes, PROJECTOR_BYTES, type RuntimeParts } from '../llama-cpp/runtime-overhead.ts';
import { countLoaderBytes } from '../loader-bytes.ts';
import { countSoundBytes } from '../sound-bytes.ts';
import { countOutputBytes } from './embedding-outputs.ts';
import type { ContextPoint, EngineAnswer } from './engine-question.ts';
import { divideWeights } from './mapped-weights.ts';
import { readScratchBytes } from './product-scratch.ts';

/** What a program holds for a model beside what the engine does when it is asked, as far as it is not rounding: 0 to 2 MiB. */
const BESIDE_BYTES = 2 * MiB;

/** `point` is what the engine said of the contexts that the settings ask for, absent for weights alone, and `draft` that of draft layers among them. */
export function computeEngineFootprint(
  model: GgufFile,
  projector: GgufFile | undefined,
  settings: FootprintSettings,
  answer: Pick<EngineAnswer, 'weights' | 'runtimeBytes' | 'adapterBytes' | 'projectorBytes'>,
  point: Omit<ContextPoint, 'straight'> | undefined,
  draft?: Omit<ContextPoint, 'straight'>,
): Footprint {
  const notes: string[] = [];
  const { part, mmap, mlock } = settings;
  const loadsWeights = part === 'all' || part === 'weights';
  const weights = loadsWeights ? countWeights(model, answer, mmap) : NO_WEIGHTS;
  const media = loadsWeights && projector ? countMedia(projector, settings, answer, notes) : NO_MEDIA;
  const context = part === 'all' || part === 'context' ? point : undefined;
  const runtimeBytes = countRuntime(model, settings, answer, context) + media.runtimeBytes;
  return sumFootprint(
    {
      weightsBytes: weights.mappedBytes + weights.anonymousBytes + countAdapters(part, answer),
      kvCacheBytes: context?.cacheBytes ?? 0,
      computeBytes: context?.computeBytes ?? 0,
      outputBytes: context ? countOutputBytes(model, settings, context) : 0,
      projectorBytes: media.weightsBytes,
      projectorComputeBytes: media.computeBytes,
      audioBytes: countSoundBytes(projector, settings),
      imageBytes: media.imageBytes,
      runtimeBytes,
      laterBytes: context
        ? countLater(model, settings, context) + (draft ? countKeptDrafts(model, settings, draft) : 0)
        : 0,
    },
    {
      mappedBytes: weights.mappedBytes,
      readOnceBytes: weights.copiedFromBytes,
      lockedBytes: mlock ? weights.mappedBytes - weights.copiedFromBytes : 0,
      basis: 'engine',
      notes,
    },
  );
}

/** What was seen while the engine was asked differs by 2 MiB from time to time: the measured constants go before it, unless they are too low. */
function countRuntime(
  model: GgufFile,
  settings: FootprintSettings,
  answer: Pick<EngineAnswer, 'runtimeBytes' | 'weights'>,
  context: Pick<ContextPoint, 'runtimeBytes' | 'stateBytes'> | undefined,
): number {
  const scratchBytes = context ? readScratchBytes(model, settings) + countBesideDrafts(model, settings) : 0;
  const { tokens, merges, layers } = countHeader(model);
  const header = settings.part === 'context' ? { tokens: 0, merges: 0 } : { tokens, merges };
  // Some layers may have a second cache.
  const cells = context ? 2 * settings.contextSize : 0;
  const own = { ...header, layers: context ? layers : 0, cells, scratchBytes: 0, projector: false };
  const seenBytes = (settings.part === 'context' ? 0 : answer.runtimeBytes) + (context?.runtimeBytes ?? 0);
  const repack = answer.weights.some(({ host }) => !host);
  const parts = { tokens, merges, layers, stateBytes: context?.stateBytes ?? 0 };
  const loaderBytes = countLoaderBytes(model.tensors, parts, { ...settings, repack });
  return Math.max(computeRuntimeBytes(own), seenBytes + BESIDE_BYTES) + scratchBytes + loaderBytes;
}

function countHeader({ metadata, architecture }: GgufFile): Pick<RuntimeParts, 'tokens' | 'merges' | 'layers'> {
  const countItems = (key: string) => {
    const value = metadata.get(key);
    return typeof value === 'object' ? value.length : 0;
  };
  const layers = metadata.get(`${architecture}.block_count`);
  return {
    tokens: countItems('tokenizer.ggml.tokens'),
    merges: countItems('tokenizer.ggml.merges'),
    layers: typeof layers === 'number' ? layers : 0,
  };
}

function countLater(
  model: GgufFile,
  settings: FootprintSettings,
  { cacheBytes, stateBytes, computeBytes }: Omit<ContextPoint, 'straight'>,
): number {
  const slides = model.metadata.has(`${model.architecture}.attention.sliding_window`);
  const keyElements = countKeyElements(model);
  const slidingBytes = slides ? Math.max(0, cacheBytes - stateBytes) : 0;
  return computeLaterBytes(settings, { ...settings, stateBytes, slidingBytes, keyElements, computeBytes });
}

/** Rows of the widest weight of keys; where queries, keys and values are one weight, the rows of that. */
function countKeyElements({ tensors, metadata, architecture }: GgufFile): number {
  const layers = Number(metadata.get(`${architecture}.block_count`) ?? 0);
  const rows = (layer: number) => {
    const found = ['attn_k', 'attn_kv_a_mqa', 'attn_qkv'].map((name) => tensors.find(`blk.${layer}.${name}.weight`));
    return found.find((kind) => kind !== undefined)?.dims[1] ?? 0;
  };
  return Array.from({ length: layers }, (_, layer) => rows(layer)).reduce((most, each) => Math.max(most, each), 0);
}

/** They are loaded with weights or with a context, whichever they are told of. */
function countAdapters(
  part: FootprintSettings['part'],
  { adapterBytes = 0 }: Pick<EngineAnswer, 'adapterBytes'>,
): number {
  return part === 'vocabulary' ? 0 : adapterBytes;
}

const NO_WEIGHTS = { mappedBytes: 0, copiedFromBytes: 0, anonymousBytes: 0 };
const NO_MEDIA = { weightsBytes: 0, computeBytes: 0, imageBytes: 0, runtimeBytes: 0 };

function countWeights({ tensors }: GgufFile, { weights }: Pick<EngineAnswer, 'weights'>, mmap: boolean) {
  if (mmap) return divideWeights(tensors, weights);
  return { ...NO_WEIGHTS, anonymousBytes: weights.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** The engine lays an encoder out as it does when it is loaded; a larger image takes more, which our own arithmetic bounds. */
function countMedia(
  projector: GgufFile,
  { maxImagePixels }: Pick<FootprintSettings, 'maxImagePixels'>,
  { projectorBytes }: Pick<EngineAnswer, 'projectorBytes'>,
  notes: string[],
) {
  const encoders = computeEncoders(projector, maxImagePixels);
  const { buffers, notes: encoderNotes, weightsBytes, imageBytes, laidOut } = encoders;
  const ownBytes = buffers.reduce((sum, { bytes }) => sum + bytes, 0);
  const askedBytes = projectorBytes === undefined ? 0 : Math.max(0, projectorBytes - weightsBytes);
  const exact = projectorBytes !== undefined && laidOut;
  if (!exact) notes.push(...encoderNotes);
  return {
    weightsBytes,
    imageBytes,
    computeBytes: exact ? askedBytes : Math.max(askedBytes, ownBytes),
    // Each encoder has a place of its own beside its largest product.
    runtimeBytes: PROJECTOR_BYTES + buffers.reduce((sum, { scratchBytes }) => sum + scratchBytes, 0),
  };
}
