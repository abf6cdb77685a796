/**
 * Knows what the engine holds beside what it reports: measured constants, and how to measure them again. It must not know
 * files.
 */
import { KiB, MiB } from '../../core/bytes.ts';

/**
 * The measured growth of RssAnon over a load of `@fugood/llama.node` 1.7.15 (linux-x64, Node 20) less the buffers it
 * reports, at 2 layers, 2048 cells and 512 tokens of vocabulary: 4.5 MiB. Each of 8 and 32 layers more added 0.1 MiB
 * (graphs and their plans), a cell 47 bytes (to 65536 cells), a token of vocabulary 156 bytes (32,000 to 156,032 tokens
 * with texts of up to 7 bytes; 305 with texts of 24 bytes, which real vocabularies have few of), a merge 106 bytes (50,000
 * and 151,387). A projector adds 12.7 MiB, mostly graphs for 8192 nodes. `node bench/footprint/runtime-overhead.mjs`
 * measures it again.
 */
const BASE_BYTES = 5 * MiB;
const LAYER_BYTES = 112 * KiB;
const CELL_BYTES = 48;
const TOKEN_BYTES = 200;
const MERGE_BYTES = 112;
export const PROJECTOR_BYTES = 14 * MiB;

/** What the engine's own memory grows with. */
export interface RuntimeParts {
  readonly layers: number;
  /** Cells of all caches and sequences together. */
  readonly cells: number;
  /** Tokens of the vocabulary. */
  readonly tokens: number;
  readonly merges: number;
  /** Bytes beside the largest product of the language model and of each encoder. */
  readonly scratchBytes: number;
  readonly projector: boolean;
}

/** Computes what the engine itself takes, in bytes. */
export function computeRuntimeBytes({ layers, cells, tokens, merges, scratchBytes, projector }: RuntimeParts): number {
  const vocabulary = tokens * TOKEN_BYTES + merges * MERGE_BYTES;
  const own = BASE_BYTES + layers * LAYER_BYTES + cells * CELL_BYTES + vocabulary;
  return own + scratchBytes + (projector ? PROJECTOR_BYTES : 0);
}
