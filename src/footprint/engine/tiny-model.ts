/**
 * Writes the smallest model whose memory is known by heart, to see whether a build is understood: what is set must change its answer as it must.
 * It has no vocabulary and no weights to speak of. It must not ask.
 */

/** Layers, of which every sixth attends to the whole context and the others to `WINDOW` tokens. */
const LAYERS = 6;
const SLIDING_LAYERS = 5;
const WIDTH = 64;
const HEADS = 2;
const HEAD_LENGTH = 32;
const FEED_FORWARD = 96;
const VOCABULARY = 32;
const TRAINED_TOKENS = 8192;
export const WINDOW = 256;
const ALIGNMENT = 32;
const F32_BYTES = 4;

type Tensor = readonly [name: string, ...dims: readonly number[]];

/** gemma3: both kinds of caches in one model, known to builds since 2025. */
const TENSORS: readonly Tensor[] = [
  ['token_embd.weight', WIDTH, VOCABULARY],
  ['output_norm.weight', WIDTH],
  ...Array.from({ length: LAYERS }, (_, layer) => listLayer(`blk.${layer}.`)).flat(),
];

function listLayer(prefix: string): readonly Tensor[] {
  const vector = (name: string, length: number): Tensor => [`${prefix}${name}.weight`, length];
  const matrix = (name: string, from: number, to: number): Tensor => [`${prefix}${name}.weight`, from, to];
  const heads = HEADS * HEAD_LENGTH;
  return [
    ...['attn_norm', 'post_attention_norm', 'ffn_norm', 'post_ffw_norm'].map((name) => vector(name, WIDTH)),
    ...['attn_q_norm', 'attn_k_norm'].map((name) => vector(name, HEAD_LENGTH)),
    matrix('attn_q', WIDTH, heads),
    matrix('attn_k', WIDTH, HEAD_LENGTH),
    matrix('attn_v', WIDTH, HEAD_LENGTH),
    matrix('attn_output', heads, WIDTH),
    matrix('ffn_gate', WIDTH, FEED_FORWARD),
    matrix('ffn_up', WIDTH, FEED_FORWARD),
    matrix('ffn_down', FEED_FORWARD, WIDTH),
  ];
}

const KEYS: readonly (readonly [key: string, value: string | number])[] = [
  ['general.architecture', 'gemma3'],
  ['gemma3.context_length', TRAINED_TOKENS],
  ['gemma3.embedding_length', WIDTH],
  ['gemma3.block_count', LAYERS],
  ['gemma3.feed_forward_length', FEED_FORWARD],
  ['gemma3.attention.head_count', HEADS],
  ['gemma3.attention.head_count_kv', 1],
  ['gemma3.attention.key_length', HEAD_LENGTH],
  ['gemma3.attention.value_length', HEAD_LENGTH],
  ['gemma3.attention.sliding_window', WINDOW],
  ['gemma3.vocab_size', VOCABULARY],
  ['tokenizer.ggml.model', 'no_vocab'],
];

/** Bytes of all its tensors. */
export const TINY_WEIGHTS_BYTES = TENSORS.reduce((sum, tensor) => sum + countBytes(tensor), 0);

/** Bytes of keys and values for so many cells of each kind of layer, and bytes of an element of a key and of a value. */
export function countTinyCache(cells: number, slidingCells: number, keyBytes: number, valueBytes: number): number {
  const row = HEAD_LENGTH * (keyBytes + valueBytes);
  return ((LAYERS - SLIDING_LAYERS) * cells + SLIDING_LAYERS * slidingCells) * row;
}

/** The file's bytes. */
export function makeTinyModel(): Uint8Array {
  const header = new HeaderWriter();
  header
    .bytes('GGUF')
    .u32(3)
    .u64(TENSORS.length)
    .u64(KEYS.length + 1);
  for (const [key, value] of KEYS) header.entry(key, value);
  header.float('gemma3.attention.layer_norm_rms_epsilon', 1e-6);
  let offset = 0;
  for (const tensor of TENSORS) {
    const [name, ...dims] = tensor;
    header.text(name).u32(dims.length);
    for (const dim of dims) header.u64(dim);
    header.u32(0).u64(offset);
    offset += countBytes(tensor);
  }
  const start = align(header.length);
  const file = new Uint8Array(start + offset);
  file.set(header.take());
  return file;
}

function countBytes([, ...dims]: Tensor): number {
  return align(dims.reduce((product, dim) => product * dim, F32_BYTES));
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** The numbers by which the format names types of values. */
const TYPES = { u32: 4, f32: 6, text: 8 };

class HeaderWriter {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  take(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  bytes(text: string): this {
    this.#bytes.push(...new TextEncoder().encode(text));
    return this;
  }

  u32(value: number): this {
    return this.#put(4, (view) => view.setUint32(0, value, true));
  }

  u64(value: number): this {
    return this.#put(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  text(text: string): this {
    return this.u64(text.length).bytes(text);
  }

  entry(key: string, value: string | number): this {
    this.text(key);
    return typeof value === 'string' ? this.u32(TYPES.text).text(value) : this.u32(TYPES.u32).u32(value);
  }

  float(key: string, value: number): this {
    return this.text(key)
      .u32(TYPES.f32)
      .#put(4, (view) => view.setFloat32(0, value, true));
  }

  #put(count: number, write: (view: DataView) => void): this {
    const view = new DataView(new ArrayBuffer(count));
    write(view);
    this.#bytes.push(...new Uint8Array(view.buffer));
    return this;
  }
}
