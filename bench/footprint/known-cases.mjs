// The shapes that were once estimated wrongly, by the numbers under which they were found.
import path from 'node:path';
import { writeModel } from '../../tools/architectures.mjs';
import { ENGINES, LLAMA_NODE, TOKENS } from './case-defaults.mjs';
import { writeWithProjector } from './projector-cases.mjs';
import { writeShape } from './recipes.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('./cases.mjs').Run} Run */

const LARGE_VOCABULARY = 151_936;
const DRAFT = 'qwen35 with a draft layer';
const DRAFT_DIMS = {
  'blk.*.nextn.eh_proj.weight': [1024, 512],
  'blk.*.nextn.enorm.weight': [512],
  'blk.*.nextn.hnorm.weight': [512],
};
const use = /** @type {const} */ ({ kind: 'decode', tokens: TOKENS });
/** Each prompt begins with the one before, as in a conversation. */
const conversation = /** @type {const} */ ({ kind: 'decode', tokens: 300, turns: 12 });

/** @type {readonly Case[]} */
export const KNOWN_CASES = [
  ...['rwkv7', 'kimi-linear'].map((name) =>
    createCase(`row 1: ${name}, 16 sequences`, name, { contextSize: 16_384, sequences: 16 }),
  ),
  ...['mamba2', 'jamba', 'granitehybrid'].map((name) => ({
    ...createCase(`row 2: ${name}, growing prompts`, name, { contextSize: 4096 }),
    use: conversation,
  })),
  ...['qwen3a', 'glma', 'musicflamingo', 'gemma4ua'].map((type) =>
    createMediaCase(`row 3: ${type} hearing 30 s`, 'qwen2', type, { seconds: 30 }, 4096),
  ),
  ...['qwen3a', 'glma', 'musicflamingo', 'gemma4ua'].map((type) =>
    createMediaCase(`row 3: ${type} hearing 120 s`, 'qwen2', type, { seconds: 120 }, 16_384),
  ),
  createMediaCase(
    'row 3: qwen2.5vl with a large image',
    'qwen2vl',
    'qwen2.5vl_merger',
    { width: 4000, height: 3000 },
    8192,
  ),
  ...[4, 16].flatMap((sequences) =>
    /** @type {const} */ (['auto', 'off']).map((flashAttention) => ({
      ...createCase(`row 4: ${sequences} sequences in one cache, flash attention ${flashAttention}`, 'llama', {
        ...{ contextSize: 1024 * sequences, sequences, unifiedKvCache: true, flashAttention },
      }),
      engines: LLAMA_NODE,
    })),
  ),
  {
    ...createCase('row 4: embeddings of 2048 tokens at once', 'llama-embed', {
      ...{ contextSize: 2048, embeddings: true, microBatchSize: 2048, batchSize: 2048 },
    }),
    use: { kind: 'embed', tokens: 2048 },
  },
  {
    ...createCase('row 4: LoRA of rank 128', 'llama', { contextSize: 4096 }),
    write: writeShape('llama', { rank: 128 }),
  },
  {
    ...createCase('row 4: context shift with wide keys in Q8_0', 'llama', {
      ...{ contextSize: 4096, contextShift: true, kvCacheType: { k: 'q8_0', v: 'f16' } },
    }),
    use: { kind: 'decode', tokens: 4060, predict: 60 },
    write: writeWideKeys,
  },
  createCase('row 4: cache in F32 with flash attention', 'llama', {
    ...{ contextSize: 4096, kvCacheType: 'f32', flashAttention: 'on' },
  }),
  createCase('row 4: t5', 't5', { contextSize: 4096 }),
  createMediaCase('row 5: a photo of 12 megapixels', 'gemma3', 'gemma3', { width: 4000, height: 3000 }, 4096),
  createMediaCase('row 5: five minutes of sound', 'qwen2', 'qwen2a', { seconds: 300 }, 12_288),
  createCase('row 5: locked weights', 'llama', { contextSize: 4096, mlock: true }, 32_000),
  createCase('row 6: lfm2, 4 sequences', 'lfm2', { contextSize: 4096, sequences: 4 }),
  ...['gpt-oss', 'deepseek32', 'deepseek2'].map((name) =>
    createCase(`row 7: ${name}, 32768`, name, { contextSize: 32_768 }),
  ),
  ...['qwen35', 'gemma4', 'mistral4'].map((name) => createCase(`row 8: ${name}, 32768`, name, { contextSize: 32_768 })),
  ...['qwen3', 'bert'].map((name) => ({
    ...createCase(
      `row 9: ${name}, embeddings, ${LARGE_VOCABULARY} tokens of vocabulary`,
      name,
      { contextSize: 512, embeddings: true },
      LARGE_VOCABULARY,
    ),
    use: /** @type {const} */ ({ kind: 'embed', tokens: 512 }),
  })),
  ...['pixtral', 'lfm2'].map((name) => ({
    ...createCase(`row 10: the projector ${name}`, 'qwen2', { contextSize: 4096, maxImagePixels: 1 }),
    engines: LLAMA_NODE,
    write: writeWithProjector('qwen2', name),
  })),
  {
    ...createCase('row 11: flash_attn: false', 'llama', { contextSize: 4096 }),
    use: { ...use, flashAttentionFalse: true },
    engines: LLAMA_NODE,
  },
  {
    ...createCase('a draft layer of its own', DRAFT, { contextSize: 4096, draftTokens: 3 }),
    use: { ...use, predict: 20, speculative: true },
    engines: LLAMA_NODE,
    write: writeShape(DRAFT, { dims: DRAFT_DIMS }),
  },
  {
    ...createCase('a draft layer of its own, growing prompts', DRAFT, { contextSize: 4096, draftTokens: 3 }),
    use: { ...conversation, predict: 20, speculative: true },
    engines: LLAMA_NODE,
    write: writeShape(DRAFT, { dims: DRAFT_DIMS }),
  },
  {
    ...createCase('a draft model', 'qwen35', { contextSize: 4096, draftTokens: 3 }),
    use: { ...use, predict: 20, speculative: true },
    engines: LLAMA_NODE,
    write: writeWithDraft,
  },
];

/** @param {string} name @param {string} architecture @param {Run} run @param {number} [vocab] @returns {Case} */
function createCase(name, architecture, run, vocab) {
  return { name, run, use, engines: ENGINES, write: writeShape(architecture, vocab === undefined ? {} : { vocab }) };
}

/** @param {string} name @param {string} architecture @param {string} projector @param {import('./media.mjs').Media} media @param {number} contextSize @returns {Case} */
function createMediaCase(name, architecture, projector, media, contextSize) {
  const write = writeWithProjector(architecture, projector, media);
  const most = 'seconds' in media ? { audioSeconds: media.seconds } : { maxImagePixels: media.width * media.height };
  return { name, run: { contextSize, ...most }, use, engines: LLAMA_NODE, write };
}

/** One layer, whose keys have 1024 elements. @param {string} folder */
function writeWideKeys(folder) {
  const model = path.join(folder, 'model.gguf');
  writeModel(model, { architecture: 'llama', hidden: 1024, layers: 1, heads: 16, kvHeads: 16, ffn: 512, vocab: 512 });
  return { model };
}

/** @param {string} folder */
function writeWithDraft(folder) {
  const { model: draft } = writeShape(DRAFT, { dims: DRAFT_DIMS })(folder, 'draft.gguf');
  return { ...writeShape('qwen35')(folder), draft };
}
