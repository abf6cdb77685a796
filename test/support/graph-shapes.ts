/** Shapes small enough for graphs that are checked by hand. */
import { findArchitecture } from '../../src/footprint/llama-cpp/architectures.ts';
import type { Run } from '../../src/footprint/llama-cpp/cache-sizes.ts';
import type { Dims, Graph, Tensor } from '../../src/footprint/llama-cpp/graph.ts';
import type { LayerShape } from '../../src/footprint/llama-cpp/layer-shapes.ts';
import type { ModelShape } from '../../src/footprint/llama-cpp/model-shape.ts';
import { findGgmlTypeByName } from '../../src/gguf/ggml-types.ts';

const F16 = findGgmlTypeByName('F16')!;

/** Two heads of 64 elements, one of keys and values. */
export const LAYER: LayerShape = {
  heads: 2,
  kvHeads: 1,
  keyLength: 64,
  valueLength: 64,
  sliding: false,
  recurrent: false,
  encodes: false,
  cached: 'keys-and-values',
};

export interface SmallShape extends Partial<Omit<ModelShape, 'architecture' | 'findDims'>> {
  readonly architecture?: string;
  /** Dimensions by the names of weights. */
  readonly weights?: Readonly<Record<string, Dims>>;
}

/** One layer, 128 wide, and a vocabulary of 1000 tokens. */
export function createModelShape({ architecture = 'llama', weights = {}, ...shape }: SmallShape = {}): ModelShape {
  return {
    path: 'm.gguf',
    architecture: findArchitecture(architecture),
    embedding: 128,
    vocabulary: 1000,
    layers: [LAYER],
    slidingWindow: 0,
    state: undefined,
    ssm: undefined,
    indexLength: 0,
    mixesByTime: false,
    denseBesideExperts: false,
    layerVectors: 0,
    normalizesExpertWeights: findArchitecture(architecture).normalizesExpertWeights,
    experts: 0,
    expertsUsed: 0,
    scratchBytesPerElement: 0,
    widestRows: 256,
    findDims: (weight) => weights[weight],
    ...shape,
  };
}

/** Eight tokens of one sequence, and a cache of 256 cells in F16. */
export function createRun(run: Partial<Run> = {}): Run {
  return {
    cells: 256,
    slidingCells: 256,
    sequences: 1,
    streams: 1,
    outputs: 1,
    embeddings: false,
    tokens: 8,
    keyType: F16,
    valueType: F16,
    flashAttention: true,
    ...run,
  };
}

/** The tensors of these dimensions that have bytes of their own. */
export function findTensors({ leafs, nodes }: Graph, ...dims: readonly number[]): readonly Tensor[] {
  const own = [...leafs, ...nodes].filter(({ viewOf, kind }) => viewOf === undefined && kind !== 'external');
  return own.filter((tensor) => tensor.dims.join() === dims.join());
}
