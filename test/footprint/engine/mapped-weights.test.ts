import { expect, test } from 'vitest';
import { divideWeights } from '../../../src/footprint/engine/mapped-weights.ts';
import type { GgufTensors, TensorKind } from '../../../src/gguf/read-gguf.ts';

type Given = readonly [name: string, type: string, bytes: number, dims?: number];

/** Tensors of these bytes, one behind the other, as a header tells of them. */
function tensorsOf(...given: readonly Given[]): GgufTensors {
  const kinds = new Map<string, { -readonly [K in keyof TensorKind]: TensorKind[K] }>();
  const names = new Map<string, TensorKind>();
  let from = 0;
  let embeddingFrom: number | undefined;
  for (const [name, type, bytes, rank = 2] of given) {
    const key = `${type} ${bytes} ${rank}`;
    const dims = new Array<number>(rank).fill(32);
    const kind = kinds.get(key) ?? {
      dims,
      type: { name: type },
      bytes,
      count: 0,
      inLayer: true,
      span: { from, to: 0 },
    };
    kind.count += 1;
    kind.span = { from: kind.span.from, to: from + bytes };
    kinds.set(key, kind as never);
    names.set(name, kind as TensorKind);
    if (name === 'token_embd.weight') embeddingFrom = from;
    from += bytes;
  }
  const shards = [{ dataOffset: 0, dataBytes: from }];
  const found = embeddingFrom === undefined ? {} : { embeddingFrom };
  return { length: given.length, kinds: [...kinds.values()], shards, ...found, find: (name) => names.get(name) };
}

const K = 1024;
/** An embedding, a norm, two matrices of one type, a norm, one of another type. */
const tensors = tensorsOf(
  ['token_embd.weight', 'Q4_K', 8 * K],
  ['output_norm.weight', 'F32', K, 1],
  ['output.weight', 'Q6_K', 9 * K],
  ['blk.0.attn_q.weight', 'Q4_K', 4 * K],
  ['blk.0.attn_norm.weight', 'F32', K, 1],
  ['blk.0.ffn_down.weight', 'Q4_K', 5 * K],
);
const place = (bytes: number) => ({ name: 'CPU', host: true, bytes });
const copies = (bytes: number) => ({ name: 'CPU_REPACK', host: false, bytes });

test('all weights are mapped if none is copied', () => {
  expect(divideWeights(tensors, [place(28 * K)])).toEqual({
    mappedBytes: 28 * K,
    copiedFromBytes: 0,
    anonymousBytes: 0,
  });
});

test('what is copied at the end of the file is unmapped, and what lies between is mapped and done with', () => {
  // Both Q4_K matrices are copied; the last one lies behind everything that is used in place.
  expect(divideWeights(tensors, [place(19 * K), copies(9 * K)])).toEqual({
    mappedBytes: 23 * K,
    copiedFromBytes: 4 * K,
    anonymousBytes: 9 * K,
  });
  // And of Q6_K too.
  expect(divideWeights(tensors, [place(10 * K), copies(18 * K)])).toMatchObject({
    mappedBytes: 23 * K,
    copiedFromBytes: 13 * K,
  });
});

test('an embedding that serves as the output is copied beside the one that is looked up', () => {
  const tied = tensorsOf(
    ['token_embd.weight', 'Q4_K', 8 * K],
    ['blk.0.attn_q.weight', 'Q4_K', 4 * K],
    ['n', 'F32', K, 1],
  );
  expect(divideWeights(tied, [place(9 * K), copies(12 * K)])).toEqual({
    mappedBytes: 13 * K,
    copiedFromBytes: 4 * K,
    anonymousBytes: 12 * K,
  });
});

test('an output of the type and shape of the embedding is copied, and not mapped behind the last weight in place', () => {
  const embedding: Given = ['token_embd.weight', 'Q4_0', 8 * K];
  const output: Given = ['output.weight', 'Q4_0', 8 * K];
  const layer: readonly Given[] = [
    ['blk.0.attn_norm.weight', 'F32', K, 1],
    ['blk.0.attn_q.weight', 'Q4_0', 4 * K],
  ];
  const divide = (...given: readonly Given[]) => divideWeights(tensorsOf(...given), [place(9 * K), copies(12 * K)]);
  expect(divide(embedding, ...layer, output)).toEqual({
    mappedBytes: 9 * K,
    copiedFromBytes: 0,
    anonymousBytes: 12 * K,
  });
  expect(divide(output, ...layer, embedding)).toMatchObject({ mappedBytes: 13 * K, copiedFromBytes: 4 * K });
});

test('all of the file may stay mapped if no choice of types explains what is copied', () => {
  expect(divideWeights(tensors, [place(20 * K), copies(8 * K)])).toEqual({
    mappedBytes: 28 * K,
    copiedFromBytes: 8 * K,
    anonymousBytes: 8 * K,
  });
});

test('what latent attention multiplies with each head apart is not copied, and stays mapped', () => {
  const latent = tensorsOf(
    ['token_embd.weight', 'Q4_0', 8 * K],
    ['output.weight', 'Q6_K', 9 * K],
    ['blk.0.attn_q_b.weight', 'Q4_0', 4 * K],
    ['blk.1.attn_k_b.weight', 'Q4_0', 2 * K, 3],
    ['blk.1.attn_v_b.weight', 'Q4_0', 3 * K, 3],
    ['blk.1.ffn_up_exps.weight', 'Q4_0', 16 * K, 3],
  );
  expect(divideWeights(latent, [place(22 * K), copies(20 * K)])).toEqual({
    mappedBytes: 26 * K,
    copiedFromBytes: 4 * K,
    anonymousBytes: 20 * K,
  });
  // A sum that no choice of types explains leaves all of it.
  expect(divideWeights(latent, [place(17 * K), copies(25 * K)])).toMatchObject({ mappedBytes: 42 * K });
});
