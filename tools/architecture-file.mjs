/** Writes what was found out about an architecture as a sparse GGUF file: every weight is zero, every shape is real. It finds nothing out. */
import fs from 'node:fs';
import { listByteTokens, writeGgufFile } from './gguf-file.mjs';

/** @typedef {import('./gguf-file.mjs').Entry} Entry */
/** @typedef {import('./gguf-file.mjs').TensorType} TensorType */
/** @typedef {import('./gguf-file.mjs').ValueType} ValueType */
/** @typedef {[name: string, dims: number[], type: TensorType, layers?: number[]]} TensorRow with `blk.*.` it is in every layer, or in those that are listed */
/**
 * What the engine wants in a file of one architecture. A key that begins with a dot is the architecture's own.
 * @typedef {{ name: string, architecture: string, vocab: number, layers: number, keys: [key: string, type: ValueType, value: unknown][], tensors: TensorRow[] }} Recipe
 */

const TEMPLATE = '{% for m in messages %}{{ m.content }}{% endfor %}';
/** Some vocabularies are searched for these. */
const NAMED_TOKENS = ['<|end|>', '<unk>', '<s>', '</s>', '<|endoftext|>', '<mask>', '[MASK]'];

/** The same with so many tokens. @param {Recipe} recipe @param {number} vocab @returns {Recipe} */
export function resizeVocabulary(recipe, vocab) {
  const resize = (/** @type {number} */ dim) => (dim === recipe.vocab ? vocab : dim);
  /** @type {TensorRow[]} */
  const tensors = recipe.tensors.map(([name, dims, ...rest]) => [name, dims.map(resize), ...rest]);
  return { ...recipe, vocab, tensors };
}

/** The same with another number wherever this one is a key or a dimension. @param {Recipe} recipe @param {number} from @param {number} to @returns {Recipe} */
export function resizeWidth(recipe, from, to) {
  const resize = (/** @type {unknown} */ value) => (value === from ? to : value);
  const keys = recipe.keys.map(([key, type, value]) => [
    key,
    type,
    Array.isArray(value) ? value.map(resize) : resize(value),
  ]);
  const tensors = recipe.tensors.map(([name, dims, ...rest]) => [name, dims.map(resize), ...rest]);
  return { ...recipe, keys: /** @type {Recipe['keys']} */ (keys), tensors: /** @type {Recipe['tensors']} */ (tensors) };
}

/** @param {string} file @param {Recipe} recipe */
export function writeRecipe(file, recipe) {
  const own = recipe.keys.map(([key, type, value]) => [
    key.startsWith('.') ? `${recipe.architecture}${key}` : key,
    type,
    value,
  ]);
  const entries = [...listTokenizerEntries(recipe), .../** @type {Entry[]} */ (own)];
  return writeGgufFile(file, entries, listRecipeTensors(recipe));
}

/** Reads recipes, one a line. @param {string} file @returns {Recipe[]} */
export function readRecipes(file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

/** @param {Pick<Recipe, 'tensors' | 'layers'>} recipe @returns {import('./gguf-file.mjs').Tensor[]} */
export function listRecipeTensors({ tensors, layers }) {
  const all = Array.from({ length: layers }, (_, layer) => layer);
  return tensors.flatMap(([name, dims, type, own = all]) =>
    name.includes('*')
      ? own.map((layer) => ({ name: name.replace('*', String(layer)), dims, type }))
      : [{ name, dims, type }],
  );
}

/** @param {Recipe} recipe @returns {Entry[]} */
function listTokenizerEntries({ architecture, name, vocab }) {
  const tokens = [...listByteTokens(), ...NAMED_TOKENS];
  while (tokens.length < vocab) tokens.push(`t${tokens.length}`);
  return [
    ['general.architecture', 'text', architecture],
    ['general.name', 'text', `${name} synthetic`],
    ['tokenizer.ggml.model', 'text', 'gpt2'],
    ['tokenizer.ggml.pre', 'text', 'qwen2'],
    ['tokenizer.ggml.tokens', 'texts', tokens],
    ['tokenizer.ggml.token_type', 'i32s', tokens.map((_, id) => (id === 256 ? 3 : 1))],
    ['tokenizer.ggml.token_type_count', 'u32', 2],
    ['tokenizer.ggml.merges', 'texts', ['a b']],
    ['tokenizer.ggml.eos_token_id', 'u32', 256],
    ['tokenizer.ggml.bos_token_id', 'u32', 256],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.chat_template', 'text', TEMPLATE],
  ];
}
