/** A model in several files: its shards, their names and their numbers. */
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { writeGguf } from '../support/gguf-writer.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gguf-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const modelFileError = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_MODEL_FILE', message: expect.stringMatching(message) });

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
