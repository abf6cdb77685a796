/** Knows what a model takes after its load and its first text: it grows as conversations do. It must not read files. */
import { MiB } from '../core/bytes.ts';
import { findGgmlTypeByName } from '../gguf/ggml-types.ts';

/** What a program lets its engine keep, and how it lets it go on when a context is full. */
export interface LaterSettings {
  /** The most bytes of snapshots that the engine keeps of states that can't be rolled back. */
  readonly stateCacheBytes: number;
  /** The most snapshots of one sequence. */
  readonly stateSnapshots: number;
  /** A snapshot is taken after so many tokens, and at the end of a prompt. Absent if only the two limits above count. */
  readonly stateSnapshotTokens?: number | undefined;
  /** When a context is full, its oldest tokens are dropped and the others moved. */
  readonly contextShift: boolean;
}

/** What it depends on, for all sequences. All sizes are bytes. */
export interface LaterFacts {
  readonly contextSize: number;
  readonly sequences: number;
  /** States of recurrent layers. */
  readonly stateBytes: number;
  /** Keys and values of layers with a sliding window, if some layers slide and others keep a state. */
  readonly slidingBytes: number;
  readonly keyType: string;
  /** Elements of the keys of one token in the widest layer. */
  readonly keyElements: number;
  readonly computeBytes: number;
}

const F32_BYTES = 4;
/**
 * To move quantized keys the engine widens those of a layer, turns them, and narrows them: two copies are there at a time. Measured with 4096 cells of
 * 1024 elements in Q8_0: 31.4 MiB beside a graph of 2, against 30.
 */
const COPIES_OF_KEYS = 2;
const MOVES_BYTES = 2 * MiB;

/** Returns the most bytes that come after the load. */
export function computeLaterBytes(settings: LaterSettings, facts: LaterFacts): number {
  return countSnapshots(settings, facts) + countShift(settings, facts);
}

/** Snapshots are of states: without them an engine goes back to any token by itself. */
function countSnapshots(
  { stateCacheBytes, stateSnapshots, stateSnapshotTokens }: LaterSettings,
  { contextSize, sequences, stateBytes, slidingBytes }: LaterFacts,
): number {
  if (stateBytes === 0 || stateCacheBytes === 0 || stateSnapshots === 0) return 0;
  const snapshotBytes = Math.ceil((stateBytes + slidingBytes) / sequences);
  const most = stateSnapshotTokens === undefined ? Infinity : 1 + Math.ceil(contextSize / stateSnapshotTokens);
  const keptBytes = Math.min(stateCacheBytes, Math.min(stateSnapshots, most) * snapshotBytes);
  // The next one is taken before an older one goes.
  return keptBytes + snapshotBytes;
}

/** The graph that moves keys lies where others do, and makes that place larger if it is too small. */
function countShift({ contextShift }: LaterSettings, facts: LaterFacts): number {
  const { keyType, contextSize, keyElements, computeBytes } = facts;
  const quantized = findGgmlTypeByName(keyType)!.weightsPerBlock > 1;
  if (!contextShift || !quantized) return 0;
  return Math.max(0, COPIES_OF_KEYS * contextSize * keyElements * F32_BYTES + MOVES_BYTES - computeBytes);
}
