/** Knows what whoever loads a model holds beside what the engine does: another header, and room to read by. It must not read files. */
import { MiB } from '../core/bytes.ts';
import type { GgufTensors } from '../gguf/gguf-tensors.ts';
import { computeHeaderBytes, type RuntimeParts } from './llama-cpp/runtime-overhead.ts';

export interface LoaderSettings {
  /** It simulates loads and contexts before, and keeps the header with which it did so for a context. */
  readonly simulatesLoads: boolean;
  /** Weights are read past the page cache. */
  readonly directIo: boolean;
  readonly repack: boolean;
  readonly part: 'all' | 'weights' | 'context' | 'vocabulary';
}

/** What stays of the simulation of a load, whose header is given back. Measured: 0.8 to 2.3 MiB. */
const SIMULATION_BYTES = 2 * MiB;

/** Counts bytes that a load takes. The simulation of a context keeps the header. */
export function countLoaderBytes(
  tensors: GgufTensors,
  header: Pick<RuntimeParts, 'tokens' | 'merges' | 'layers'>,
  { simulatesLoads, directIo, repack, part }: LoaderSettings,
): number {
  const [loadsWeights, makesContext] = [part === 'all' || part === 'weights', part === 'all' || part === 'context'];
  const simulationBytes = (loadsWeights ? SIMULATION_BYTES : 0) + (makesContext ? computeHeaderBytes(header) : 0);
  return (simulatesLoads ? simulationBytes : 0) + (directIo && loadsWeights ? countReadingBytes(tensors, repack) : 0);
}

/** Such reading needs whole blocks of the disk, so it goes through a buffer as long as the tensor; what is then rearranged lies in one more. */
function countReadingBytes({ kinds }: GgufTensors, repack: boolean): number {
  const largestBytes = kinds.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  return largestBytes * (repack ? 2 : 1);
}
