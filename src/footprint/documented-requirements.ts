/**
 * Knows the documented table: what each quantization of each known model is said to need. It must not know what files say.
 */
import { GiB, MiB } from '../core/bytes.ts';
import type { LoadNeed, Quantization } from '../core/types.ts';

/** Extra bytes that processing audio takes while it runs. */
export const AUDIO_CALL_BYTES = 100 * MiB;

/** One documented row, in bytes. GB and MB of the document are 2^30 and 2^20; 4.2 GB is rounded up to a whole byte. */
export interface ModelRequirements {
  /** Bytes that a load needs. */
  readonly ramNeeded: number;
  readonly type: 'edge_optimized' | 'quality_optimized';
  /** Bytes that must stay free beside it. */
  readonly minFreeMemory: number;
}

const QWEN2_AUDIO: Readonly<Record<Quantization, ModelRequirements>> = Object.freeze({
  Q4_K_M: Object.freeze({
    ramNeeded: Math.ceil(4.2 * GiB),
    type: 'edge_optimized',
    minFreeMemory: 512 * MiB,
  }),
  Q4_0: Object.freeze({
    ramNeeded: Math.ceil(3.8 * GiB),
    type: 'edge_optimized',
    minFreeMemory: 512 * MiB,
  }),
  Q5_K_M: Object.freeze({ ramNeeded: Math.ceil(4.8 * GiB), type: 'quality_optimized', minFreeMemory: 768 * MiB }),
});

/** Returns the documented row of Qwen2-Audio in this quantization. */
export function getRequirements(quantization: Quantization): ModelRequirements {
  return QWEN2_AUDIO[quantization];
}

/** Creates the need of a row. All of it is anonymous until the process's mappings say otherwise. */
export function createTableNeed(quantization: Quantization): LoadNeed {
  return Object.freeze({ mappedBytes: 0, anonymousBytes: getRequirements(quantization).ramNeeded, basis: 'table' });
}
