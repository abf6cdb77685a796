/** How much more is counted for a graph that isn't mirrored. */
import { describe, expect, it } from 'vitest';
import { findArchitecture } from '../../../src/footprint/llama-cpp/architectures.ts';
import { boundGraphBytes, describeGraphBound } from '../../../src/footprint/llama-cpp/graph-bound.ts';
import { createModelShape, createRun, type SmallShape } from '../../support/graph-shapes.ts';

/** The bound of a graph of 1000 bytes for eight tokens, 128 wide, with weights of 256 rows. */
const bound = (shape: SmallShape, run = {}) => boundGraphBytes(createModelShape(shape), createRun(run), 1000);
const WIDEST_ROW = 256 * 8 * 4;

describe('the bound of a graph', () => {
  it('is the graph itself if it was compared, and more if it was not', () => {
    expect(bound({ architecture: 'llama' })).toBe(1000);
    expect(bound({ architecture: 'falcon' })).toBe(1350);
    expect(bound({ architecture: 'chameleon' })).toBe(2400);
    expect(bound({ architecture: 'mystery' })).toBe(2500);
  });

  it('has copies of the states of all sequences, and what is projected to them', () => {
    const state = { convolution: 3, state: 7 };
    expect(bound({ architecture: 'mamba2', state }, { sequences: 2 })).toBe(1350 + 4 * 10 * 2 * 4 + 2 * WIDEST_ROW);
    expect(bound({ architecture: 'mamba', state })).toBe(1000);
  });

  it('has more for a model that mixes tokens by time', () => {
    const state = { convolution: 3, state: 7 };
    expect(bound({ architecture: 'rwkv7', mixesByTime: true, state })).toBe(2700 + 4 * 10 * 4);
    expect(bound({ architecture: 'mystery', mixesByTime: true })).toBe(2700);
  });

  it('has the scores of an index for each cell and token', () => {
    expect(bound({ architecture: 'minimax-m3', indexLength: 64 })).toBe(1350 + 5 * 8 * 256 * 4);
    expect(bound({ architecture: 'deepseek32', indexLength: 64 })).toBe(1350 + 1.5 * 8 * 256 * 4);
    expect(bound({ architecture: 'deepseek4', indexLength: 64 })).toBe(2600);
  });

  it('has a dense part beside experts, and the vectors of layers', () => {
    expect(bound({ architecture: 'gemma4', denseBesideExperts: true })).toBe(1350 + 3 * WIDEST_ROW);
    expect(bound({ architecture: 'gemma3n', layerVectors: 640 })).toBe(1350 + 4 * 640 * 8 * 4);
  });
});

it('a bound says whether the architecture was ever held against the engine', () => {
  expect(describeGraphBound(findArchitecture('falcon'))).toMatch(/"falcon" is bounded: .* shapes of \d+ architectures/);
  expect(describeGraphBound(findArchitecture('mystery'))).toMatch(/"mystery" was never compared .* by 2\.5 times/);
});
