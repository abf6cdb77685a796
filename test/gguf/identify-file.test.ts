/** Files of other kinds, by their first bytes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identifyFile } from '../../src/gguf/identify-file.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { u64 } from '../support/gguf-writer.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gguf-identify-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const written = (name: string, bytes: Buffer | string) => {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
};

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
    expect(await expectRefusal(readGguf(written(name, bytes)))).toMatch(expected);
  });

  test('is not recognised by a mark that does not stand at its beginning', () => {
    expect(identifyFile(Buffer.from('..<html>'))).toEqual(['the bytes 2e2e3c68746d6c3e', expect.any(String)]);
    expect(identifyFile(Buffer.from('00001f8b', 'hex'))[0]).toBe('the bytes 00001f8b');
  });
});
