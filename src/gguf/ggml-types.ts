/** Knows the tensor types of ggml and how many bytes their blocks take. It must not know files or models. */

/** One tensor type: weights are stored in blocks of a fixed size. */
export interface GgmlType {
  /** The number of the type in `enum ggml_type`, as GGUF files store it. */
  readonly id: number;
  /** The name of the type in capital letters, for example `Q4_K`. */
  readonly name: string;
  readonly weightsPerBlock: number;
  readonly bytesPerBlock: number;
}

// id, name, weights per block, bytes per block: `enum ggml_type` in ggml.h, the `block_*` structs in ggml-common.h.
const TABLE: readonly (readonly [id: number, name: string, weightsPerBlock: number, bytesPerBlock: number])[] = [
  [0, 'F32', 1, 4],
  [1, 'F16', 1, 2],
  [2, 'Q4_0', 32, 18],
  [3, 'Q4_1', 32, 20],
  [6, 'Q5_0', 32, 22],
  [7, 'Q5_1', 32, 24],
  [8, 'Q8_0', 32, 34],
  [9, 'Q8_1', 32, 36],
  [10, 'Q2_K', 256, 84],
  [11, 'Q3_K', 256, 110],
  [12, 'Q4_K', 256, 144],
  [13, 'Q5_K', 256, 176],
  [14, 'Q6_K', 256, 210],
  [15, 'Q8_K', 256, 292],
  [16, 'IQ2_XXS', 256, 66],
  [17, 'IQ2_XS', 256, 74],
  [18, 'IQ3_XXS', 256, 98],
  [19, 'IQ1_S', 256, 50],
  [20, 'IQ4_NL', 32, 18],
  [21, 'IQ3_S', 256, 110],
  [22, 'IQ2_S', 256, 82],
  [23, 'IQ4_XS', 256, 136],
  [24, 'I8', 1, 1],
  [25, 'I16', 1, 2],
  [26, 'I32', 1, 4],
  [27, 'I64', 1, 8],
  [28, 'F64', 1, 8],
  [29, 'IQ1_M', 256, 56],
  [30, 'BF16', 1, 2],
  [34, 'TQ1_0', 256, 54],
  [35, 'TQ2_0', 256, 66],
  [39, 'MXFP4', 32, 17],
  [40, 'NVFP4', 64, 36],
  [41, 'Q1_0', 128, 18],
  [42, 'Q2_0', 64, 18],
];

/** Every type that llama.cpp reads today, by id. */
export const GGML_TYPES: readonly GgmlType[] = TABLE.map(([id, name, weightsPerBlock, bytesPerBlock]) =>
  Object.freeze({ id, name, weightsPerBlock, bytesPerBlock }),
);

const BY_ID = new Map(GGML_TYPES.map((type) => [type.id, type]));
const BY_NAME = new Map(GGML_TYPES.map((type) => [type.name, type]));

// llama.cpp wrote these ids into files once and refuses them since; 36-38 were repacked forms of IQ4_NL.
const REMOVED = new Map([
  [4, 'Q4_2'],
  [5, 'Q4_3'],
  [31, 'Q4_0_4_4'],
  [32, 'Q4_0_4_8'],
  [33, 'Q4_0_8_8'],
  [36, 'IQ4_NL_4_4'],
  [37, 'IQ4_NL_4_8'],
  [38, 'IQ4_NL_8_8'],
]);

/** Returns the type with this id, or `undefined` if llama.cpp does not read it (any more). */
export function findGgmlType(id: number): GgmlType | undefined {
  return BY_ID.get(id);
}

/** Returns the type of this name, which may be in any case (`q8_0`, `Q4_K`). */
export function findGgmlTypeByName(name: string): GgmlType | undefined {
  return BY_NAME.get(name.toUpperCase());
}

/** Returns the name of a type that llama.cpp read once and refuses today. */
export function findRemovedTypeName(id: number): string | undefined {
  return REMOVED.get(id);
}

/** Returns the bytes of `weights` weights, or `undefined` if they do not fill whole blocks. */
export function countWeightBytes(type: GgmlType, weights: number): number | undefined {
  if (weights % type.weightsPerBlock !== 0) return undefined;
  return (weights / type.weightsPerBlock) * type.bytesPerBlock;
}

/**
 * Returns the bytes of one activation in the type that weights of this type are multiplied with (`vec_dot_type` of
 * ggml-cpu.c). F32 is multiplied as it is; F16 and BF16 with themselves; quantized types with Q8_0, Q8_1 or Q8_K, the
 * largest of which counts.
 */
export function countScratchBytesPerElement(type: GgmlType): number {
  if (type.weightsPerBlock > 1) return 292 / 256;
  return type.name === 'F32' ? 0 : 2;
}
