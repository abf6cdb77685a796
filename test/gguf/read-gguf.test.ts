import {
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gguf as oracle } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { type GgufSpec, ggufBytes, smallModel, smallProjector, writeGguf } from '../support/gguf-writer.ts';

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
    expect(file.metadata.get('tokenizer.ggml.tokens')).toEqual({ length: 300, elementType: 'string' });
    expect(file.metadata.get('general.tags')).toEqual({ length: 3, elementType: 'string' });
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

  /** What we keep of a value the oracle has in full. */
  function asKept(value: unknown): unknown {
    if (typeof value === 'bigint') return Number(value);
    if (!Array.isArray(value)) return value;
    if (value.length > 0 && typeof value[0] === 'string') return { length: value.length, elementType: 'string' };
    return value.length > 512 ? { length: value.length, elementType: 'f32' } : value;
  }
});

describe('a split model', () => {
  function writeSplit(prefix: string, options: { leaveOut?: number; claim?: number; names?: 'same' } = {}): string[] {
    return [0, 1, 2].map((shard) => {
      const path = join(dir, `${prefix}-0000${shard + 1}-of-00003.gguf`);
      if (shard === options.leaveOut) return path;
      return writeGguf(path, {
        entries: [
          ...(shard === 0 ? ([['general.architecture', 'string', 'qwen2']] as const) : []),
          ['split.no', 'u16', shard === 2 && options.claim !== undefined ? options.claim : shard],
          ['split.count', 'u16', 3],
          ['split.tensors.count', 'i32', 3],
        ],
        tensors: [{ name: options.names ? 'same' : `blk.${shard}`, dims: [32 * (shard + 1)], type: 'Q4_0' }],
      });
    });
  }

  test('is read whole from any of its shards', async () => {
    const paths = writeSplit('whole');
    for (const path of paths) {
      const file = await readGguf(path);
      expect(file.path).toBe(path);
      expect(file.architecture).toBe('qwen2');
      expect(file.shards).toEqual(paths);
      expect(['blk.0', 'blk.1', 'blk.2'].map((name) => file.tensors.find(name)?.bytes)).toEqual([18, 36, 54]);
      expect(file.tensors.shards.map(({ dataBytes }) => dataBytes)).toEqual([18, 36, 54]);
      expect(file.tensorBytes).toBe(108);
      expect(file.fileBytes).toBe(paths.reduce((sum, each) => sum + statSync(each).size, 0));
      expect(file.identity.inode).toBe(statSync(path).ino);
      expect(file.shardIdentities.map(({ inode }) => inode)).toEqual(paths.map((each) => statSync(each).ino));
    }
  });

  test('names the shard that is missing', async () => {
    const paths = writeSplit('gap', { leaveOut: 1 });
    await expect(readGguf(paths[2] as string)).rejects.toEqual(
      modelFileError(/gap-00002-of-00003\.gguf' .*found no file there/),
    );
  });

  test('is read again when another shard changes', async () => {
    const paths = writeSplit('changing');
    await sleep(30);
    const before = await readGguf(paths[0] as string);
    expect(await readGguf(paths[0] as string)).toBe(before);
    utimesSync(paths[2] as string, 1, 1);
    const after = await readGguf(paths[0] as string);
    expect(after).not.toBe(before);
    expect(after.shardIdentities[2]?.mtimeMs).toBe(1000);
    rmSync(paths[2] as string);
    await expect(readGguf(paths[0] as string)).rejects.toEqual(modelFileError(/changing-00003/));
  });

  test('refuses a shard under a wrong name, of another model, twice the same tensor, or of a wrong count', async () => {
    const [first = '', second = ''] = writeSplit('renamed');
    const other = join(dir, 'renamed.gguf');
    copyFileSync(second, other);
    await expect(readGguf(other)).rejects.toEqual(modelFileError(/ends in -00002-of-00003\.gguf.*'renamed\.gguf'/));
    renameSync(second, first);
    await expect(readGguf(first)).rejects.toEqual(modelFileError(/ends in -00002-of-00003\.gguf/));
    const [claimed = ''] = writeSplit('claimed', { claim: 1 });
    await expect(readGguf(claimed)).rejects.toEqual(modelFileError(/be shard 3 of 3, found split\.no 1/));
    const [twice = ''] = writeSplit('twice', { names: 'same' });
    await expect(readGguf(twice)).rejects.toEqual(modelFileError(/'same' twice/));
    const count = writeGguf(join(dir, 'count.gguf'), {
      entries: [
        ['general.architecture', 'string', 'qwen2'],
        ['split.count', 'u16', 1],
        ['split.tensors.count', 'i32', 4],
      ],
    });
    await expect(readGguf(count)).rejects.toEqual(modelFileError(/have 4 tensors in all shards, found 0/));
  });

  test.each([
    [60_000, 0],
    [3, 3],
    [3, -1],
    [1.5, 0],
  ])('refuses %f shards with number %f', async (count, index) => {
    const path = writeGguf(join(dir, `absurd-${count}-${index}.gguf`), {
      entries: [
        ['split.count', 'f32', count],
        ['split.no', 'f32', index],
      ],
    });
    await expect(readGguf(path)).rejects.toEqual(modelFileError(/one of at most 512 shards/));
  });
});

describe('a second ask', () => {
  test('is answered from memory while the file stays, through any number of askers', async () => {
    const path = writeGguf(join(dir, 'again.gguf'), smallModel());
    await sleep(30);
    const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => readGguf(path)));
    for (const other of others) expect(other).toBe(first);
    expect(await readGguf(path)).toBe(first);
  });

  test('reads again when the file is replaced, touched or rewritten to the same length', async () => {
    const path = writeGguf(join(dir, 'replaced.gguf'), smallModel());
    await sleep(30);
    const first = await readGguf(path);
    const bytes = ggufBytes(smallModel()).bytes;
    bytes.write('qwen3', bytes.indexOf('qwen2'));
    writeFileSync(path, bytes);
    utimesSync(path, statSync(path).atime, new Date(first.identity.mtimeMs));
    const rewritten = await readGguf(path);
    expect(rewritten.architecture).toBe('qwen3');
    await sleep(30);
    copyFileSync(writeGguf(join(dir, 'replacement.gguf'), smallProjector()), `${path}.new`);
    renameSync(`${path}.new`, path);
    expect((await readGguf(path)).architecture).toBe('clip');
  });

  test('does not trust a file that was written a moment ago', async () => {
    const path = writeGguf(join(dir, 'young.gguf'), smallModel());
    const soon = new Date(Date.now() + 60_000);
    utimesSync(path, soon, soon);
    await sleep(30);
    const young = await readGguf(path);
    expect(await readGguf(path)).not.toBe(young);
    utimesSync(path, 1, 1);
    await sleep(30);
    const settled = await readGguf(path);
    expect(await readGguf(path)).toBe(settled);
  });

  test('remembers eight models, not more', async () => {
    const paths = Array.from({ length: 9 }, (_, index) => writeGguf(join(dir, `many-${index}.gguf`), smallModel()));
    await sleep(30);
    const files = [];
    for (const path of paths) files.push(await readGguf(path));
    expect(await readGguf(paths[8] as string)).toBe(files[8]);
    expect(await readGguf(paths[1] as string)).toBe(files[1]);
    expect(await readGguf(paths[0] as string)).not.toBe(files[0]);
  });

  test('does not remember a failure', async () => {
    const path = join(dir, 'healing.gguf');
    writeFileSync(path, 'not yet');
    await expect(Promise.all([readGguf(path), readGguf(path)])).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    writeGguf(path, smallModel());
    expect((await readGguf(path)).architecture).toBe('qwen2');
  });

  test('follows a symbolic link to what it points at now', async () => {
    const link = join(dir, 'link.gguf');
    symlinkSync(writeGguf(join(dir, 'target-a.gguf'), smallModel()), link);
    expect((await readGguf(link)).architecture).toBe('qwen2');
    rmSync(link);
    symlinkSync(writeGguf(join(dir, 'target-b.gguf'), smallProjector()), link);
    expect((await readGguf(link)).architecture).toBe('clip');
  });
});
