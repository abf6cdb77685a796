import { describe, expect, it } from 'vitest';
import { findQuantizerMix, type WeightRole } from '../../src/footprint/quantizer-mix.ts';

const LAYERS = 32;

function typesOf(quantization: string, role: WeightRole): string[] {
  const typeOf = findQuantizerMix(quantization)!;
  return Array.from({ length: LAYERS }, (_, layer) => typeOf({ role, layer, layers: LAYERS }).name);
}

const positions = (types: readonly string[], type: string) => types.flatMap((each, at) => (each === type ? [at] : []));

describe('the mix of a quantization', () => {
  it.each(['F32', 'BF16', 'F16', 'Q8_0', 'Q6_K'])('is one type in %s', (type) => {
    for (const role of ['embedding', 'output', 'attention-value', 'feed-forward-down', 'other'] as const)
      expect(new Set(typesOf(type, role))).toEqual(new Set([type]));
  });

  it.each(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q5_K_S', 'Q3_K_S'])('keeps six bits of the output in %s alone', (name) => {
    const type = name.replace('_S', '');
    expect(new Set(typesOf(name, 'output'))).toEqual(new Set(['Q6_K']));
    for (const role of ['embedding', 'attention-value', 'attention-output', 'feed-forward-down', 'other'] as const)
      expect(new Set(typesOf(name, role))).toEqual(new Set([type]));
  });

  it('gives more bits to the first and the last eighth of the layers and every third between them in the medium mixes', () => {
    const careful = [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31];
    for (const [name, most] of [
      ['Q4_K_M', 'Q4_K'],
      ['Q5_K_M', 'Q5_K'],
    ] as const) {
      for (const role of ['attention-value', 'feed-forward-down'] as const) {
        expect(positions(typesOf(name, role), 'Q6_K')).toEqual(careful);
        expect(positions(typesOf(name, role), most)).toHaveLength(LAYERS - careful.length);
      }
      expect(new Set(typesOf(name, 'other'))).toEqual(new Set([most]));
    }
  });

  it('gives more bits to the first layers in the small mixes', () => {
    expect(positions(typesOf('Q4_K_S', 'attention-value'), 'Q5_K')).toEqual([0, 1, 2, 3]);
    expect(positions(typesOf('IQ4_XS', 'feed-forward-down'), 'Q5_K')).toEqual([0, 1, 2, 3]);
    expect(positions(typesOf('Q3_K_M', 'attention-value'), 'Q5_K')).toEqual([0, 1]);
    expect(positions(typesOf('Q3_K_M', 'feed-forward-down'), 'Q5_K')).toEqual([0, 1]);
    expect(new Set(typesOf('Q3_K_L', 'feed-forward-down'))).toEqual(new Set(['Q5_K']));
    expect(new Set(typesOf('Q3_K_M', 'attention-output'))).toEqual(new Set(['Q4_K']));
    expect(new Set(typesOf('Q2_K', 'attention-output'))).toEqual(new Set(['Q3_K']));
  });

  it('is not known for types that need an importance matrix, and for what is no quantization', () => {
    expect(findQuantizerMix('IQ1_S')).toBeUndefined();
    expect(findQuantizerMix('Q4_K')).toBeUndefined();
  });
});
