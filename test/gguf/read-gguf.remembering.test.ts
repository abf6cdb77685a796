/** An unchanged file is read once, and a changed one again. */
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
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { ggufBytes, smallModel, smallProjector, writeGguf } from '../support/gguf-writer.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gguf-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

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
