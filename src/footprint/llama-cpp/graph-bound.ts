/** Knows how much more a graph may take that isn't mirrored operation by operation, from what the header shows. It must not know files. */
import { type Architecture, isHeld } from './architectures.ts';
import type { Run } from './cache-sizes.ts';
import type { ModelShape } from './model-shape.ts';

const F32_BYTES = 4;
/** RWKV mixes and decays every token several times: its graphs were found up to 2.6 times as large as those of attention. */
const WKV_FACTOR = 2.7;
/** A layer that scans reads its states, and writes them beside those that stay. Of two to four copies the most are counted. */
const STATE_COPIES = 4;
/** What a scan is projected to lies beside the attention and the feed-forward part: up to 1.7 rows of the widest weight were found. */
const SCAN_ROWS = 2;
/** A dense feed-forward part beside experts: up to 2.6 rows of the widest weight. */
const DENSE_ROWS = 3;
/** Vectors that each layer has of each token (`per_layer_token_embd`): up to 3.6 times for all layers. */
const LAYER_VECTORS = 4;

/** As `node bench/footprint/mirror.mjs` counts it, over caches and graphs together. */
const HELD_SENTENCE =
  'in 5,706 shapes of 91 architectures it was never below the engine, in half of them up to 1.3 times as much, at most 7.7 times';

/** Returns the most bytes that the engine's graph may take if the one with the traits of the architecture takes `graphBytes`. */
export function boundGraphBytes(shape: ModelShape, run: Run, graphBytes: number): number {
  const { architecture, mixesByTime } = shape;
  if (architecture.compared) return graphBytes;
  const factor = mixesByTime ? Math.max(WKV_FACTOR, architecture.graphFactor) : architecture.graphFactor;
  const elements = countStates(shape, run) + countScores(shape, run) + countRows(shape) * run.tokens;
  return Math.ceil(graphBytes * factor + elements * F32_BYTES);
}

function countStates({ state }: ModelShape, { sequences }: Run): number {
  return state ? STATE_COPIES * (state.convolution + state.state) * sequences : 0;
}

function countScores({ architecture, indexLength }: ModelShape, { tokens, cells }: Run): number {
  return indexLength > 0 ? architecture.indexScores * tokens * cells : 0;
}

/** Counts elements for each token. */
function countRows({
  state,
  mixesByTime,
  denseBesideExperts,
  layerVectors,
  widestRows,
  embedding,
}: ModelShape): number {
  const widest = Math.max(widestRows, embedding);
  const scans = state && !mixesByTime ? SCAN_ROWS * widest : 0;
  return scans + (denseBesideExperts ? DENSE_ROWS * widest : 0) + LAYER_VECTORS * layerVectors;
}

/** Says what is bounded, and by how much it was found too high. */
export function describeGraphBound(architecture: Architecture): string {
  const name = JSON.stringify(architecture.name);
  return isHeld(architecture)
    ? `the graph of the architecture ${name} is bounded: ${HELD_SENTENCE}`
    : `the architecture ${name} was never compared with the engine, so its graph is bounded by ${architecture.graphFactor} times the usual one`;
}
