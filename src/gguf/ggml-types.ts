/** The tensor types of ggml and how many bytes their blocks take; it knows no file and no model. */

/** One tensor type: weights are stored in blocks of a fixed size. */
export interface GgmlType {
  /** `enum ggml_type`, as stored in GGUF files. */
  readonly id: number;
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

// Ids that once stood in files and that llama.cpp refuses since; 36-38 were repacked forms of IQ4_NL.
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

/** The type with this id, if llama.cpp still reads it. */
export function ggmlTypeById(id: number): GgmlType | undefined {
  return BY_ID.get(id);
}

/** The type of this name in any case (`q8_0`, `Q4_K`). */
export function ggmlTypeByName(name: string): GgmlType | undefined {
  return BY_NAME.get(name.toUpperCase());
}

/** The name of a type that llama.cpp read once and refuses today. */
export function removedGgmlTypeName(id: number): string | undefined {
  return REMOVED.get(id);
}

/** Bytes of `weights` weights that fill whole blocks; `undefined` where they don't. */
export function ggmlBytes(type: GgmlType, weights: number): number | undefined {
  if (weights % type.weightsPerBlock !== 0) return undefined;
  return (weights / type.weightsPerBlock) * type.bytesPerBlock;
}

/**
 * Bytes of one activation in the type that weights of this type are multiplied with (`vec_dot_type` of ggml-cpu.c): F32 as it
 * is, F16 and BF16 as themselves, quantized ones as Q8_0, Q8_1 or Q8_K, the largest of which is taken.
 */
export function scratchPerElement(type: GgmlType): number {
  if (type.weightsPerBlock > 1) return 292 / 256;
  return type.name === 'F32' ? 0 : 2;
}
