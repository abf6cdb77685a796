/** Knows what a session of ONNX Runtime takes for weights of these kinds, at the most. It must not read files. */
import { KiB, MiB } from '../../core/bytes.ts';
import { FLOAT32, FLOAT64, isHalf } from './element-types.ts';
import type { OnnxModel, OnnxTensor } from './read-onnx.ts';
import type { SessionSettings } from './session-settings.ts';

/** What a load takes at the most. All sizes are bytes. */
export interface SessionBytes {
  /** Weights that lie in the model's file: they are read into memory of the engine's own. */
  readonly inlineBytes: number;
  /** Weights that stay mapped. */
  readonly mappedBytes: number;
  /** The part of those that the engine reads only to make something else of them. */
  readonly readOnceBytes: number;
  /** What the engine makes of weights, and what it holds beside them. */
  readonly besideBytes: number;
}

/**
 * What is there beside weights, their copies and the structure, with ONNX Runtime 1.30: 8 MiB as the first session of a process starts the engine, and up
 * to 14 MiB above the weights where 64 MiB of them are converted (`bench/footprint/onnx.mjs`).
 */
const BASE_BYTES = 24 * MiB;
/** A node with its attributes, kernel and plan. */
const NODE_BYTES = 16 * KiB;
/** The structure of a file is held as it is read, and as it is used. */
const STRUCTURE_COPIES = 3;
const FLOAT32_BYTES = 4;

/** Operators whose weights the engine merges into new ones when it changes the graph: normalizations into convolutions, three products into one attention. */
const MERGED = ['BatchNormalization', 'Softmax', 'Mul'];

/** `mapsFiles`: the engine maps files beside the model, as on Linux and macOS. `given` are those that the program has in memory itself. */
export function countSessionBytes(
  model: OnnxModel,
  settings: Required<SessionSettings>,
  { mapsFiles, given }: { readonly mapsFiles: boolean; readonly given: readonly string[] },
): SessionBytes {
  const merges = settings.optimize && MERGED.some((operator) => model.operators.has(operator));
  let [inlineBytes, mappedBytes, readOnceBytes] = [0, 0, 0];
  let besideBytes = BASE_BYTES + model.nodes * NODE_BYTES + model.structureBytes * STRUCTURE_COPIES;
  for (const tensor of model.tensors) {
    const { external, bytes } = tensor;
    const copies = countCopies(tensor, settings, merges && external !== undefined);
    besideBytes += copies;
    if (!external) inlineBytes += bytes;
    else if (!mapsFiles || given.includes(external.location)) besideBytes += bytes;
    else {
      mappedBytes += bytes;
      if (copies >= bytes) readOnceBytes += bytes;
    }
  }
  return { inlineBytes, mappedBytes, readOnceBytes, besideBytes };
}

/** Half floats and what a node converts become float32 ahead, and matrices are arranged anew once that is done. */
function countCopies(
  { type, elements, rank, bytes, converted, external }: OnnxTensor,
  settings: SessionSettings,
  merges: boolean,
): number {
  const widens = settings.optimize && (isHalf(type) || converted);
  const wideBytes = widens ? elements * (type === FLOAT64 ? 8 : FLOAT32_BYTES) : 0;
  const packs = settings.prepack && rank >= 2;
  const packedBytes = packs ? Math.max(bytes, wideBytes) : 0;
  const mergedBytes = merges && !packs && type === FLOAT32 ? bytes : 0;
  // What is converted is read into memory for it.
  const readBytes = widens && external ? bytes : 0;
  return wideBytes + readBytes + packedBytes + mergedBytes;
}
