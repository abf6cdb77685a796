/** Shapes in which estimates are compared with engines, in the words of this package and in those of the engine. It asks nobody. */

/** @typedef {import('./engine-question.mjs').Parameters} Parameters */
/** @typedef {NonNullable<import('nexa-memory-guard').EstimateFootprintOptions['flashAttention']>} FlashAttention */
/** @typedef {'f16' | 'f32' | 'q8_0'} CacheType */
/**
 * @typedef {object} MirrorRun
 * @property {number} context
 * @property {number} [microBatch]
 * @property {number} [batch]
 * @property {number} [sequences]
 * @property {boolean} [unified] one cache for all sequences
 * @property {CacheType} [keys]
 * @property {CacheType} [values]
 * @property {FlashAttention} [flash]
 * @property {boolean} [fullSliding]
 * @property {boolean} [embeddings]
 */

const TYPE_NUMBERS = { f32: 0, f16: 1, q8_0: 8 };
const FLASH_NUMBERS = { auto: -1, off: 0, on: 1 };

/** Each option by itself, and some together. @type {readonly MirrorRun[]} */
export const RUNS = [
  { context: 512 },
  { context: 4096 },
  { context: 32_768 },
  { context: 4096, microBatch: 128 },
  { context: 4096, microBatch: 2048, batch: 2048 },
  { context: 300, microBatch: 64 },
  { context: 4096, sequences: 4 },
  { context: 4096, sequences: 16 },
  { context: 4096, sequences: 4, unified: true },
  { context: 32_768, sequences: 16, unified: true },
  { context: 4096, flash: 'on' },
  { context: 4096, flash: 'off' },
  { context: 32_768, flash: 'off' },
  { context: 4096, flash: 'off', sequences: 4 },
  { context: 4096, flash: 'off', sequences: 4, unified: true },
  { context: 4096, keys: 'q8_0', values: 'q8_0' },
  { context: 4096, keys: 'q8_0', flash: 'off' },
  { context: 4096, keys: 'f32', values: 'f32' },
  { context: 4096, keys: 'f32', values: 'f32', flash: 'off' },
  { context: 4096, fullSliding: true },
  { context: 32_768, fullSliding: true, sequences: 4 },
  { context: 512, embeddings: true },
  { context: 4096, embeddings: true, sequences: 4 },
  { context: 32_768, sequences: 16, microBatch: 256, keys: 'q8_0', values: 'q8_0', flash: 'on' },
  { context: 4096, sequences: 16, microBatch: 1024, batch: 1024, flash: 'off' },
];

/** With a large vocabulary the outputs are the largest part of a graph. */
export const LARGE_VOCABULARY = 32_000;
/** The runs of a model with a large vocabulary. @type {readonly MirrorRun[]} */
export const LARGE_RUNS = [
  { context: 4096 },
  { context: 4096, microBatch: 64 },
  { context: 4096, sequences: 4 },
  { context: 4096, flash: 'off' },
  { context: 512, embeddings: true },
];

/** Other widths than those that are kept: what is exact by chance, or bounded by it, isn't in all of them. @type {readonly [from: number, to: number][]} */
export const OTHER_WIDTHS = [
  [1408, 5632],
  [256, 1024],
  [1408, 512],
  [1024, 4096],
];
/** The runs of a model with other widths. @type {readonly MirrorRun[]} */
export const WIDTH_RUNS = [
  { context: 4096 },
  { context: 4096, microBatch: 128 },
  { context: 4096, sequences: 16 },
  { context: 32_768, sequences: 16, unified: true },
  { context: 4096, flash: 'off' },
  { context: 4096, keys: 'f32', values: 'f32' },
  { context: 32_768, sequences: 16, microBatch: 256, keys: 'q8_0', values: 'q8_0', flash: 'on' },
  { context: 4096, sequences: 16, microBatch: 1024, batch: 1024, flash: 'off' },
];

/** @param {MirrorRun} run @returns {Parameters} */
export function writeEngineParameters(run) {
  const { microBatch = 512, batch = 512, sequences = 1, keys = 'f16', values = 'f16', flash = 'auto' } = run;
  return {
    n_ctx: run.context,
    n_batch: batch,
    n_ubatch: microBatch,
    n_seq_max: sequences,
    kv_unified: Number(run.unified ?? false),
    type_k: TYPE_NUMBERS[keys],
    type_v: TYPE_NUMBERS[values],
    flash_attn_type: FLASH_NUMBERS[flash],
    swa_full: Number(run.fullSliding ?? false),
    embeddings: Number(run.embeddings ?? false),
  };
}

/** @param {MirrorRun} run @returns {Omit<import('nexa-memory-guard').EstimateFootprintOptions, 'modelPath'>} */
export function writeEstimateShape(run) {
  const { microBatch = 512, batch = 512, sequences = 1, keys = 'f16', values = 'f16', flash = 'auto' } = run;
  return {
    contextSize: run.context,
    batchSize: batch,
    microBatchSize: microBatch,
    sequences,
    kvCacheType: { k: keys, v: values },
    flashAttention: flash,
    fullSlidingCache: run.fullSliding ?? false,
    unifiedKvCache: run.unified ?? false,
    embeddings: run.embeddings ?? false,
    mmap: false,
    repack: false,
  };
}

/** @param {MirrorRun} run */
export function describeRun({ context, ...options }) {
  const named = Object.entries(options).map(([name, value]) => (value === true ? name : `${name} ${value}`));
  return [context, ...named].join(', ');
}
