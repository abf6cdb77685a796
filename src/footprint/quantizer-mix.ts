/**
 * Knows which type llama.cpp's quantizer gives to each weight of a decoder, row by row: `llama_tensor_get_type_impl` of
 * `src/llama-quant.cpp`, for a model without experts and with a head of keys for each head, quantized without an importance matrix. It
 * must not know sizes.
 */
import { findGgmlTypeByName, type GgmlType } from '../gguf/ggml-types.ts';

/** The weights of a decoder that the quantizer tells apart. */
export type WeightRole =
  | 'embedding'
  | 'output'
  | 'attention-value'
  | 'attention-output'
  | 'feed-forward-down'
  | 'other';

/** Where a weight stands. */
export interface WeightPlace {
  readonly role: WeightRole;
  readonly layer: number;
  readonly layers: number;
}

/** What differs from the type of most weights. */
interface Mix {
  readonly most: string;
  /** The type of the output; `most` without it. */
  readonly output?: string;
  readonly value?: (layer: number, layers: number) => string | undefined;
  readonly down?: (layer: number, layers: number) => string | undefined;
  readonly attentionOutput?: string;
}

/** `use_more_bits`: the first and the last eighth of the layers, and every third one between them. */
function useMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

const sixBitsIfCareful = (layer: number, layers: number) => (useMoreBits(layer, layers) ? 'Q6_K' : undefined);
const firstLayers = (count: number, type: string) => (layer: number) => (layer < count ? type : undefined);
const firstShare = (divisor: number, type: string) => (layer: number, layers: number) =>
  layer < Math.floor(layers / divisor) ? type : undefined;
const always = (type: string) => () => type;

const MIXES: ReadonlyMap<string, Mix> = new Map<string, Mix>([
  ['F32', { most: 'F32' }],
  ['BF16', { most: 'BF16' }],
  ['F16', { most: 'F16' }],
  ['Q8_0', { most: 'Q8_0' }],
  ['Q6_K', { most: 'Q6_K' }],
  ['Q5_K_M', { most: 'Q5_K', output: 'Q6_K', value: sixBitsIfCareful, down: sixBitsIfCareful }],
  ['Q5_K_S', { most: 'Q5_K', output: 'Q6_K' }],
  ['Q5_1', { most: 'Q5_1', output: 'Q6_K' }],
  ['Q5_0', { most: 'Q5_0', output: 'Q6_K' }],
  ['Q4_K_M', { most: 'Q4_K', output: 'Q6_K', value: sixBitsIfCareful, down: sixBitsIfCareful }],
  ['Q4_K_S', { most: 'Q4_K', output: 'Q6_K', value: firstLayers(4, 'Q5_K'), down: firstShare(8, 'Q5_K') }],
  ['IQ4_NL', { most: 'IQ4_NL', output: 'Q6_K', down: firstShare(8, 'Q5_K') }],
  ['IQ4_XS', { most: 'IQ4_XS', output: 'Q6_K', down: firstShare(8, 'Q5_K') }],
  ['Q4_1', { most: 'Q4_1', output: 'Q6_K' }],
  ['Q4_0', { most: 'Q4_0', output: 'Q6_K' }],
  ['Q3_K_L', { most: 'Q3_K', output: 'Q6_K', value: always('Q5_K'), down: always('Q5_K'), attentionOutput: 'Q5_K' }],
  [
    'Q3_K_M',
    {
      most: 'Q3_K',
      output: 'Q6_K',
      value: (layer) => (layer < 2 ? 'Q5_K' : 'Q4_K'),
      down: (layer, layers) => (layer < Math.floor(layers / 16) ? 'Q5_K' : 'Q4_K'),
      attentionOutput: 'Q4_K',
    },
  ],
  ['Q3_K_S', { most: 'Q3_K', output: 'Q6_K' }],
  ['Q2_K', { most: 'Q2_K', output: 'Q6_K', value: always('Q3_K'), down: always('Q3_K'), attentionOutput: 'Q3_K' }],
]);

/** Returns what tells the type of each weight, or `undefined` for a quantization whose mix is in no row. */
export function findQuantizerMix(quantization: string): ((place: WeightPlace) => GgmlType) | undefined {
  const mix = MIXES.get(quantization);
  return mix && ((place) => findGgmlTypeByName(chooseType(mix, place) ?? mix.most)!);
}

function chooseType({ output, value, down, attentionOutput }: Mix, place: WeightPlace): string | undefined {
  const { role, layer, layers } = place;
  switch (role) {
    case 'output':
      return output;
    case 'attention-value':
      return value?.(layer, layers);
    case 'attention-output':
      return attentionOutput;
    case 'feed-forward-down':
      return down?.(layer, layers);
    case 'embedding':
    case 'other':
      return undefined;
    default:
      return role satisfies never;
  }
}
