/**
 * Knows how much memory an ONNX model takes at most by the sizes of its files, with ONNX Runtime on the CPU and transformers.js in front of it.
 * It must not read files.
 */
import { MiB } from '../core/bytes.ts';
import type { OnnxSizes } from '../core/onnx-sizes.ts';
import type { LoadNeed } from '../core/types.ts';

/**
 * Times a file's size. ONNX Runtime 1.30 takes up to twice an `.onnx` file, and once as much as a file of weights beside it; of numbers of 16 bits up
 * to 3.9 times, since it makes others of 32 bits of them. transformers.js 4.3 then reads each file once more into array buffers, which stay until
 * garbage is collected. So `node bench/onnx/onnx.mjs` on an AMD EPYC; how much is arranged anew depends on the processor, and an Intel Xeon was seen
 * to take 2.4 and 4.9 times.
 */
const TIMES = { graph: 3, data: 2.5, graphOfHalves: 5, dataOfHalves: 4 };

/** A tokenizer of 150,000 merges is a file of 5 MiB and was seen to take 168 MiB while it is read. */
const TOKENIZER_TIMES = 35;

/** The engine's first session and the buffers of a first short call: 9 to 23 MiB. */
const RUNTIME_BYTES = 32 * MiB;

/** An upper bound for a load and a short call. Longer inputs take more. */
export function boundOnnxSizes({ graphBytes, dataBytes, tokenizerBytes, halves }: OnnxSizes): LoadNeed {
  const anonymousBytes =
    graphBytes * (halves ? TIMES.graphOfHalves : TIMES.graph) +
    dataBytes * (halves ? TIMES.dataOfHalves : TIMES.data) +
    tokenizerBytes * TOKENIZER_TIMES +
    RUNTIME_BYTES;
  return Object.freeze({ mappedBytes: 0, anonymousBytes: Math.ceil(anonymousBytes), basis: 'sizes' });
}
