import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf as oracle } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { type GgufSpec, smallModel, smallProjector, writeGguf } from '../support/gguf-writer.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gguf-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const modelFileError = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_MODEL_FILE', message: expect.stringMatching(message) });

describe('the facts of a model', () => {
  test('are those that the header states', async () => {
    const path = writeGguf(join(dir, 'facts.gguf'), smallModel({ vocabulary: 300, layers: 2 }));
    const file = await readGguf(path);
    const stats = statSync(path);
    expect(file).toMatchObject({
      path,
      fileBytes: stats.size,
      version: 3,
      alignment: 32,
      architecture: 'qwen2',
      type: 'model',
      name: 'Löwe 模型',
      fileType: 15,
      shards: [path],
      identity: { device: stats.dev, inode: stats.ino, sizeBytes: stats.size, mtimeMs: stats.mtimeMs },
    });
    expect(file.shardIdentities).toEqual([file.identity]);
    expect(file.metadata.get('tokenizer.ggml.tokens')).toMatchObject({ length: 300, elementType: 'string' });
    expect(file.metadata.get('general.tags')).toMatchObject({ length: 3, elementType: 'string' });
    expect(file.metadata.get('qwen2.attention.head_count_kv')).toEqual([-1, 0]);
    const layer = 33 * 210 + 33 * 2 + ((32 * 3 * 5 * 2) / 32) * 17;
    expect(file.tensorBytes).toBe(300 * 144 + 256 * 4 + 2 * layer);
    expect(file.tensors.find('blk.1.ffn_up_exps.weight')).toMatchObject({
      dims: [32, 3, 5, 2],
      bytes: 510,
      count: 2,
      inLayer: true,
    });
    expect(file.tensors.find('token_embd.weight')?.inLayer).toBe(false);
    expect(file.tensors.find('blk.2.ffn_up_exps.weight')).toBeUndefined();
    const [shard] = file.tensors.shards;
    expect((shard?.dataOffset ?? 0) + (shard?.dataBytes ?? 0)).toBe(stats.size);
  });

  test('leave out what the header does not state', async () => {
    const path = writeGguf(join(dir, 'bare.gguf'), { entries: [['general.architecture', 'string', 'llama']] });
    const file = await readGguf(path);
    expect(Object.keys(file)).not.toEqual(expect.arrayContaining(['type']));
    expect([file.type, file.name, file.fileType]).toEqual([undefined, undefined, undefined]);
    expect([file.tensors.length, file.tensors.kinds, file.tensorBytes]).toEqual([0, [], 0]);
  });

  test('need an architecture', async () => {
    const bare = writeGguf(join(dir, 'no-architecture.gguf'), { entries: [['general.name', 'string', 'x']] });
    await expect(readGguf(bare)).rejects.toEqual(modelFileError(/general\.architecture, found no such key/));
    const wrong = writeGguf(join(dir, 'wrong-architecture.gguf'), { entries: [['general.architecture', 'u32', 7]] });
    await expect(readGguf(wrong)).rejects.toEqual(modelFileError(/general\.architecture, found 7 \(number\)/));
  });

  test('are refused for a path that is no path', async () => {
    for (const path of ['', 'a\0b', undefined, 7]) {
      await expect(readGguf(path as string)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
  });
});

describe('an independent reader', () => {
  const specs: Record<string, GgufSpec> = {
    'small model': smallModel(),
    'version 2': smallModel({ version: 2, layers: 1 }),
    'long vocabulary': smallModel({ vocabulary: 60_000, layers: 40 }),
    projector: smallProjector(),
    'no tensors': { entries: [['general.architecture', 'string', 'llama']] },
  };

  test.each(Object.keys(specs))('sees the same metadata and tensors: %s', async (name) => {
    const path = writeGguf(join(dir, `${name.replace(' ', '-')}.gguf`), specs[name] as GgufSpec);
    const ours = await readGguf(path);
    const theirs = await oracle(path, { allowLocalFile: true, typedMetadata: true });
    const { version, tensor_count, kv_count, ...metadata } = theirs.metadata as Record<string, unknown>;
    expect([ours.version, ours.tensors.length, ours.metadata.size]).toEqual([
      version,
      Number(tensor_count),
      Number(kv_count),
    ]);
    expect(Object.fromEntries(ours.metadata)).toEqual(
      Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, asKept(value)])),
    );
    const { version: _, tensor_count: _tensors, kv_count: _count, ...typed } = theirs.typedMetadata;
    expect(Object.fromEntries(ours.types)).toEqual(
      Object.fromEntries(Object.entries(typed).map(([key, value]) => [key, nameType(value)])),
    );
    const tensors = theirs.tensorInfos.map((info) => ({ dims: info.shape.map(Number), type: Number(info.dtype) }));
    const found = theirs.tensorInfos.map(({ name }) => ours.tensors.find(name));
    expect(found.map((kind) => ({ dims: kind?.dims, type: kind?.type.id }))).toEqual(tensors);
    // Each begins where the one before it ends, at the next multiple of the alignment.
    const ends = found.map((kind, index) => Number(theirs.tensorInfos[index]?.offset) + (kind?.bytes ?? 0));
    const starts = ends.map((end) => Math.ceil(end / ours.alignment) * ours.alignment);
    expect(theirs.tensorInfos.slice(1).map(({ offset }) => Number(offset))).toEqual(starts.slice(0, -1));
    expect(ours.tensors.shards).toEqual([{ dataOffset: ours.dataOffset, dataBytes: ends.at(-1) ?? 0 }]);
    if (tensors.length > 0) expect(ours.dataOffset).toBe(Number(theirs.tensorDataOffset));
  });

  /** A type by our name. */
  function nameType({ type, subType }: { readonly type: number; readonly subType?: number }): string {
    const names = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'array', 'u64', 'i64', 'f64'];
    return subType === undefined ? String(names[type]) : `${names[subType]}[]`;
  }

  /** What we keep of a value the oracle has in full. */
  function asKept(value: unknown): unknown {
    if (typeof value === 'bigint') return Number(value);
    if (!Array.isArray(value)) return value;
    const summary = { length: value.length, offset: expect.any(Number) };
    if (value.length > 0 && typeof value[0] === 'string') return { ...summary, elementType: 'string' };
    return value.length > 512 ? { ...summary, elementType: 'f32' } : value;
  }
});
