/** Knows the arithmetic from the header of a file for whisper.cpp to bytes by kind. It must not read files. */
import { MiB } from '../../core/bytes.ts';
import { countScratchBytesPerElement } from '../../gguf/ggml-types.ts';
import type { Graph } from '../llama-cpp/graph.ts';
import { computeGraphBytes } from '../llama-cpp/graph-allocator.ts';
import type { WhisperFile } from './read-whisper.ts';
import { buildConvolutions, buildCross, buildDecoder, buildEncoder, type WhisperGraphShape } from './whisper-graphs.ts';
import { countTensorBytes, listWhisperTensors } from './whisper-tensors.ts';

/** All sizes are whole bytes. */
export interface WhisperParts {
  readonly weightsBytes: number;
  /** Keys and values of one decoder, of the sound, and room for those of the encoder. */
  readonly kvCacheBytes: number;
  /** The buffers of the four graphs as far as a text can touch them, and what stands beside their largest product. */
  readonly computeBytes: number;
  /** Logits of the longest text that is handed to the decoder, and what a decoder samples from. */
  readonly outputBytes: number;
  /** Vocabulary and plans. */
  readonly runtimeBytes: number;
  /** What comes with the first text that is not sure of itself: it is decoded five times over. */
  readonly laterBytes: number;
}

const F16_BYTES = 2;
const F32_BYTES = 4;
/** Tensors begin at multiples of it. */
const ALIGNMENT = 32;
/** Contexts are padded to a multiple of it. */
const PADDING = 256;
/** A text goes on with at most half a context of the text before it, and with the tokens that say language and task. */
const TASK_TOKENS = 4;
/** `best_of`, and the room beside it that a cache for several decoders has. */
const DECODERS = 5;
const SPARE_DECODERS = 2;
/** Probabilities, logits and their logarithms in F32, and pairs of a double and a token. */
const SAMPLING_BYTES = 3 * F32_BYTES + 16;

/**
 * The measured growth of RssAnon over a load of `@fugood/whisper.node` 1.1.3 and a text (linux-x64, Node 20) less all other parts: 15.0 MiB for a
 * model of 64 wide, 17.3 for tiny and 17.4 for base. 6.1 of it are the plans of four graphs, and a token's text stands in two maps of 80
 * bytes each. `node bench/footprint/whisper.mjs` measures it again.
 */
const BASE_BYTES = 11 * MiB;
const TOKEN_BYTES = 160;
/** One of three equal runs of a small model took 0.6 % more than the others. */
const SPREAD = 0.01;

/** How the model is run. */
export interface WhisperSettings {
  readonly flashAttention: boolean;
}

/** Computes what a context of the engine takes, by the most that one text with the engine's own options makes it touch. */
export function computeWhisperParts(file: WhisperFile, { flashAttention }: WhisperSettings): WhisperParts {
  const { vocabulary, width, textLayers, audioContext, textContext } = file;
  const textCells = pad(textContext, PADDING);
  const shape: WhisperGraphShape = {
    ...file,
    textCells,
    flashAttention,
    scratchBytesPerElement: countScratchBytesPerElement(file.type),
  };
  const selfBytes = countCache(width, textLayers, textCells);
  const promptTokens = Math.min(textContext, Math.floor(textContext / 2) + TASK_TOKENS);
  const graphs = [buildConvolutions(shape), buildEncoder(shape), buildCross(shape)];
  const decoder = buildDecoder(shape, textContext);
  const bytes = [...graphs.map(computeGraphBytes), countTouchedDecoder(shape, decoder, textContext, promptTokens)];
  const scratchBytes = Math.max(...[...graphs, decoder].map((graph) => graph.scratchBytes));
  const audioCells = pad(audioContext, PADDING);
  const parts = {
    weightsBytes: [...listWhisperTensors(file).values()].reduce(
      (sum, tensor) => sum + pad(countTensorBytes(tensor), ALIGNMENT),
      0,
    ),
    kvCacheBytes: selfBytes + countCache(width, textLayers, audioCells) + countCache(width, 1, audioCells),
    computeBytes: bytes.reduce((sum, each) => sum + each, scratchBytes),
    outputBytes: promptTokens * vocabulary * F32_BYTES + vocabulary * SAMPLING_BYTES,
    laterBytes: selfBytes * (DECODERS + SPARE_DECODERS - 1) + vocabulary * SAMPLING_BYTES * (DECODERS - 1),
  };
  const spreadBytes = Math.ceil(Object.values(parts).reduce((sum, each) => sum + each, 0) * SPREAD);
  return { ...parts, runtimeBytes: BASE_BYTES + vocabulary * TOKEN_BYTES + file.textBytes + spreadBytes };
}

/** Keys and values. */
function countCache(width: number, layers: number, cells: number): number {
  return 2 * F16_BYTES * width * layers * cells;
}

/** The buffer is made for a whole context, and its last tensor are the logits: those of tokens that no text has are never touched. */
function countTouchedDecoder(shape: WhisperGraphShape, decoder: Graph, tokens: number, promptTokens: number): number {
  const untouchedBytes = (tokens - promptTokens) * shape.vocabulary * F32_BYTES;
  const besideBytes = computeGraphBytes(buildDecoder(shape, tokens, false));
  return Math.max(besideBytes, computeGraphBytes(decoder) - untouchedBytes);
}

function pad(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
