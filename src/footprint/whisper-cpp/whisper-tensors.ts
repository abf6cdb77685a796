/** Knows which tensors a file for whisper.cpp must hold, as `whisper_model_load` asks for them. It must not read files. */
import { findGgmlTypeByName, type GgmlType } from '../../gguf/ggml-types.ts';

/** The numbers at the beginning of a file. */
export interface WhisperShape {
  readonly vocabulary: number;
  readonly audioContext: number;
  /** Of the encoder and of the decoder. */
  readonly width: number;
  readonly audioHeads: number;
  readonly audioLayers: number;
  readonly textContext: number;
  readonly textHeads: number;
  readonly textLayers: number;
  readonly mels: number;
  /** The type of the matrices. */
  readonly type: GgmlType;
}

export interface WhisperTensor {
  /** The fastest first. */
  readonly dims: readonly number[];
  readonly type: GgmlType;
}

const KERNEL = 3;
const F32 = findGgmlTypeByName('F32')!;
const F16 = findGgmlTypeByName('F16')!;

/** All of them by their names, in no order. */
export function listWhisperTensors(shape: WhisperShape): ReadonlyMap<string, WhisperTensor> {
  const { vocabulary, audioContext, width, audioLayers, textContext, textLayers, mels, type } = shape;
  const tensors = new Map<string, WhisperTensor>();
  const add = (name: string, dims: readonly number[], of = F32) => void tensors.set(name, { dims, type: of });
  const convolve = (name: string, channels: number) => {
    add(`${name}.weight`, [KERNEL, channels, width], type === F32 ? F32 : F16);
    add(`${name}.bias`, [1, width]);
  };
  const normalize = (name: string) => {
    add(`${name}.weight`, [width]);
    add(`${name}.bias`, [width]);
  };
  const attend = (name: string) => {
    normalize(`${name}_ln`);
    for (const part of ['query', 'key', 'value', 'out']) {
      add(`${name}.${part}.weight`, [width, width], type);
      if (part !== 'key') add(`${name}.${part}.bias`, [width]);
    }
  };
  const feedForward = (name: string) => {
    normalize(`${name}.mlp_ln`);
    add(`${name}.mlp.0.weight`, [width, 4 * width], type);
    add(`${name}.mlp.0.bias`, [4 * width]);
    add(`${name}.mlp.2.weight`, [4 * width, width], type);
    add(`${name}.mlp.2.bias`, [width]);
  };
  add('encoder.positional_embedding', [width, audioContext]);
  convolve('encoder.conv1', mels);
  convolve('encoder.conv2', width);
  normalize('encoder.ln_post');
  for (let layer = 0; layer < audioLayers; layer++) {
    attend(`encoder.blocks.${layer}.attn`);
    feedForward(`encoder.blocks.${layer}`);
  }
  add('decoder.positional_embedding', [width, textContext]);
  add('decoder.token_embedding.weight', [width, vocabulary], type);
  normalize('decoder.ln');
  for (let layer = 0; layer < textLayers; layer++) {
    attend(`decoder.blocks.${layer}.attn`);
    attend(`decoder.blocks.${layer}.cross_attn`);
    feedForward(`decoder.blocks.${layer}`);
  }
  return tensors;
}

/** In a type whose blocks divide every row. */
export function countTensorBytes({ dims, type }: WhisperTensor): number {
  return (dims.reduce((product, dim) => product * dim, 1) / type.weightsPerBlock) * type.bytesPerBlock;
}
