/**
 * Knows, row by row, how the decoders of the compared architectures differ from the usual one. It must not know files or
 * bytes.
 */

/**
 * What distinguishes the graph and the caches of an architecture, named after what `llama.cpp/src/models` does. Only what
 * changes a size has a trait: an operation that always writes in place, such as the scaling of queries in gemma3, has none.
 */
export interface Architecture {
  /** `general.architecture` of the header. */
  readonly name: string;
  /** The estimate was compared with what the engine prints and is exact. Other architectures get an upper bound. */
  readonly compared: boolean;
  /** Every layer scans a state (`build_mamba_layer`): it has no attention, no KV cache and no feed-forward part. */
  readonly scansStates: boolean;
  /**
   * A layer without key-value heads is a short convolution (`build_shortconv_block`) with a state instead of a KV cache.
   */
  readonly convolvesWithoutHeads: boolean;
  /**
   * The layers that attend to the last tokens only, if the header names a window: none of them, all that attend, or all but
   * the last one of each group. The header may name the length of a group; otherwise it is 6.
   */
  readonly slidingLayers: 'none' | 'all' | 'all-but-last-of-group';
  /** The weights of the chosen experts are divided by their sum. */
  readonly normalizesExpertWeights: boolean;
  /**
   * The residual is the first operand of the sum behind the mix of tokens. The first of two equal tensors gives its place
   * to the sum.
   */
  readonly addsMixToResidual: boolean;
  /** The residual is the first operand of the sum behind the feed-forward part. */
  readonly addsFeedForwardToResidual: boolean;
}

/** The decoder that most architectures share, and the one that an unknown architecture is bounded by. */
const USUAL: Omit<Architecture, 'name'> = {
  compared: false,
  scansStates: false,
  convolvesWithoutHeads: false,
  slidingLayers: 'none',
  normalizesExpertWeights: true,
  addsMixToResidual: false,
  addsFeedForwardToResidual: false,
};

/**
 * The architectures whose estimates were compared with the engine: `test/fixtures/engine-transcripts.jsonl` has loads of
 * each.
 */
export const ARCHITECTURES: readonly Architecture[] = [
  compare('qwen2'),
  compare('llama'),
  compare('qwen3'),
  compare('gemma3', { slidingLayers: 'all-but-last-of-group' }),
  // The header of phi3 names a window that the engine does not use.
  compare('phi3', { addsFeedForwardToResidual: true }),
  compare('qwen2moe', { normalizesExpertWeights: false }),
  compare('qwen3moe'),
  compare('lfm2', {
    convolvesWithoutHeads: true,
    slidingLayers: 'all',
    addsMixToResidual: true,
    addsFeedForwardToResidual: true,
  }),
  compare('mamba', { scansStates: true }),
];

/** Returns the row of this architecture. One that was not compared is described as the usual decoder. */
export function findArchitecture(name: string): Architecture {
  return ARCHITECTURES.find((each) => each.name === name) ?? { ...USUAL, name };
}

function compare(name: string, traits: Partial<Architecture> = {}): Architecture {
  return Object.freeze({ ...USUAL, ...traits, name, compared: true });
}
