/** Writes GGUF files for tests byte by byte, right ones and wrong ones; it must not use the reader's tables. */
import { writeFileSync } from 'node:fs';

const VALUE_IDS = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  u64: 10,
  i64: 11,
  f64: 12,
};
type ScalarType = keyof typeof VALUE_IDS;
type Scalar = number | bigint | boolean | string;

/** Key, type, value. `u32[]` is an array of u32. */
export type Entry =
  | readonly [key: string, type: ScalarType, value: Scalar]
  | readonly [key: string, type: `${ScalarType}[]`, value: readonly Scalar[]];

/** id, weights per block, bytes per block. */
const TENSOR_TYPES = {
  F32: [0, 1, 4],
  F16: [1, 1, 2],
  Q4_0: [2, 32, 18],
  Q8_0: [8, 32, 34],
  Q4_K: [12, 256, 144],
  Q6_K: [14, 256, 210],
  BF16: [30, 1, 2],
  MXFP4: [39, 32, 17],
} as const;

export interface TensorSpec {
  readonly name: string;
  readonly dims: readonly (number | bigint)[];
  readonly type: keyof typeof TENSOR_TYPES;
  /** In place of the right ones. */
  readonly typeId?: number;
  readonly offset?: number | bigint;
}

export interface GgufSpec {
  readonly version?: number;
  readonly entries?: readonly Entry[];
  readonly tensors?: readonly TensorSpec[];
  readonly alignment?: number;
  /** In place of the right counts. */
  readonly tensorCount?: number | bigint;
  readonly entryCount?: number | bigint;
}

/** The bytes of a model whose data is all zeros, and where its header ends. */
export function ggufBytes(spec: GgufSpec): { bytes: Buffer; headerBytes: number } {
  const { version = 3, entries = [], tensors = [], alignment = 32 } = spec;
  const parts: Buffer[] = [Buffer.from('GGUF'), u32(version)];
  parts.push(u64(spec.tensorCount ?? tensors.length), u64(spec.entryCount ?? entries.length));
  for (const entry of entries) parts.push(entryBytes(entry));
  let next = 0;
  let end = 0;
  for (const tensor of tensors) {
    const [id, perBlock, blockBytes] = TENSOR_TYPES[tensor.type];
    parts.push(string(tensor.name), u32(tensor.dims.length), ...tensor.dims.map(u64));
    parts.push(u32(tensor.typeId ?? id), u64(tensor.offset ?? next));
    end = next + (tensor.dims.reduce<number>((product, dim) => product * Number(dim), 1) / perBlock) * blockBytes;
    next = Math.ceil(end / alignment) * alignment;
  }
  const header = Buffer.concat(parts);
  const start = Math.ceil(header.length / alignment) * alignment;
  const data = Number.isSafeInteger(end) && end < 2 ** 24 ? end : 0;
  const padding = tensors.length === 0 ? 0 : start - header.length + data;
  return { bytes: Buffer.concat([header, Buffer.alloc(padding)]), headerBytes: header.length };
}

export function writeGguf(path: string, spec: GgufSpec): string {
  writeFileSync(path, ggufBytes(spec).bytes);
  return path;
}

/** One metadata entry, to be put together with damaged ones. */
export function entryBytes([key, type, value]: Entry): Buffer {
  const element = type.replace('[]', '') as ScalarType;
  if (!Array.isArray(value))
    return Buffer.concat([string(key), u32(VALUE_IDS[element]), scalar(element, value as Scalar)]);
  const head = [string(key), u32(9), u32(VALUE_IDS[element]), u64(value.length)];
  return Buffer.concat([...head, ...value.map((each) => scalar(element, each))]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function scalar(type: ScalarType, value: Scalar): Buffer {
  if (type === 'string') return string(String(value));
  const bytes = Buffer.alloc(8);
  switch (type) {
    case 'u8':
    case 'bool':
      return bytes.subarray(0, bytes.writeUInt8(Number(value)));
    case 'i8':
      return bytes.subarray(0, bytes.writeInt8(Number(value)));
    case 'u16':
      return bytes.subarray(0, bytes.writeUInt16LE(Number(value)));
    case 'i16':
      return bytes.subarray(0, bytes.writeInt16LE(Number(value)));
    case 'u32':
      return bytes.subarray(0, bytes.writeUInt32LE(Number(value)));
    case 'i32':
      return bytes.subarray(0, bytes.writeInt32LE(Number(value)));
    case 'f32':
      return bytes.subarray(0, bytes.writeFloatLE(Number(value)));
    case 'u64':
      return bytes.subarray(0, bytes.writeBigUInt64LE(BigInt(value as number | bigint)));
    case 'i64':
      return bytes.subarray(0, bytes.writeBigInt64LE(BigInt(value as number | bigint)));
    case 'f64':
      return bytes.subarray(0, bytes.writeDoubleLE(Number(value)));
  }
}

/** A small language model: every value type, per-layer arrays, a vocabulary, mixed tensor types. */
export function smallModel({ vocabulary = 300, layers = 2, version = 3 } = {}): GgufSpec & { entries: Entry[] } {
  const tokens = Array.from({ length: vocabulary }, (_, index) => `token${index}é`);
  const tensors: TensorSpec[] = [
    { name: 'token_embd.weight', dims: [256, vocabulary], type: 'Q4_K' },
    { name: 'output_norm.weight', dims: [256], type: 'F32' },
  ];
  for (let layer = 0; layer < layers; layer++) {
    tensors.push({ name: `blk.${layer}.attn_k.weight`, dims: [256, 33], type: 'Q6_K' });
    tensors.push({ name: `blk.${layer}.attn_k.bias`, dims: [33], type: 'F16' });
    tensors.push({ name: `blk.${layer}.ffn_up_exps.weight`, dims: [32, 3, 5, 2], type: 'MXFP4' });
  }
  const entries: Entry[] = [
    ['general.architecture', 'string', 'qwen2'],
    ['general.type', 'string', 'model'],
    ['general.name', 'string', 'Löwe 模型'],
    ['general.file_type', 'u32', 15],
    ['general.tags', 'string[]', ['a', 'bc', '']],
    ['qwen2.block_count', 'u32', layers],
    ['qwen2.attention.head_count_kv', 'i32[]', Array.from({ length: layers }, (_, layer) => layer - 1)],
    ['qwen2.rope.freq_base', 'f32', 0.1],
    ['qwen2.test.f64', 'f64', Math.PI],
    ['qwen2.test.u8', 'u8', 255],
    ['qwen2.test.i8', 'i8', -128],
    ['qwen2.test.u16', 'u16', 65_535],
    ['qwen2.test.i16', 'i16', -32_768],
    ['qwen2.test.u64', 'u64', 2n ** 53n],
    ['qwen2.test.i64', 'i64', -5n],
    ['qwen2.test.flags', 'bool[]', [true, false, true]],
    ['qwen2.test.empty', 'f32[]', []],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.scores', 'f32[]', tokens.map((_, index) => index / 8)],
    ['tokenizer.chat_template', 'string', '{% for message in messages %}'],
  ];
  return { version, entries, tensors };
}

/** An audio projector. */
export function smallProjector(): GgufSpec & { entries: Entry[] } {
  return {
    alignment: 128,
    entries: [
      ['general.architecture', 'string', 'clip'],
      ['general.type', 'string', 'mmproj'],
      ['general.alignment', 'u32', 128],
      ['clip.has_audio_encoder', 'bool', true],
      ['clip.audio.embedding_length', 'u32', 64],
    ],
    tensors: [
      { name: 'a.conv1d.1.weight', dims: [3, 16, 64], type: 'F16' },
      { name: 'a.conv1d.1.bias', dims: [1, 64], type: 'F32' },
      { name: 'mm.a.fc.weight', dims: [64, 32], type: 'Q8_0' },
      { name: 'mm.a.fc.scale', dims: [], type: 'BF16' },
    ],
  };
}

/** The keys that every projector of this type and kind has. */
export function createProjectorEntries(type: string, kind: 'audio' | 'vision'): Entry[] {
  const kindEntries: Entry[] =
    kind === 'audio'
      ? [['clip.audio.num_mel_bins', 'u32', 128]]
      : [
          ['clip.vision.image_size', 'u32', 448],
          ['clip.vision.patch_size', 'u32', 14],
        ];
  return [
    ['general.architecture', 'string', 'clip'],
    [`clip.has_${kind}_encoder`, 'bool', true],
    ['clip.projector_type', 'string', type],
    [`clip.${kind}.embedding_length`, 'u32', 64],
    [`clip.${kind}.feed_forward_length`, 'u32', 128],
    [`clip.${kind}.block_count`, 'u32', 2],
    [`clip.${kind}.attention.head_count`, 'u32', 4],
    [`clip.${kind}.projection_dim`, 'u32', 512],
    ...kindEntries,
  ];
}
