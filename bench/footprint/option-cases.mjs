// Each option that changes what a load takes, by itself and with others.
import { ENGINES, LLAMA_NODE, TOKENS } from './case-defaults.mjs';
import { writeShape } from './recipes.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('./cases.mjs').Run} Run */

const use = /** @type {const} */ ({ kind: 'decode', tokens: TOKENS });

/** @type {readonly Case[]} */
export const OPTION_CASES = [
  ...createCacheCases(),
  ...[4, 16].flatMap((sequences) => [
    createCase(`llama, ${sequences} sequences`, { contextSize: 1024 * sequences, sequences }),
    createCase(`llama, ${sequences} sequences, no flash attention`, {
      ...{ contextSize: 1024 * sequences, sequences },
      flashAttention: 'off',
    }),
  ]),
  ...['gemma2', 'gemma3', 'gpt-oss', 'cohere2', 'llama4'].map((name) =>
    createCase(`${name}, 16384, full sliding cache`, { contextSize: 16_384, fullSlidingCache: true }, name),
  ),
  createCase('gemma3, 16384', { contextSize: 16_384 }, 'gemma3'),
  createCase('llama, micro-batch 128', { contextSize: 4096, microBatchSize: 128, batchSize: 128 }),
  createCase('llama, micro-batch 1024', { contextSize: 4096, microBatchSize: 1024, batchSize: 1024 }, 'llama', 1100),
  createCase('llama, micro-batch 2048', { contextSize: 4096, microBatchSize: 2048, batchSize: 2048 }, 'llama', 2100),
  ...[32_000, 131_072, 262_144].map((vocab) => ({
    ...createCase(`llama, ${vocab} tokens of vocabulary`, { contextSize: 4096 }),
    write: writeShape('llama', { vocab }),
  })),
  createCase('llama, no mmap', { contextSize: 4096, mmap: false }),
  ...createEmbeddingCases(),
  ...[16, 64].map((rank) => ({
    ...createCase(`qwen2, LoRA of rank ${rank}`, { contextSize: 4096 }),
    write: writeShape('qwen2', { rank }),
  })),
  ...[2080, 131_072].map((vocab) => ({
    ...createCase(`llama, vocabulary of ${vocab} alone`, { contextSize: 512, part: 'vocabulary' }),
    use: /** @type {const} */ ({ kind: 'nothing', tokens: 0 }),
    write: writeShape('llama', { vocab }),
  })),
  {
    ...createCase('llama, context shift', { contextSize: 1024, contextShift: true }),
    use: { kind: 'decode', tokens: 990, predict: 60 },
    engines: LLAMA_NODE,
  },
];

/** @returns {readonly Case[]} */
function createCacheCases() {
  const cases = [];
  for (const contextSize of [512, 4096, 32_768]) {
    for (const type of /** @type {const} */ (['f16', 'q8_0', 'f32'])) {
      for (const flashAttention of /** @type {const} */ (['on', 'off'])) {
        // Without flash attention values can't be quantized.
        const values = type === 'q8_0' && flashAttention === 'off' ? 'f16' : type;
        const kvCacheType = { k: type, v: values };
        const name = `llama, ${contextSize}, K ${type} V ${values}, flash attention ${flashAttention}`;
        cases.push(
          createCase(name, { contextSize, kvCacheType, flashAttention }, 'llama', contextSize < TOKENS ? 500 : TOKENS),
        );
      }
    }
  }
  return cases;
}

/** @returns {readonly Case[]} */
function createEmbeddingCases() {
  const poolings = /** @type {const} */ (['mean', 'cls', 'last', 'none', 'rank']);
  return poolings.flatMap((pooling) =>
    ['llama-embed', 'qwen3'].map((name) => ({
      ...createCase(`${name}, embeddings, pooling ${pooling}`, { contextSize: 512, embeddings: true, pooling }, name),
      use: /** @type {const} */ ({ kind: 'embed', tokens: 512 }),
      engines: LLAMA_NODE,
    })),
  );
}

/** @param {string} name @param {Run} run @param {string} [architecture] @param {number} [tokens] @returns {Case} */
function createCase(name, run, architecture = 'llama', tokens = TOKENS) {
  return { name, run, use: { ...use, tokens }, engines: ENGINES, write: writeShape(architecture) };
}
