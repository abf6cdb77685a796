/** Knows how much more a graph may take that isn't mirrored operation by operation, from what the header shows. It must not know files. */
import { type Architecture, isHeld } from './architectures.ts';
import type { Run } from './cache-sizes.ts';
import type { ModelShape } from './model-shape.ts';

const F32_BYTES = 4;
/** RWKV mixes and decays every token several times: its graphs were found up to 2.42 times as large as those of attention. */
const WKV_FACTOR = 2.5;
/** A layer that scans reads its states, and writes them beside those that stay. Of two to four copies the most are counted. */
const STATE_COPIES = 4;

/** As `node bench/footprint/mirror.mjs` counts it, over caches and graphs together. */
const HELD_SENTENCE =
  'in 2,866 shapes of 89 architectures it was never below the engine, in half of them up to 1.3 times as much, at most 7.7 times';

/** Returns the most bytes that the engine's graph may take if the one with the traits of the architecture takes `graphBytes`. */
export function boundGraphBytes(shape: ModelShape, run: Run, graphBytes: number): number {
  const { architecture, state, indexLength, mixesByTime } = shape;
  const factor = mixesByTime ? Math.max(WKV_FACTOR, architecture.graphFactor) : architecture.graphFactor;
  const stateBytes = state ? (state.convolution + state.state) * run.sequences * F32_BYTES : 0;
  const scoreBytes = indexLength > 0 ? run.tokens * run.cells * F32_BYTES : 0;
  return Math.ceil(graphBytes * factor + STATE_COPIES * stateBytes + architecture.indexScores * scoreBytes);
}

/** Says what is bounded, and by how much it was found too high. */
export function describeGraphBound(architecture: Architecture): string {
  const name = JSON.stringify(architecture.name);
  return isHeld(architecture)
    ? `the graph of the architecture ${name} is bounded: ${HELD_SENTENCE}`
    : `the architecture ${name} was never compared with the engine, so its graph is bounded by ${architecture.graphFactor} times the usual one`;
}
