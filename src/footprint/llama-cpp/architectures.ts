/**
 * Knows, row by row, how architectures differ from the usual decoder where their headers don't tell. It must not know files or
 * bytes.
 */

/**
 * The most that graphs of architectures were found above ours: 1.29 times in all but those that have a factor of their own
 * (`node bench/footprint/mirror.mjs`), and some room.
 */
const HELD_FACTOR = 1.35;
/**
 * For an architecture that was never held against the engine. Of the 131 that were, three are above it if they are taken for such a one
 * (`node bench/footprint/mirror.mjs --unheard`).
 */
const UNKNOWN_FACTOR = 2.5;

/** Which layers attend to the last tokens only. A header that lists its sliding layers goes before a group. */
export interface SlidingLayers {
  /** Layers in a group if the header names no length: all but one of each slide. With 0 every layer does. */
  readonly group: number;
  /** The layer that sees everything is the first of its group, not the last. */
  readonly denseFirst?: boolean;
  /** Tokens of the window if the header names none; otherwise no layer slides then. */
  readonly assumedWindow?: number;
  /** Tokens of the window, whatever the header says, unless that is 0. */
  readonly fixedWindow?: number;
}

/**
 * What distinguishes the graph and the caches of an architecture, named after what `llama.cpp/src/models` does. Only what
 * changes a size has a trait: an operation that always writes in place, such as the scaling of queries in gemma3, has none.
 */
export interface Architecture {
  /** `general.architecture` of the header. */
  readonly name: string;
  /** The graph was compared with the engine's and is exact. Those of other architectures get an upper bound. */
  readonly compared: boolean;
  /** The engine's graph takes at most so many times what the graph with these traits does. */
  readonly graphFactor: number;
  /** The scores by an index of sparse attention take at most so many numbers for each cell and token beside it. */
  readonly indexScores: number;
  /** The tokens of a batch see each other at once, and no cache (`build_attn_inp_no_cache`). */
  readonly encodes: boolean;
  /** Nothing is cached (`create_memory` in llama-model.cpp makes no cache). */
  readonly cacheless: boolean;
  /** Scores are computed without flash attention, whatever is asked for. */
  readonly keepsScores: boolean;
  /** Whether the vectors of tokens are multiplied with the vocabulary at the end. */
  readonly logits: 'always' | 'unless-embedding' | 'never';
  /** The embedding that serves as the output too is read for each of the two, if it isn't mapped. */
  readonly loadsEmbeddingTwice: boolean;
  /** The layers with a sliding window, if the header names a window. Without it the engine takes no notice of the window. */
  readonly slidingLayers: SlidingLayers | undefined;
  /** So many layers have a cache of their own and the rest read theirs, if no key says how many. */
  readonly ownCaches: number;
  /** The cache has no place for the layers behind the last that only draft tokens (`nextn_predict_layers`). */
  readonly leavesDraftsOut: boolean;
  /** The weights of the chosen experts are divided by their sum, even if the header doesn't say so. */
  readonly normalizesExpertWeights: boolean;
  /**
   * The residual is the first operand of the sum behind the mix of tokens. The first of two equal tensors gives its place
   * to the sum.
   */
  readonly addsMixToResidual: boolean;
  /** The residual is the first operand of the sum behind the feed-forward part. */
  readonly addsFeedForwardToResidual: boolean;
}

type Traits = Partial<Omit<Architecture, 'name' | 'compared'>>;

/** The decoder that most architectures share. */
const USUAL: Omit<Architecture, 'name'> = {
  compared: false,
  graphFactor: UNKNOWN_FACTOR,
  indexScores: 5,
  encodes: false,
  cacheless: false,
  keepsScores: false,
  logits: 'always',
  loadsEmbeddingTwice: false,
  slidingLayers: undefined,
  ownCaches: Number.POSITIVE_INFINITY,
  leavesDraftsOut: false,
  normalizesExpertWeights: true,
  addsMixToResidual: false,
  addsFeedForwardToResidual: false,
};

/** Graph and caches are exact in every shape: a row is here if, and only if, `test/footprint/footprint.engine.test.ts` finds it so. */
const COMPARED: readonly Architecture[] = [
  compare('llama qwen2 qwen3 qwen3moe chatglm ernie4_5 exaone gemma glm4 granite granitemoe hunyuan-dense hunyuan-moe'),
  compare('hunyuan_vl internlm2 maincoder mamba minicpm mistral3 nanbeige pangu-embedded seed_oss xverse'),
  compare('gemma2', { slidingLayers: { group: 2, assumedWindow: 4096 } }),
  compare('gemma3', { slidingLayers: { group: 6 } }),
  compare('mellum', { slidingLayers: { group: 4 } }),
  compare('mimo2', { slidingLayers: { group: 4 }, leavesDraftsOut: true }),
  compare('plamo3', { slidingLayers: { group: 8 } }),
  // The header of phi3 names a window that the engine does not use.
  compare('phi3 phimoe', { addsFeedForwardToResidual: true }),
  compare('bailingmoe bailingmoe2 deepseek deepseek2-ocr olmoe qwen2moe', { normalizesExpertWeights: false }),
  compare('exaone-moe', { slidingLayers: { group: 4, assumedWindow: 128 }, normalizesExpertWeights: false }),
  compare('openelm', { addsMixToResidual: true }),
  compare('grok', { keepsScores: true }),
  compare('lfm2', {
    slidingLayers: { group: 0 },
    logits: 'unless-embedding',
    addsMixToResidual: true,
    addsFeedForwardToResidual: true,
  }),
].flat();

/** What an encoder lacks. */
const ENCODER: Traits = { encodes: true, cacheless: true, logits: 'never' };

/** Caches are exact, but for deepseek4, and graphs are bounded: in every shape of that test the bound is not below the engine. */
const BOUNDED: readonly Architecture[] = [
  bound(
    'apertus arcee arctic baichuan bitnet bloom codeshell cogvlm command-r dbrx deci deepseek2 dots1 ernie4_5-moe falcon falcon-h1',
  ),
  bound(
    'glm4moe gpt2 gptneox granitehybrid grovemoe jais jais2 jamba kimi-linear mamba2 minicpm3 minimax-m2 minimax-m3',
  ),
  bound('mistral4 mpt nemotron nemotron_h nemotron_h_moe olmo orion paddleocr phi2 plamo plamo2 qwen qwen2vl qwen3vl'),
  bound('qwen3vlmoe refact smollm3 stablelm starcoder starcoder2 talkie arwkv7 rwkv6 rwkv6qwen2 rwkv7'),
  bound(
    'bert eurobert gemma-embedding jina-bert-v2 jina-bert-v3 modern-bert neo-bert nomic-bert nomic-bert-moe',
    ENCODER,
  ),
  bound('dream llada llada-moe rnd1', { encodes: true, cacheless: true }),
  bound('llama-embed', { encodes: true, logits: 'never' }),
  bound('afmoe cohere2 exaone4 olmo2', { slidingLayers: { group: 4 } }),
  bound('gpt-oss', { slidingLayers: { group: 2 } }),
  bound('llama4', { slidingLayers: { group: 4, assumedWindow: 8192, fixedWindow: 8192 } }),
  bound('cohere2moe laguna', { slidingLayers: { group: 4, denseFirst: true } }),
  bound('smallthinker', { slidingLayers: { group: 4, denseFirst: true, fixedWindow: 4096 } }),
  bound('step35', { slidingLayers: { group: 4 }, leavesDraftsOut: true, graphFactor: 1.75 }),
  bound('lfm2moe', { logits: 'unless-embedding', addsMixToResidual: true, addsFeedForwardToResidual: true }),
  bound('hy_v3 qwen35 qwen35moe qwen3next', { leavesDraftsOut: true }),
  bound('deepseek32 glm-dsa', { leavesDraftsOut: true, indexScores: 1.5 }),
  // What these compute beside the usual decoder was measured only as a whole.
  bound('gemma4', { slidingLayers: { group: 4 }, loadsEmbeddingTwice: true }),
  bound('gemma3n', { slidingLayers: { group: 5 }, ownCaches: 20, loadsEmbeddingTwice: true }),
  bound('chameleon', { graphFactor: 2.4 }),
  bound('deepseek4', { graphFactor: 2.6, indexScores: 0 }),
  bound('t5', { keepsScores: true, graphFactor: 3.3 }),
  bound('t5encoder', { encodes: true, keepsScores: true, logits: 'never', graphFactor: 3.5 }),
].flat();

/** The architectures of which something is known that their headers don't tell. */
export const ARCHITECTURES: readonly Architecture[] = [...COMPARED, ...BOUNDED];

/** Returns the row of this architecture. One without a row is described as the usual decoder. */
export function findArchitecture(name: string): Architecture {
  return ARCHITECTURES.find((each) => each.name === name) ?? { ...USUAL, name };
}

/** Whether the architecture is one of those whose bounds were held against the engine. */
export function isHeld({ name }: Architecture): boolean {
  return ARCHITECTURES.some((each) => each.name === name);
}

function compare(names: string, traits: Traits = {}): readonly Architecture[] {
  return listRows(names, { ...traits, compared: true, graphFactor: 1 });
}

function bound(names: string, traits: Traits = {}): readonly Architecture[] {
  return listRows(names, { graphFactor: HELD_FACTOR, ...traits });
}

function listRows(names: string, traits: Partial<Architecture>): readonly Architecture[] {
  return names.split(' ').map((name) => Object.freeze({ ...USUAL, ...traits, name }));
}
