import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { type GgufHeader, readHeader } from '../../src/gguf/gguf-header.ts';
import { KEPT_BYTES } from '../../src/gguf/header-cursor.ts';
import { openModelFile } from '../../src/gguf/model-file.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import {
  type Entry,
  entryBytes,
  ggufBytes,
  smallModel,
  string,
  type TensorSpec,
  u32,
  u64,
  writeGguf,
} from '../support/gguf-writer.ts';
import { memorySource, readBytes, readState } from '../support/memory-source.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gguf-hostile-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Rejects with the package's error and one sentence of three parts. */
async function refusal(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MemoryGuardError);
  expect(error).toMatchObject({
    code: 'ERR_MODEL_FILE',
    message: expect.stringMatching(/^Expected '.*' to .*, found .*; .*\.$/s),
  });
  return (error as MemoryGuardError).message;
}

const written = (name: string, bytes: Buffer | string) => {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
};

const BASE: Entry[] = [['general.architecture', 'string', 'qwen2']];
const withTensors = (...tensors: TensorSpec[]) => readBytes(ggufBytes({ entries: BASE, tensors }).bytes);
const withValue = (...value: Buffer[]) => {
  const { bytes } = ggufBytes({ entries: BASE, entryCount: 2 });
  return readBytes(Buffer.concat([bytes, ...value, Buffer.alloc(64)]));
};

describe('a path without a model', () => {
  test('is refused for what is there instead', async () => {
    expect(await refusal(readGguf(join(dir, 'missing.gguf')))).toMatch(/no file there; check the path/);
    expect(await refusal(readGguf(join(written('file', 'x'), 'below.gguf')))).toMatch(/no file there/);
    expect(await refusal(readGguf(dir))).toMatch(/a directory/);
    expect(await refusal(readGguf('/dev/null'))).toMatch(/a device/);
    expect(await refusal(readGguf(join(dir, 'x'.repeat(300))))).toMatch(/ENAMETOOLONG/);
  });

  test('is refused without blocking where a named pipe or a socket lies', async () => {
    const fifo = join(dir, 'pipe.gguf');
    execFileSync('mkfifo', [fifo]);
    expect(await refusal(readGguf(fifo))).toMatch(/a named pipe/);
    expect(await refusal(openModelFile(fifo))).toMatch(/a named pipe/);
    const socket = join(dir, 's');
    const server = createServer();
    await new Promise<void>((listening) => server.listen(socket, listening));
    expect(await refusal(readGguf(socket))).toMatch(/a socket/);
    server.close();
  });

  test('is refused where this user may not read', async () => {
    const closed = join(dir, 'closed');
    mkdirSync(closed);
    writeGguf(join(closed, 'a.gguf'), smallModel());
    chmodSync(join(closed, 'a.gguf'), 0);
    chmodSync(closed, 0o711);
    const own = process.geteuid?.() === 0;
    if (own) {
      chmodSync(dir, 0o755);
      process.seteuid?.(65_534);
    }
    try {
      expect(await refusal(readGguf(join(closed, 'a.gguf')))).toMatch(
        /no permission to read it \(EACCES\); give this user/,
      );
    } finally {
      if (own) process.seteuid?.(0);
    }
  });
});

describe('a file of another kind', () => {
  const safetensors = Buffer.concat([u64(60), Buffer.from('{"__metadata__":{"format":"pt"}}')]);
  test.each<[string, Buffer | string, RegExp]>([
    ['empty', '', /found an empty file/],
    ['safetensors', safetensors, /a safetensors file; convert it/],
    ['web page', '<!DOCTYPE html><html><body>Not Found', /a web page; download the model file itself/],
    [
      'pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      /git-lfs pointer; .*git lfs pull/,
    ],
    ['zip', Buffer.from('504b0304140000000800', 'hex'), /a ZIP archive or PyTorch checkpoint/],
    ['pickle', Buffer.from('80025d71002e', 'hex'), /a Python pickle/],
    ['hdf5', Buffer.from('894844460d0a1a0a', 'hex'), /an HDF5 file/],
    ['gzip', Buffer.from('1f8b0800', 'hex'), /a gzip archive; unpack it/],
    ['zstd', Buffer.from('28b52ffd00', 'hex'), /a zstd archive/],
    ['json', '{"error":"Repository not found"}', /JSON/],
    ['old ggml', Buffer.from('lmgg0000'), /before GGUF/],
    ['reversed', Buffer.from('FUGG0000'), /mark reversed/],
    ['zeros', Buffer.alloc(100), /zeros only; wait for the download/],
    ['noise', Buffer.from('deadbeefdeadbeef', 'hex'), /the bytes deadbeefdeadbeef; pass the path/],
    ['one byte', 'G', /the bytes 47/],
  ])('is recognised: %s', async (name, bytes, expected) => {
    expect(await refusal(readGguf(written(name, bytes)))).toMatch(expected);
  });

  test.each<[string, Buffer, RegExp]>([
    ['big-endian', Buffer.from('4747554600000003', 'hex'), /little-endian GGUF file, found a big-endian one/],
    ['version 1', Buffer.from('4747554601000000', 'hex'), /version 2 or 3, found version 1; convert/],
    ['version 9', Buffer.from('4747554609000000', 'hex'), /found version 9; update this package/],
    ['version 0', Buffer.from('4747554600000000', 'hex'), /found version 0/],
  ])('is refused by its version: %s', async (_, start, expected) => {
    expect(await refusal(readBytes(Buffer.concat([start, Buffer.alloc(16)])))).toMatch(expected);
  });
});

describe('a truncated file', () => {
  test('is refused at every length, and says how many bytes of data are missing', async () => {
    const { bytes, headerBytes } = ggufBytes(smallModel({ vocabulary: 20, layers: 1 }));
    expect((await readBytes(bytes)).tensors).toHaveLength(5);
    for (let length = 0; length < headerBytes; length += 7) await refusal(readBytes(bytes.subarray(0, length)));
    for (const missing of [1, 100, 4000]) {
      const message = await refusal(readBytes(bytes.subarray(0, bytes.length - missing)));
      expect(message).toMatch(new RegExp(`so ${missing} bytes.* missing; finish the download`));
      expect(message).toContain(`be ${bytes.length} bytes`);
    }
  });

  test('names the entry that the header ends in', async () => {
    const { bytes } = ggufBytes({ entries: BASE });
    expect(await refusal(readBytes(bytes.subarray(0, 40)))).toMatch(
      /for a metadata key at offset 32, found its end after 8/,
    );
    expect(await refusal(readBytes(bytes.subarray(0, 10)))).toMatch(/24 bytes for the first counts/);
  });

  test('is refused when it shrinks or grows while being read', async () => {
    const { bytes } = ggufBytes(smallModel());
    expect(await refusal(readBytes(bytes.subarray(0, 300), bytes.length))).toMatch(
      /its end already at 300; wait until/,
    );
    const path = written('shrinking.gguf', bytes);
    const file = await openModelFile(path);
    await readHeader(file, readState());
    await file.assertUnchanged();
    truncateSync(path, 100);
    expect(await refusal(file.assertUnchanged())).toMatch(/a change from \d+ to 100 bytes/);
    await file.close();
  });

  test('is refused when its contents change while being read', async () => {
    const path = written('rewritten.gguf', ggufBytes(smallModel()).bytes);
    execFileSync('touch', ['-d', '2001-01-01', path]);
    const file = await openModelFile(path);
    writeFileSync(path, ggufBytes(smallModel()).bytes);
    expect(await refusal(file.assertUnchanged())).toMatch(/found new contents/);
    await file.close();
  });

  test('passes on what the disk says in the middle of a read', async () => {
    const file = await openModelFile(written('closed.gguf', ggufBytes(smallModel()).bytes));
    await file.close();
    expect(await refusal(file.read(Buffer.alloc(8), 0))).toMatch(/can't read it \(EBADF\)/);
  });
});

describe('absurd numbers in a header', () => {
  const HUGE = 2n ** 60n;

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      '2^60 tensors',
      () => readBytes(ggufBytes({ entries: BASE, tensorCount: HUGE }).bytes),
      /1152921504606847000 tensor desc/,
    ],
    [
      '2^60 entries',
      () => readBytes(ggufBytes({ entries: BASE, entryCount: HUGE }).bytes),
      /1152921504606847000 metadata/,
    ],
    ['2^64-1 entries', () => readBytes(ggufBytes({ entryCount: 2n ** 64n - 1n }).bytes), /metadata entries/],
    [
      'a key of 2^60 bytes',
      () => withValue(u64(HUGE)),
      /a metadata key of at most 65535 bytes, found one of 1152921504606847000/,
    ],
    ['a string of 2^60 bytes', () => withValue(string('k'), u32(8), u64(HUGE)), /for the value of 'k'/],
    [
      'an array of 2^60 numbers',
      () => withValue(string('k'), u32(9), u32(4), u64(HUGE)),
      /the 1152921504606847000 elements of 'k'/,
    ],
    ['an array of 2^60 strings', () => withValue(string('k'), u32(9), u32(8), u64(HUGE)), /elements of 'k'/],
    [
      '2^60 bytes in an array',
      () => withValue(string('k'), u32(9), u32(8), u64(2), u64(HUGE)),
      /1152921504606847000 bytes/,
    ],
    ['2^30 bytes in an array', () => withValue(string('k'), u32(9), u32(8), u64(2), u64(2 ** 30)), /1073741824 bytes/],
    ['10^6 bytes at an array end', () => withValue(string('k'), u32(9), u32(8), u64(1), u64(1e6)), /1000008 bytes/],
    [
      'an array of arrays',
      () => withValue(string('k'), u32(9), u32(9), u64(1)),
      /flat arrays, found an array of arrays in 'k'/,
    ],
    ['an unknown value type', () => withValue(string('k'), u32(13)), /value types below 13, found 13 for 'k'/],
    ['an unknown element type', () => withValue(string('k'), u32(9), u32(99)), /found 99 for 'k'/],
    ['an empty key', () => withValue(string(''), u32(4), u32(1)), /unique metadata keys, found an empty one/],
    ['a key twice', () => withValue(entryBytes(['general.architecture', 'u8', 1])), /'general\.architecture' twice/],
  ])('are refused: %s', async (_, read, expected) => {
    expect(await refusal(read())).toMatch(expected);
  });

  test.each<[string, Entry]>([
    ['0', ['general.alignment', 'u32', 0]],
    ['48', ['general.alignment', 'u32', 48]],
    ['2147483648', ['general.alignment', 'u32', 2 ** 31]],
    ['0.5', ['general.alignment', 'f32', 0.5]],
    ['no number', ['general.alignment', 'string', '32']],
  ])('are refused: an alignment of %s', async (found, entry) => {
    const message = await refusal(readBytes(ggufBytes({ entries: [...BASE, entry] }).bytes));
    expect(message).toContain(`a power of two up to 2097152, found ${found};`);
  });

  test.each<[string, TensorSpec[], RegExp]>([
    ['a zero dimension', [{ name: 't', dims: [32, 0], type: 'F32' }], /1 to 2\^53 weights, found \[32, 0\] for 't'/],
    ['too many weights', [{ name: 't', dims: [HUGE, 16n], type: 'F32' }], /1 to 2\^53 weights/],
    ['a product that wraps to 0', [{ name: 't', dims: [2n ** 32n, 2n ** 32n], type: 'F32' }], /1 to 2\^53 weights/],
    ['bytes beyond 2^53', [{ name: 't', dims: [2n ** 52n], type: 'F32' }], /1 to 2\^53 weights/],
    ['five dimensions', [{ name: 't', dims: [1, 1, 1, 1, 1], type: 'F32' }], /at most 4 dimensions, found 5/],
    [
      'rows of broken blocks',
      [{ name: 't', dims: [33, 32], type: 'Q4_0' }],
      /rows of Q4_0 in multiples of 32 weights, found \[33, 32\]/,
    ],
    ['a single weight in blocks', [{ name: 't', dims: [], type: 'Q4_0' }], /multiples of 32/],
    ['an unknown type', [{ name: 't', dims: [32], type: 'F32', typeId: 999 }], /found number 999 for 't'; update/],
    ['a removed type', [{ name: 't', dims: [32], type: 'F32', typeId: 31 }], /found Q4_0_4_4 \(31\) for 't'; quantize/],
    ['a name of 256 bytes', [{ name: 'n'.repeat(256), dims: [1], type: 'F32' }], /a tensor name of at most 255 bytes/],
    ['an unaligned offset', [{ name: 't', dims: [1], type: 'F32', offset: 4 }], /offset 0 of the data, found 't' at 4/],
    ['an offset of 2^60', [{ name: 't', dims: [1], type: 'F32', offset: HUGE }], /found 't' at 1152921504606847000/],
    [
      'overlapping tensors',
      [0, 0].map((offset, at) => ({ name: `t${at}`, dims: [9], type: 'F32' as const, offset })),
      /offset 64 of the data, found 't1' at 0/,
    ],
    [
      'a gap',
      [0, 96].map((offset, at) => ({ name: `t${at}`, dims: [9], type: 'F32' as const, offset })),
      /offset 64 of the data, found 't1' at 96/,
    ],
    [
      'a name twice',
      [0, 1].map(() => ({ name: 't', dims: [1], type: 'F32' as const })),
      /unique tensor names, found 't' twice/,
    ],
    ['2^52 bytes in no file', [{ name: 't', dims: [2n ** 50n], type: 'F32' }], /so 4503\d{12} bytes .* are missing/],
  ])('are refused: %s', async (_, tensors, expected) => {
    expect(await refusal(withTensors(...tensors))).toMatch(expected);
  });

  test('print what they find without control characters', async () => {
    const message = await refusal(withTensors({ name: '\u001b[2J\n\0evil', dims: [0], type: 'F32' }));
    expect(message).toContain("'\\x1B[2J\\n\\x00evil'");
    const { bytes } = ggufBytes({ entries: [['\u001b[2J', 'u32', 1]] });
    expect(await refusal(readBytes(bytes.subarray(0, bytes.length - 1)))).toContain("the value of '\\x1B[2J'");
  });
});

describe('headers made to cost time and memory', () => {
  /** A file that is zeros from its start on and takes no disk. */
  function sparse(name: string, start: Buffer, sizeBytes: number): string {
    const path = join(dir, name);
    const handle = openSync(path, 'w');
    writeSync(handle, start);
    ftruncateSync(handle, sizeBytes);
    closeSync(handle);
    return path;
  }

  test('a vocabulary of a billion is refused by the length of its header', async () => {
    const start = Buffer.concat([
      ggufBytes({ entries: BASE, entryCount: 2 }).bytes,
      string('k'),
      u32(9),
      u32(8),
      u64(1e9),
    ]);
    const message = await refusal(readGguf(sparse('billion.gguf', start, 16e9)));
    expect(message).toMatch(
      /a header of at most 134217728 bytes .*found 8000000000 bytes .* the 1000000000 elements of 'k'/,
    );
  });

  test('fifteen million empty strings are walked through without holding up the event loop', async () => {
    const start = Buffer.concat([
      ggufBytes({ entries: BASE, entryCount: 2 }).bytes,
      string('k'),
      u32(9),
      u32(8),
      u64(15e6),
    ]);
    const path = sparse('empty-strings.gguf', start, 200e6);
    let ticks = 0;
    const ticker = setInterval(() => ticks++, 1);
    const file = await readGguf(path);
    clearInterval(ticker);
    expect(file.metadata.get('k')).toEqual({ length: 15e6, elementType: 'string' });
    expect(ticks).toBeGreaterThan(10);
  });

  test('strings too long for the buffer are counted, not kept', async () => {
    const long = Buffer.alloc(20 * 2 ** 20, 'x').toString();
    const { bytes } = ggufBytes({
      entries: [...BASE, ['long', 'string', long], ['many', 'string[]', ['a', long, 'b', long]], ['after', 'u8', 7]],
    });
    const { metadata } = await readBytes(bytes);
    expect(metadata.get('long')).toEqual({ length: long.length, elementType: 'utf8' });
    expect(metadata.get('many')).toEqual({ length: 4, elementType: 'string' });
    expect(metadata.get('after')).toBe(7);
  });

  test('values beyond the budget become summaries, names beyond it are refused', async () => {
    const entries: Entry[] = Array.from({ length: 200 }, (_, index) => [`k${index}`, 'string', 'x'.repeat(1000)]);
    const { metadata } = await readBytes(ggufBytes({ entries }).bytes);
    const kept = [...metadata.values()].filter((value) => typeof value === 'string');
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length * 1000).toBeLessThan(KEPT_BYTES / 4);
    expect(metadata.get('k199')).toEqual({ length: 1000, elementType: 'utf8' });
    const names: Entry[] = Array.from({ length: 200 }, (_, index) => [`${index}${'x'.repeat(60_000)}`, 'u8', 1]);
    expect(await refusal(readBytes(ggufBytes({ entries: names }).bytes))).toMatch(/usual size, found more than/);
  });

  test('numbers beyond the budget become summaries too', async () => {
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    const entries: Entry[] = Array.from({ length: 20 }, (_, index) => [`k${index}`, 'u32[]', numbers]);
    const { metadata } = await readBytes(ggufBytes({ entries }).bytes);
    expect(metadata.get('k0')).toEqual(numbers);
    expect(metadata.get('k19')).toEqual({ length: 500, elementType: 'u32' });
  });

  const tensorsOf = (length: number, rowsOf: (index: number) => number): TensorSpec[] =>
    Array.from({ length }, (_, index) => ({
      name: `blk.${index}.ffn_gate_exps.weight`,
      dims: [32, rowsOf(index)],
      type: 'Q4_0',
    }));

  test('the most tensors that are taken cost less than 1 MiB, and more are refused', async () => {
    expect(await refusal(withTensors(...tensorsOf(25_000, () => 1)))).toMatch(/usual size, found 25000 tensors/);
    const { bytes } = ggufBytes({ entries: BASE, tensors: tensorsOf(24_000, (index) => 1 + (index % 9)) });
    globalThis.gc?.();
    const used = () => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const before = used();
    const { tensors } = await readBytes(bytes);
    globalThis.gc?.();
    expect(used() - before).toBeLessThan(2 ** 20);
    expect([tensors.length, tensors.kinds.length]).toEqual([24_000, 9]);
    expect(tensors.find('blk.23999.ffn_gate_exps.weight')).toMatchObject({ dims: [32, 6], inLayer: true });
    expect(tensors.find('blk.24000.ffn_gate_exps.weight')).toBeUndefined();
  });

  test('more shapes than any model has are refused', async () => {
    expect(await refusal(withTensors(...tensorsOf(2000, (index) => index + 1)))).toMatch(
      /usual size, found \d+ shapes of tensors and more/,
    );
    const { bytes } = ggufBytes({ entries: BASE, tensors: tensorsOf(200, (index) => index + 1) });
    expect((await readBytes(bytes)).tensors.kinds).toHaveLength(200);
  });

  test('a header is the same through buffers of any length', async () => {
    const { bytes } = ggufBytes(smallModel({ vocabulary: 9000, layers: 60 }));
    const names = [0, 1, 30, 59].map((layer) => `blk.${layer}.attn_k.bias`);
    const facts = async (reading: Promise<GgufHeader>) => {
      const { tensors, ...header } = await reading;
      const { length, kinds, shards } = tensors;
      return { ...header, length, kinds, shards, found: names.map((name) => tensors.find(name)) };
    };
    const whole = await facts(readBytes(bytes));
    expect([whole.length, ...whole.found]).toEqual([182, ...whole.found.fill(whole.kinds[3])]);
    for (const chunkBytes of [65_543, 65_551, 100_003]) {
      expect(await facts(readBytes(bytes, bytes.length, readState(chunkBytes)))).toEqual(whole);
    }
    const slow = {
      ...memorySource(bytes),
      read: async (into: Uint8Array, at: number) => bytes.copy(into, 0, at, at + 977),
    };
    expect(await facts(readHeader(slow, readState()))).toEqual(whole);
  });
});
