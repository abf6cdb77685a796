/** Tensors are found by name and counted by kind, as far as the budget goes. */
import { describe, expect, test } from 'vitest';
import { findGgmlTypeByName } from '../../src/gguf/ggml-types.ts';
import { TensorTable } from '../../src/gguf/gguf-tensors.ts';

const F32 = findGgmlTypeByName('F32')!;

/** Adds a tensor whose kind is described by `description`; false if the table refuses. */
function add(table: TensorTable, name: string, description = 'a', dims = [1]): boolean {
  const text = Buffer.from(name + description);
  const view = new DataView(text.buffer, text.byteOffset, text.byteLength);
  const at = Buffer.byteLength(name);
  let kindIndex = table.findKindIndex(view, { at, bytes: text.length - at });
  if (kindIndex < 0) {
    kindIndex = table.kinds.length;
    if (!table.addKind({ dims, type: F32, bytes: 4 })) return false;
  }
  return table.add(view, { at: 0, bytes: at }, kindIndex, 0);
}

function createTable(leftBytes: number, tensors: number): TensorTable {
  const table = new TensorTable({ leftBytes });
  expect(table.reserve(tensors)).toBe(true);
  return table;
}

describe('a table of tensors', () => {
  test('finds the kind of a name, and nothing for a name that it has not', () => {
    const table = createTable(1e6, 3);
    expect([add(table, 'x', 'a', [1]), add(table, 'y', 'b', [2]), add(table, 'zé', 'a')]).toEqual([true, true, true]);
    expect(table.find('zé')).toBe(table.kinds[0]);
    expect(table.find('y')?.dims).toEqual([2]);
    expect(table.find('z')).toBeUndefined();
    expect([table.length, table.kinds.map(({ count }) => count)]).toEqual([3, [2, 1]]);
  });

  test('refuses a name that it has, and counts it once', () => {
    const table = createTable(1e6, 2);
    expect([add(table, 'x', 'a'), add(table, 'x', 'b')]).toEqual([true, false]);
    expect(table.length).toBe(1);
  });

  test('knows which kinds belong to a layer', () => {
    const table = createTable(1e6, 3);
    for (const [name, description] of [
      ['blk.0.x', 'a'],
      ['blk', 'b'],
      ['blk.', 'c'],
    ] as const) {
      add(table, name, description);
    }
    expect(table.kinds.map(({ inLayer }) => inLayer)).toEqual([true, false, false]);
  });

  test('knows where the embedding begins, over all shards, beside a tensor of its kind', () => {
    const table = createTable(1e6, 4);
    add(table, 'output.weight');
    expect(table.embeddingFrom).toBeUndefined();
    table.addShard({ dataOffset: 0, dataBytes: 64 });
    add(table, 'token_embd.weight');
    add(table, 'token_embd_norm.weight');
    expect([table.kinds.length, table.embeddingFrom]).toEqual([1, 64]);
  });

  test('has no room for more tensors than the budget pays for, over all shards', () => {
    const table = new TensorTable({ leftBytes: 20_000 });
    expect([table.reserve(2000), table.reserve(700), table.reserve(1)]).toEqual([false, true, true]);
    expect(createTable(40, 1).reserve(1000)).toBe(false);
  });

  test('has no room for more kinds than the budget pays for', () => {
    const table = createTable(2000, 4);
    expect(['a', 'b', 'c'].map((each) => add(table, each, each))).toEqual([true, true, false]);
    expect(add(table, 'd', 'b')).toBe(true);
  });
});
