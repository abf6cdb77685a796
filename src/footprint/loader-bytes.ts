/** Knows what whoever loads a model holds beside what the engine does: another header, and room to read by. It must not read files. */
import { KiB, MiB } from '../core/bytes.ts';
import type { GgufTensors } from '../gguf/gguf-tensors.ts';
import { KEPT_BYTES } from './draft-layers.ts';
import type { RuntimeParts } from './llama-cpp/runtime-overhead.ts';

export interface LoaderSettings {
  /** It simulates loads and contexts before it makes them, and keeps what it read of the header for that. */
  readonly simulatesLoads: boolean;
  /** Weights are read past the page cache. */
  readonly directIo: boolean;
  readonly repack: boolean;
  readonly part: 'all' | 'weights' | 'context' | 'vocabulary';
}

/** What the header tells of, and the states of recurrent layers. */
type SimulatedParts = Pick<RuntimeParts, 'layers' | 'tokens' | 'merges'> & { readonly stateBytes: number };

/**
 * What node-llama-cpp 3.22.1 has of its simulations: it reads the header for a load, keeps it with the model's insights, and reads it again for contexts;
 * what it gives back, malloc keeps. The most of four loads each, checked for memory or not: 59 MiB at the load and 94 with a context for 262,144 tokens,
 * 28 and 41 for 131,072, 63 and 82 for 151,936 and 151,000 merges; 5.2 for 64 layers.
 */
const TOKEN_BYTES = 240;
const MERGE_BYTES = 200;
const CONTEXT_BYTES = 2 * MiB;
const CONTEXT_LAYER_BYTES = 96 * KiB;
const CONTEXT_TOKEN_BYTES = 140;
/** States are really there in a simulation, and malloc keeps them: 2.6 to 4.2 MiB more were seen where they take 0.7 to 1.6. */
const STATES_BYTES = 4 * MiB;

/** Counts the bytes of both. */
export function countLoaderBytes(
  { kinds }: Pick<GgufTensors, 'kinds'>,
  parts: SimulatedParts,
  { simulatesLoads, directIo, repack, part }: LoaderSettings,
): number {
  const simulationBytes = simulatesLoads ? countSimulationBytes(parts, part) : 0;
  const reads = directIo && (part === 'all' || part === 'weights');
  return simulationBytes + (reads ? countReadingBytes(kinds, repack) : 0);
}

function countSimulationBytes(
  { layers, tokens, merges, stateBytes }: SimulatedParts,
  part: LoaderSettings['part'],
): number {
  const ofLoad = tokens * TOKEN_BYTES + merges * MERGE_BYTES;
  const ofStates = stateBytes > 0 ? STATES_BYTES + Math.min(stateBytes, KEPT_BYTES) : 0;
  const ofContext = CONTEXT_BYTES + layers * CONTEXT_LAYER_BYTES + tokens * CONTEXT_TOKEN_BYTES + ofStates;
  return (part === 'context' ? 0 : ofLoad) + (part === 'all' || part === 'context' ? ofContext : 0);
}

/** Such reading needs whole blocks of the disk, so it goes through a buffer as long as the tensor; what is then rearranged lies in one more. */
function countReadingBytes(kinds: GgufTensors['kinds'], repack: boolean): number {
  const largestBytes = kinds.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  return largestBytes * (repack ? 2 : 1);
}
