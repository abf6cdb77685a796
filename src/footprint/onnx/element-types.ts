/** Knows how many bits the elements of ONNX's types have. */

/** By ONNX's numbers. A string has what its object takes, beside its text. */
const BITS: ReadonlyMap<number, number> = new Map([
  [1, 32], // float32
  [2, 8], // uint8
  [3, 8], // int8
  [4, 16], // uint16
  [5, 16], // int16
  [6, 32], // int32
  [7, 64], // int64
  [8, 256], // string
  [9, 8], // bool
  [10, 16], // float16
  [11, 64], // float64
  [12, 32], // uint32
  [13, 64], // uint64
  [14, 64], // complex64
  [15, 128], // complex128
  [16, 16], // bfloat16
  [17, 8], // four kinds of float8
  [18, 8],
  [19, 8],
  [20, 8],
  [21, 4], // uint4
  [22, 4], // int4
  [23, 4], // float4
]);

export const FLOAT32 = 1;
export const STRING = 8;
export const FLOAT64 = 11;
const HALVES: readonly number[] = [10, 16];

/** Whether a CPU computes with them only once they are made float32. */
export function isHalf(type: number): boolean {
  return HALVES.includes(type);
}

/** `undefined` for a type that this version doesn't know. */
export function countElementBytes(type: number, elements: number): number | undefined {
  const bits = BITS.get(type);
  return bits === undefined ? undefined : Math.ceil((elements * bits) / 8);
}
