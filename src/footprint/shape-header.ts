/**
 * Knows what the header of a model's file says, for a model of which only the shape is known: its keys and its tensors. It must not read
 * files or know sizes of anything but tensors.
 */
import { countWeightBytes, findGgmlTypeByName, type GgmlType } from '../gguf/ggml-types.ts';
import type { GgufMetadata, GgufTensors, GgufValue, ModelHeader, TensorKind } from '../gguf/read-gguf.ts';
import type { AudioEncoderShape, LanguageShape, PublishedShape } from './published-shapes.ts';
import { findQuantizerMix, type WeightPlace, type WeightRole } from './quantizer-mix.ts';

interface NamedTensor {
  readonly name: string;
  readonly type: GgmlType;
  readonly dims: readonly number[];
}

const F32 = findGgmlTypeByName('F32')!;
/** Converters write the weights of a projector in it, whatever the model is quantized to. */
const F16 = findGgmlTypeByName('F16')!;
/** The default of `general.alignment`. */
const ALIGNMENT = 32;

/** Returns the header of the language model in this quantization, or `undefined` if it isn't known how that mixes types. */
export function describeLanguageModel(
  name: string,
  { language }: PublishedShape,
  quantization: string,
): ModelHeader | undefined {
  const typeOf = findQuantizerMix(quantization);
  return typeOf && createHeader(name, listLanguageKeys(language), listLanguageTensors(language, typeOf));
}

/** Returns the header of the projector that belongs to it. */
export function describeProjector(name: string, { language, audio }: PublishedShape): ModelHeader {
  return createHeader(name, listProjectorKeys(audio, language.hidden), listProjectorTensors(audio, language.hidden));
}

function createHeader(
  name: string,
  keys: Readonly<Record<string, GgufValue>>,
  tensors: readonly NamedTensor[],
): ModelHeader {
  const metadata: GgufMetadata = new Map(Object.entries(keys));
  return {
    path: `the published shape of ${name}`,
    architecture: String(metadata.get('general.architecture')),
    metadata,
    tensors: collectTensors(tensors),
  };
}

function collectTensors(tensors: readonly NamedTensor[]): GgufTensors {
  const kinds = new Map<string, TensorKind>();
  const byName = new Map<string, string>();
  let dataBytes = 0;
  for (const { name, type, dims } of tensors) {
    const key = `${type.name} ${dims.join(' ')}`;
    const bytes = countWeightBytes(
      type,
      dims.reduce((product, dim) => product * dim, 1),
    )!;
    const from = Math.ceil(dataBytes / ALIGNMENT) * ALIGNMENT;
    dataBytes = from + bytes;
    const { count = 0, inLayer = false, span = { from } } = kinds.get(key) ?? {};
    kinds.set(key, {
      dims,
      type,
      bytes,
      count: count + 1,
      inLayer: inLayer || name.startsWith('blk.'),
      span: { from: span.from, to: dataBytes },
    });
    byName.set(name, key);
  }
  return {
    length: tensors.length,
    kinds: [...kinds.values()],
    shards: [{ dataOffset: 0, dataBytes }],
    find: (name) => kinds.get(byName.get(name) ?? ''),
  };
}

function listLanguageKeys({ architecture, ...shape }: LanguageShape): Record<string, GgufValue> {
  return {
    'general.architecture': architecture,
    [`${architecture}.context_length`]: shape.context,
    [`${architecture}.embedding_length`]: shape.hidden,
    [`${architecture}.block_count`]: shape.layers,
    [`${architecture}.feed_forward_length`]: shape.ffn,
    [`${architecture}.attention.head_count`]: shape.heads,
    [`${architecture}.attention.head_count_kv`]: shape.kvHeads,
    'tokenizer.ggml.tokens': { length: shape.vocabulary, elementType: 'string', offset: 0 },
    'tokenizer.ggml.merges': { length: shape.merges, elementType: 'string', offset: 0 },
  };
}

/** The weights of a decoder whose queries, keys and values have biases, as those of Qwen2. */
function listLanguageTensors(
  { layers, hidden, heads, kvHeads, ffn, vocabulary }: LanguageShape,
  typeOf: (place: WeightPlace) => GgmlType,
): readonly NamedTensor[] {
  const keyWidth = (hidden / heads) * kvHeads;
  const weight = (role: WeightRole, layer: number, name: string, ...dims: number[]): NamedTensor => ({
    name: `${name}.weight`,
    type: typeOf({ role, layer, layers }),
    dims,
  });
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const block = `blk.${layer}`;
    return [
      vector(`${block}.attn_norm.weight`, hidden),
      weight('other', layer, `${block}.attn_q`, hidden, hidden),
      vector(`${block}.attn_q.bias`, hidden),
      weight('other', layer, `${block}.attn_k`, hidden, keyWidth),
      vector(`${block}.attn_k.bias`, keyWidth),
      weight('attention-value', layer, `${block}.attn_v`, hidden, keyWidth),
      vector(`${block}.attn_v.bias`, keyWidth),
      weight('attention-output', layer, `${block}.attn_output`, hidden, hidden),
      vector(`${block}.ffn_norm.weight`, hidden),
      weight('other', layer, `${block}.ffn_gate`, hidden, ffn),
      weight('other', layer, `${block}.ffn_up`, hidden, ffn),
      weight('feed-forward-down', layer, `${block}.ffn_down`, ffn, hidden),
    ];
  });
  return [
    weight('embedding', 0, 'token_embd', hidden, vocabulary),
    vector('output_norm.weight', hidden),
    weight('output', 0, 'output', hidden, vocabulary),
    ...blocks.flat(),
  ];
}

function listProjectorKeys(audio: AudioEncoderShape, projection: number): Record<string, GgufValue> {
  return {
    'general.architecture': 'clip',
    'clip.has_audio_encoder': true,
    'clip.audio.projector_type': audio.type,
    'clip.audio.embedding_length': audio.width,
    'clip.audio.feed_forward_length': audio.ffn,
    'clip.audio.block_count': audio.layers,
    'clip.audio.attention.head_count': audio.heads,
    'clip.audio.num_mel_bins': audio.mels,
    'clip.audio.projection_dim': projection,
  };
}

/** The encoder of Whisper, and one product that makes its vectors as wide as the decoder's. */
function listProjectorTensors(
  { layers, width, ffn, mels, positions }: AudioEncoderShape,
  projection: number,
): readonly NamedTensor[] {
  const norm = (name: string) => [vector(`${name}.weight`, width), vector(`${name}.bias`, width)];
  const product = (name: string, from: number, to: number) => [
    { name: `${name}.weight`, type: F16, dims: [from, to] },
    vector(`${name}.bias`, to),
  ];
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const block = `a.blk.${layer}`;
    return [
      ...product(`${block}.attn_q`, width, width),
      { name: `${block}.attn_k.weight`, type: F16, dims: [width, width] },
      ...product(`${block}.attn_v`, width, width),
      ...product(`${block}.attn_out`, width, width),
      ...norm(`${block}.ln1`),
      ...norm(`${block}.ln2`),
      ...product(`${block}.ffn_up`, width, ffn),
      ...product(`${block}.ffn_down`, ffn, width),
    ];
  });
  return [
    { name: 'a.conv1d.1.weight', type: F16, dims: [3, mels, width] },
    { name: 'a.conv1d.1.bias', type: F32, dims: [1, width] },
    { name: 'a.conv1d.2.weight', type: F16, dims: [3, width, width] },
    { name: 'a.conv1d.2.bias', type: F32, dims: [1, width] },
    { name: 'a.position_embd.weight', type: F32, dims: [width, positions] },
    ...norm('a.post_ln'),
    ...product('mm.a.fc', width, projection),
    ...blocks.flat(),
  ];
}

function vector(name: string, length: number): NamedTensor {
  return { name, type: F32, dims: [length] };
}
