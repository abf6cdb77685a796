/**
 * Writes families of ONNX models as repositories for transformers.js hold them: an encoder such as BERT, or a decoder with a KV cache such as
 * GPT-2, in several dtypes, with the tokenizer that it needs. Their weights are noise. It knows nothing of this package.
 *   node tools/synthetic-onnx.mjs encoder|decoder FOLDER [HIDDEN] [LAYERS]
 */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeOnnx } from './onnx/write-onnx.mjs';

/** @typedef {import('./onnx/write-onnx.mjs').Node} Node */
/** @typedef {import('./onnx/write-onnx.mjs').Initializer} Initializer */
/** @typedef {import('./onnx/write-onnx.mjs').ValueInfo} ValueInfo */
/** @typedef {keyof typeof SUFFIXES} Dtype */
/**
 * @typedef {object} Family
 * @property {'encoder' | 'decoder'} [kind]
 * @property {number} [hidden] width of a token, a multiple of 32
 * @property {number} [layers] each has 8 × hidden² weights
 * @property {readonly Dtype[]} [dtypes]
 * @property {boolean} [external] weights stand in a file of their own
 */

/** How transformers.js names the files of a dtype. */
const SUFFIXES = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
};

const HEADS = 2;
/** Weights that share one scale, with 4 bits each. */
const BLOCK = 32;

const WORDS = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'the',
  'model',
  'fits',
  'memory',
  'is',
  'full',
  'a',
  'b',
  'c',
  '.',
  ',',
];

/** The files of a repository in `folder`. @param {string} folder @param {Family} [family] */
export function writeOnnxFamily(folder, family = {}) {
  const {
    kind = 'encoder',
    hidden = 64,
    layers = 1,
    dtypes = /** @type {Dtype[]} */ (['fp32', 'fp16', 'q8', 'q4']),
  } = family;
  fs.mkdirSync(path.join(folder, 'onnx'), { recursive: true });
  const json = (/** @type {string} */ name, /** @type {object} */ value) =>
    fs.writeFileSync(path.join(folder, name), JSON.stringify(value));
  json('config.json', {
    ...describeModel(kind, hidden, layers),
    ...(family.external && { 'transformers.js_config': { use_external_data_format: true } }),
  });
  json('tokenizer.json', describeTokenizer());
  json('tokenizer_config.json', { tokenizer_class: 'BertTokenizer', model_max_length: 512, pad_token: '[PAD]' });
  if (kind === 'decoder') json('generation_config.json', { eos_token_id: 0, bos_token_id: 2 });
  for (const dtype of dtypes) {
    const graph = new GraphOf(dtype, family.external === true);
    if (kind === 'encoder') buildEncoder(graph, hidden, layers);
    else buildDecoder(graph, hidden, layers);
    const { nodes, initializers, inputs, outputs } = graph;
    // transformers.js looks for external weights under this name.
    const model = { nodes, initializers, inputs, outputs, externalSuffix: '_data' };
    writeOnnx(path.join(folder, 'onnx', `model${SUFFIXES[dtype]}.onnx`), model);
  }
}

/** @param {'encoder' | 'decoder'} kind @param {number} hidden @param {number} layers */
function describeModel(kind, hidden, layers) {
  const size = { vocab_size: WORDS.length, pad_token_id: 0 };
  return kind === 'encoder'
    ? {
        ...size,
        model_type: 'bert',
        architectures: ['BertModel'],
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: HEADS,
      }
    : {
        ...size,
        model_type: 'gpt2',
        architectures: ['GPT2LMHeadModel'],
        n_embd: hidden,
        n_layer: layers,
        n_head: HEADS,
        n_ctx: 512,
      };
}

function describeTokenizer() {
  const vocab = Object.fromEntries(WORDS.map((word, id) => [word, id]));
  const special = (/** @type {string} */ content) => ({
    id: WORDS.indexOf(content),
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  });
  return {
    version: '1.0',
    added_tokens: WORDS.slice(0, 4).map(special),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/** Collects the nodes and weights of one file; how a matrix is stored and multiplied is the dtype's affair. */
class GraphOf {
  /** @type {Node[]} */ nodes = [];
  /** @type {Initializer[]} */ initializers = [];
  /** @type {ValueInfo[]} */ inputs = [];
  /** @type {ValueInfo[]} */ outputs = [];
  #dtype;
  #external;
  #count = 0;

  /** @param {Dtype} dtype @param {boolean} external */
  constructor(dtype, external) {
    this.#dtype = dtype;
    this.#external = external;
  }

  /** @param {string} op @param {readonly string[]} inputs @param {Node['attributes']} [attributes] @param {string} [output] @param {string} [domain] */
  run(op, inputs, attributes = {}, output = this.#name(op), domain = '') {
    this.nodes.push({ op, inputs, outputs: [output], attributes, domain });
    return output;
  }

  /** @param {string} type @param {readonly number[]} dims @param {NodeJS.ArrayBufferView} data */
  weight(type, dims, data, external = false) {
    const name = this.#name('weight');
    this.initializers.push({ name, type, dims, data, ...(external && this.#external && { external }) });
    return name;
  }

  /** @param {readonly number[]} values */
  integers(values) {
    return this.weight('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** The product with a matrix of noise. @param {string} x in float @param {number} rows @param {number} columns */
  multiply(x, rows, columns) {
    const size = rows * columns;
    const dims = [rows, columns];
    const scale = 1 / Math.sqrt(rows);
    switch (this.#dtype) {
      case 'fp32':
        return this.run('MatMul', [x, this.weight('float32', dims, makeNoise(size, scale), true)]);
      case 'fp16': {
        const half = this.weight('float16', dims, makeHalfNoise(size), true);
        return this.run('Cast', [this.run('MatMul', [this.run('Cast', [x], { to: 10 }), half])], { to: 1 });
      }
      case 'q4':
      case 'q4f16':
        return this.#multiplyBlocks(x, rows, columns);
      default:
        return this.#multiplyBytes(x, dims, scale / 127);
    }
  }

  /** @param {string} x @param {number} rows @param {number} columns */
  #multiplyBlocks(x, rows, columns) {
    const half = this.#dtype === 'q4f16';
    const blocks = rows / BLOCK;
    const bytes = this.weight('uint8', [columns, blocks, BLOCK / 2], makeBytes((columns * rows) / 2), true);
    const scales = half
      ? new Uint16Array(columns * blocks).fill(0x2000)
      : new Float32Array(columns * blocks).fill(1 / 128);
    const input = half ? this.run('Cast', [x], { to: 10 }) : x;
    const product = this.run(
      'MatMulNBits',
      [input, bytes, this.weight(half ? 'float16' : 'float32', [columns * blocks], scales, true)],
      { K: rows, N: columns, bits: 4, block_size: BLOCK },
      undefined,
      'com.microsoft',
    );
    return half ? this.run('Cast', [product], { to: 1 }) : product;
  }

  /** @param {string} x @param {readonly number[]} dims @param {number} scale */
  #multiplyBytes(x, dims, scale) {
    const signed = this.#dtype !== 'uint8';
    const [quantized, ownScale, zero] = [this.#name('q'), this.#name('scale'), this.#name('zero')];
    this.nodes.push({ op: 'DynamicQuantizeLinear', inputs: [x], outputs: [quantized, ownScale, zero] });
    const type = signed ? 'int8' : 'uint8';
    const matrix = this.weight(type, dims, makeBytes(dims.reduce((size, dim) => size * dim, 1)), true);
    const middle = this.weight(type, [], Uint8Array.of(signed ? 0 : 128));
    const product = this.run('Cast', [this.run('MatMulInteger', [quantized, matrix, zero, middle])], { to: 1 });
    const factor = this.run('Mul', [ownScale, this.weight('float32', [], Float32Array.of(scale))]);
    return this.run('Mul', [product, factor]);
  }

  /** @param {string} what */
  #name(what) {
    this.#count += 1;
    return `${what}_${this.#count}`;
  }
}

/** Words as vectors, then layers of two matrices each. @param {GraphOf} graph @param {number} hidden @param {number} layers */
function buildEncoder(graph, hidden, layers) {
  const size = ['batch', 'tokens'];
  for (const name of ['input_ids', 'attention_mask', 'token_type_ids'])
    graph.inputs.push({ name, type: 'int64', dims: size });
  graph.outputs.push({ name: 'last_hidden_state', type: 'float32', dims: [...size, hidden] });
  const mask = graph.run('Unsqueeze', [graph.run('Cast', ['attention_mask'], { to: 1 }), graph.integers([2])]);
  let x = embed(graph, hidden);
  for (let layer = 0; layer < layers; layer++) x = feedForward(graph, x, hidden);
  graph.run('Mul', [x, mask], {}, 'last_hidden_state');
}

/** The same with keys and values that are kept. @param {GraphOf} graph @param {number} hidden @param {number} layers */
function buildDecoder(graph, hidden, layers) {
  const width = hidden / HEADS;
  graph.inputs.push({ name: 'input_ids', type: 'int64', dims: ['batch', 'tokens'] });
  graph.inputs.push({ name: 'attention_mask', type: 'int64', dims: ['batch', 'all'] });
  let x = embed(graph, hidden);
  for (let layer = 0; layer < layers; layer++) {
    const heads = (/** @type {string} */ each) => {
      const split = graph.run('Reshape', [each, graph.integers([0, 0, HEADS, width])]);
      return graph.run('Transpose', [split], { perm: [0, 2, 1, 3] });
    };
    const keep = (/** @type {'key' | 'value'} */ kind) => {
      const [past, present] = [`past_key_values.${layer}.${kind}`, `present.${layer}.${kind}`];
      graph.inputs.push({ name: past, type: 'float32', dims: ['batch', HEADS, 'past', width] });
      graph.outputs.push({ name: present, type: 'float32', dims: ['batch', HEADS, 'all', width] });
      return graph.run('Concat', [past, heads(graph.multiply(x, hidden, hidden))], { axis: 2 }, present);
    };
    const [key, value] = [keep('key'), keep('value')];
    const query = heads(graph.multiply(x, hidden, hidden));
    const scores = graph.run('MatMul', [query, graph.run('Transpose', [key], { perm: [0, 1, 3, 2] })]);
    const seen = graph.run('MatMul', [graph.run('Softmax', [scores], { axis: -1 }), value]);
    const joined = graph.run('Reshape', [
      graph.run('Transpose', [seen], { perm: [0, 2, 1, 3] }),
      graph.integers([0, 0, hidden]),
    ]);
    x = feedForward(graph, graph.run('Add', [x, joined]), hidden);
  }
  graph.outputs.push({ name: 'logits', type: 'float32', dims: ['batch', 'tokens', WORDS.length] });
  graph.run(
    'MatMul',
    [x, graph.weight('float32', [hidden, WORDS.length], makeNoise(hidden * WORDS.length, 1))],
    {},
    'logits',
  );
}

/** @param {GraphOf} graph @param {number} hidden */
function embed(graph, hidden) {
  const table = graph.weight('float32', [WORDS.length, hidden], makeNoise(WORDS.length * hidden, 1));
  return graph.run('Gather', [table, 'input_ids']);
}

/** @param {GraphOf} graph @param {string} x @param {number} hidden */
function feedForward(graph, x, hidden) {
  const wide = graph.run('Relu', [graph.multiply(x, hidden, 4 * hidden)]);
  return graph.run('Add', [x, graph.multiply(wide, 4 * hidden, hidden)]);
}

/** Noise that repeats: what is computed needs no better. No two weights are the same, or the engine would keep one of them. */
const PERIOD = 4099;
let seed = 0;

/** @param {number} size @param {number} scale */
function makeNoise(size, scale) {
  return repeat(new Float32Array(size), (i) => Math.sin(i * i) * scale);
}

/** Halves between 2^-7 and 2^-5 of either sign. @param {number} size */
function makeHalfNoise(size) {
  return repeat(new Uint16Array(size), (i) => (i % 2) * 0x8000 + 0x2000 + ((i * i * 37) % 0x800));
}

/** @param {number} size */
function makeBytes(size) {
  return repeat(new Uint8Array(size), (i) => (i * i * 37) % 251);
}

/** @template {Float32Array | Uint16Array | Uint8Array} T @param {T} into @param {(i: number) => number} make @returns {T} */
function repeat(into, make) {
  seed += 1;
  for (let i = 0; i < Math.min(PERIOD, into.length); i++) into[i] = make(i + seed);
  for (let at = PERIOD; at < into.length; at += PERIOD) into.copyWithin(at, 0, Math.min(PERIOD, into.length - at));
  return into;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [kind, folder, hidden = '64', layers = '1'] = process.argv.slice(2);
  if (!folder || (kind !== 'encoder' && kind !== 'decoder'))
    throw new Error('node tools/synthetic-onnx.mjs encoder|decoder FOLDER [HIDDEN] [LAYERS]');
  writeOnnxFamily(folder, { kind, hidden: Number(hidden), layers: Number(layers) });
}
