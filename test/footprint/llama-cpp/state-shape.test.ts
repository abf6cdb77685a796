/** The elements of states, by the keys of llama-hparams.cpp. */
import { expect, it } from 'vitest';
import { readSsmShape, readStateShape } from '../../../src/footprint/llama-cpp/state-shape.ts';
import type { GgufValue } from '../../../src/gguf/gguf-metadata.ts';
import { HeaderKeys } from '../../../src/gguf/header-keys.ts';

const open = (keys: Record<string, GgufValue>) => {
  const metadata = new Map(Object.entries(keys).map(([key, value]) => [`x.${key}`, value]));
  return new HeaderKeys({ path: 'm.gguf', metadata }, 'x');
};
const SSM = { 'ssm.conv_kernel': 4, 'ssm.inner_size': 1024, 'ssm.state_size': 16, 'ssm.time_step_rank': 32 };

/** The state of a model 512 wide with eight heads. */
function read(keys: Record<string, GgufValue>) {
  const header = open(keys);
  return readStateShape(header, readSsmShape(header), 512, 8);
}

it('Mamba keeps three columns of its convolution, with those of its groups, and the state of each channel', () => {
  expect(read(SSM)).toEqual({ convolution: 3 * 1024, state: 16 * 1024 });
  expect(read({ ...SSM, 'ssm.group_count': 2 })).toEqual({ convolution: 3 * (1024 + 4 * 16), state: 16 * 1024 });
  expect(readSsmShape(open(SSM))).toEqual({
    kernel: 4,
    inner: 1024,
    state: 16,
    timeRank: 32,
    groups: 0,
    normed: false,
  });
});

it('a short convolution keeps its columns', () => {
  expect(read({ 'shortconv.l_cache': 3 })).toEqual({ convolution: 2 * 512, state: 0 });
});

it('RWKV keeps the tokens before and a square for each head', () => {
  expect(read({ 'wkv.head_size': 64 })).toEqual({ convolution: 2 * 512, state: 64 * 512 });
  expect(read({ 'wkv.head_size': 64, token_shift_count: 1 })).toEqual({ convolution: 512, state: 64 * 512 });
});

it('linear attention keeps three convolutions and a square for each head', () => {
  expect(read({ 'kda.head_dim': 64 })).toEqual({ convolution: 3 * 3 * 8 * 64, state: 64 * 64 * 8 });
  expect(read({ 'kda.head_dim': 64, 'ssm.conv_kernel': 5 })).toEqual({
    convolution: 3 * 4 * 8 * 64,
    state: 64 * 64 * 8,
  });
});

it('a model without such keys keeps none', () => {
  expect(read({})).toBeUndefined();
  expect(readSsmShape(open({}))).toBeUndefined();
});
