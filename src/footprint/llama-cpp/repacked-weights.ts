/**
 * Knows which weights the engine copies into an arrangement of its own: types and conditions of ggml's repack.cpp. It must
 * not read files.
 */
import type { GgufTensors, TensorKind } from '../../gguf/read-gguf.ts';

/**
 * Types that have such an arrangement on some CPU. The shipped engine decides by what it was compiled for, not by the CPU
 * it runs on: in `@fugood/node-llama-linux-x64` 1.7.15 the function `ggml_cpu_has_avx2` is `xor eax,eax; ret` (`objdump -d
 * index.node --disassemble=ggml_cpu_has_avx2`), so nothing is repacked there, and the engine says "cannot be used with
 * preferred buffer type CPU_REPACK, using CPU instead" for every weight, with mmap and without, on a CPU with AVX-512.
 */
const REPACKED = new Set([
  ...['Q4_0', 'Q4_K', 'Q2_K', 'Q5_K', 'Q6_K', 'Q8_0', 'IQ4_NL', 'MXFP4'],
  ...['Q4_1', 'IQ4_XS'], // on processors that multiply matrices (AMX)
]);

/** The bytes of a block's copy by those of the block where AMX is: sums and unpacked scales come with it. As node-llama-cpp 3.22.1 says when it is asked. */
const GROWN: Readonly<Record<string, number>> = { Q8_0: 38 / 34, Q4_K: 148 / 144, Q5_K: 180 / 176, IQ4_XS: 138 / 136 };

/** Rows are interleaved in groups of at least so many rows. */
const ROWS = 4;

/** Returns the bytes of the second, anonymous copy: an upper bound over all CPUs that repack. */
export function countRepackedBytes(tensors: GgufTensors): number {
  const all = tensors.kinds.reduce((sum, kind) => sum + kind.count * countCopyBytes(kind), 0);
  // Rows of the embedding are looked up. It is multiplied with only if it serves as the output too.
  const embedding = tensors.find('output.weight') && tensors.find('token_embd.weight');
  return all - (embedding ? countCopyBytes(embedding) : 0);
}

function countCopyBytes({ dims, type, bytes }: TensorKind): number {
  if (dims.length <= 1 || !REPACKED.has(type.name) || dims[1]! % ROWS !== 0) return 0;
  return Math.ceil(bytes * (GROWN[type.name] ?? 1));
}

/** Returns what `repack: 'auto'` means: false on x64, where it is known, and true elsewhere, which is the safe side. */
export function repacksByDefault(arch: string): boolean {
  return arch !== 'x64';
}
