/** Knows what the encoders of a projector take, by its header and the pixels of a picture: exactly, or bounded in words. It must not read files. */
import { MiB } from '../core/bytes.ts';
import type { ModelHeader } from '../gguf/read-gguf.ts';
import { boundEncoderBytes, describeEncoderBound, isExact } from './llama-cpp/encoder-bound.ts';
import { buildEncoderGraph, countPositions, isLaidOut } from './llama-cpp/encoder-graph.ts';
import { type EncoderShape, readEncoderShapes } from './llama-cpp/encoder-shape.ts';
import { computeGraphBytes } from './llama-cpp/graph-allocator.ts';
import { countPictureBytes } from './llama-cpp/picture-bytes.ts';
import { countPaddedBytes } from './place-weights.ts';

/** The buffer for a graph, and what its largest product needs beside it. */
export interface GraphBuffer {
  readonly bytes: number;
  readonly scratchBytes: number;
}

/** Beside the graph of an encoder for sound that was not compared: a gemma4ua held 13 MiB. */
const HEARING_BYTES = 16 * MiB;

/** A projector's weights and the buffers of its encoders, and what they may be wrong by, in words. */
export interface Encoders {
  readonly weightsBytes: number;
  readonly buffers: readonly GraphBuffer[];
  /** For one picture, beside the buffers. */
  readonly imageBytes: number;
  readonly notes: readonly string[];
  /** Every encoder takes no more for the largest input than it does when it is loaded: what the engine says then is right. */
  readonly laidOut: boolean;
}

export const NO_ENCODERS: Encoders = { weightsBytes: 0, buffers: [], imageBytes: 0, notes: [], laidOut: true };

/** By the projector's header and the pixels of an image: no other setting changes them. */
const encodersOf = new WeakMap<ModelHeader, Map<number, Encoders>>();

/**
 * Computes the buffers of a projector's encoders for images of so many pixels, once: it takes 6 ms.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if a header lacks what a size depends on.
 */
export function computeEncoders(projector: ModelHeader, maxImagePixels: number): Encoders {
  const ofProjector = encodersOf.get(projector) ?? new Map<number, Encoders>();
  encodersOf.set(projector, ofProjector);
  const known = ofProjector.get(maxImagePixels);
  if (known) return known;
  const notes: string[] = [];
  const shapes = readEncoderShapes(projector);
  const buffers = shapes.map((each) => computeEncoderBuffer(each, maxImagePixels, notes));
  const imageBytes = shapes.reduce((sum, each) => sum + countPictureBytes(each, maxImagePixels), 0);
  const laidOut = shapes.every((each) => isExact(each) || isLaidOut(each, maxImagePixels));
  const weightsBytes = countPaddedBytes(projector.tensors);
  const encoders = { weightsBytes, buffers, imageBytes, notes, laidOut };
  ofProjector.set(maxImagePixels, encoders);
  return encoders;
}

/** Computes the exact buffer for a projector that was compared, and otherwise the most that it may be. */
function computeEncoderBuffer(shape: EncoderShape, maxImagePixels: number, notes: string[]): GraphBuffer {
  const positions = countPositions(shape, maxImagePixels);
  const graph = buildEncoderGraph(shape, positions);
  const bytes = computeGraphBytes(graph);
  if (isExact(shape)) return { bytes, scratchBytes: graph.scratchBytes };
  notes.push(describeEncoderBound(shape, positions));
  const scratchBytes = 2 * graph.scratchBytes + (shape.kind === 'audio' ? HEARING_BYTES : 0);
  return { bytes: boundEncoderBytes(shape, positions, bytes), scratchBytes };
}
