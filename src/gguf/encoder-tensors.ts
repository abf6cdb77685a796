/** Knows the tensors of the types of projectors that were compared with llama.cpp, row by row, and which of their dimensions are the same. It must not know files. */

/** A number, or the name of a length. With a `+` behind it, more is right too. */
export type Length = number | string;

/** One tensor; the first dimension is the fastest. */
export interface TensorRow {
  readonly name: string;
  readonly dims: readonly Length[];
  /** Engines end the process if it is missing. */
  readonly needed: boolean;
  /** Engines end the process if it is of another type. Other tensors are factors of a product, which may be quantized. */
  readonly isF32: boolean;
}

/** The tensors of one type of encoder. */
export interface EncoderTensors {
  /** Behind `a.blk.N.` or `v.blk.N.`. */
  readonly block: readonly TensorRow[];
  readonly others: readonly TensorRow[];
  /** One weight may stand for those of queries, keys and values. */
  readonly canFuse?: boolean;
  /** Engines end the process if a block has it. */
  readonly refused?: string;
}

export const SEPARATE: readonly TensorRow[] = [
  weight('attn_q.weight', 'width', 'width'),
  weight('attn_k.weight', 'width', 'width'),
  weight('attn_v.weight', 'width', 'width'),
  optional(vector('attn_q.bias', 'width')),
  optional(vector('attn_k.bias', 'width')),
  optional(vector('attn_v.bias', 'width')),
];
export const FUSED: readonly TensorRow[] = [
  weight('attn_qkv.weight', 'width', 'fused'),
  optional(vector('attn_qkv.bias', 'fused')),
];
export const FEED_FORWARD: readonly TensorRow[] = [
  weight('ffn_up.weight', 'width', 'ffn'),
  weight('ffn_down.weight', 'ffn', 'width'),
  optional(vector('ffn_up.bias', 'ffn')),
  optional(vector('ffn_down.bias', 'width')),
];
/** Some files have the names exchanged, which llama.cpp sees by the dimensions. */
export const SWAPPED_FEED_FORWARD: readonly TensorRow[] = [
  weight('ffn_down.weight', 'width', 'ffn'),
  weight('ffn_up.weight', 'ffn', 'width'),
  optional(vector('ffn_down.bias', 'ffn')),
  optional(vector('ffn_up.bias', 'width')),
];

const IMAGE_BLOCK: readonly TensorRow[] = [
  weight('attn_out.weight', 'width', 'width'),
  optional(vector('attn_out.bias', 'width')),
  ...['ln1.weight', 'ln1.bias', 'ln2.weight', 'ln2.bias'].map((name) => optional(vector(name, 'width'))),
];
const SOUND_BLOCK: readonly TensorRow[] = [
  weight('attn_out.weight', 'width', 'width'),
  optional(vector('attn_out.bias', 'width')),
  ...['attn_q.bias', 'attn_v.bias', 'ln1.weight', 'ln1.bias', 'ln2.weight', 'ln2.bias'].map((name) =>
    vector(name, 'width'),
  ),
];
const SOUND_ENTRY: readonly TensorRow[] = [
  weight('a.conv1d.1.weight', 'kernel', 'mels', 'width'),
  vector('a.conv1d.1.bias', 1, 'width'),
  weight('a.conv1d.2.weight', 'kernel', 'width', 'width'),
  vector('a.conv1d.2.bias', 1, 'width'),
  vector('a.position_embd.weight', 'width', 'positions+'),
  optional(vector('a.post_ln.weight', 'width')),
  optional(vector('a.post_ln.bias', 'width')),
];
const IMAGE_ENTRY: readonly TensorRow[] = [
  weight('v.patch_embd.weight', 'patch', 'patch', 3, 'width'),
  optional(vector('v.patch_embd.bias', 'width')),
  optional(vector('v.class_embd', 'width')),
  ...['v.pre_ln.weight', 'v.pre_ln.bias', 'v.post_ln.weight', 'v.post_ln.bias'].map((name) =>
    optional(vector(name, 'width')),
  ),
];

/** Hears as Whisper does: keys have no bias. */
function sound(...rest: readonly TensorRow[]): EncoderTensors {
  return { block: SOUND_BLOCK, others: [...SOUND_ENTRY, ...rest], refused: 'attn_k.bias' };
}

/** Positions are added as they stand in the file. */
function image(...rest: readonly TensorRow[]): EncoderTensors {
  const positions = vector('v.position_embd.weight', 'width', 'positions');
  return { block: IMAGE_BLOCK, others: [...IMAGE_ENTRY, positions, ...rest], canFuse: true };
}

/** By the type's name. */
export const ENCODER_TENSORS: Readonly<Record<string, EncoderTensors>> = {
  qwen2a: sound(weight('mm.a.fc.weight', 'width', 'output'), vector('mm.a.fc.bias', 'output')),
  // Half of what the first layer gives is the gate of the other half.
  ultravox: sound(
    vector('mm.a.norm_pre.weight', 'stacked'),
    vector('mm.a.norm_mid.weight', 'half'),
    weight('mm.a.mlp.1.weight', 'stacked', 'twice half'),
    weight('mm.a.mlp.2.weight', 'half', 'output'),
  ),
  voxtral: sound(weight('mm.a.mlp.1.weight', 'stacked', 'middle'), weight('mm.a.mlp.2.weight', 'middle', 'output')),
  gemma3: image(weight('mm.input_projection.weight', 'output', 'width'), vector('mm.soft_emb_norm.weight', 'width')),
  idefics3: image(weight('mm.model.fc.weight', 'merged', 'output')),
  mlp: {
    block: IMAGE_BLOCK,
    others: [
      ...IMAGE_ENTRY,
      weight('v.position_embd.weight', 'width', 'positions+'),
      weight('mm.0.weight', 'width', 'middle'),
      vector('mm.0.bias', 'middle'),
      weight('mm.2.weight', 'middle', 'output'),
      vector('mm.2.bias', 'output'),
    ],
  },
};

function weight(name: string, ...dims: readonly Length[]): TensorRow {
  return { name, dims, needed: true, isF32: false };
}

function vector(name: string, ...dims: readonly Length[]): TensorRow {
  return { name, dims, needed: true, isF32: true };
}

function optional(row: TensorRow): TensorRow {
  return { ...row, needed: false };
}
