/** What is refused before a byte is read as GGUF, and while a file changes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readHeader } from '../../src/gguf/gguf-header.ts';
import { formatByteCount, openModelFile, quote, stampFile } from '../../src/gguf/model-file.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { ggufBytes, smallModel, writeGguf } from '../support/gguf-writer.ts';
import { readState } from '../support/memory-source.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gguf-model-file-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const written = (name: string, bytes: Buffer | string) => {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
};

describe('a regular file', () => {
  test('is stamped with what tells one state of it from another', async () => {
    const path = written('stamped', 'twelve bytes');
    const { dev, ino, mtimeMs, ctimeMs } = statSync(path);
    expect(await stampFile(path)).toEqual({ device: dev, inode: ino, sizeBytes: 12, mtimeMs, ctimeMs });
  });

  test('is read at any position, and has nothing behind its end', async () => {
    const file = await openModelFile(written('read', 'twelve bytes'));
    const into = Buffer.alloc(100);
    expect(await file.read(into, 7)).toBe(5);
    expect(into.toString('latin1', 0, 5)).toBe('bytes');
    expect(await file.read(into, 12)).toBe(0);
    await file.assertUnchanged();
    await file.close();
  });
});

describe('a path without a model', () => {
  test('is refused for what is there instead', async () => {
    expect(await expectRefusal(readGguf(join(dir, 'missing.gguf')))).toMatch(/no file there; check the path/);
    expect(await expectRefusal(readGguf(join(written('file', 'x'), 'below.gguf')))).toMatch(/no file there/);
    expect(await expectRefusal(readGguf(dir))).toMatch(/a directory/);
    expect(await expectRefusal(readGguf('/dev/null'))).toMatch(/a device/);
    expect(await expectRefusal(readGguf(join(dir, 'x'.repeat(300))))).toMatch(/ENAMETOOLONG/);
  });

  test('is refused without blocking where a named pipe or a socket lies', async () => {
    const fifo = join(dir, 'pipe.gguf');
    execFileSync('mkfifo', [fifo]);
    expect(await expectRefusal(readGguf(fifo))).toMatch(/a named pipe/);
    expect(await expectRefusal(openModelFile(fifo))).toMatch(/a named pipe/);
    const socket = join(dir, 's');
    const server = createServer();
    await new Promise<void>((listening) => server.listen(socket, listening));
    expect(await expectRefusal(readGguf(socket))).toMatch(/a socket/);
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
      expect(await expectRefusal(readGguf(join(closed, 'a.gguf')))).toMatch(
        /no permission to read it \(EACCES\); give this user/,
      );
    } finally {
      if (own) process.seteuid?.(0);
    }
  });
});

describe('a file that changes while it is read', () => {
  test('is refused if it shrinks', async () => {
    const { bytes } = ggufBytes(smallModel());
    const path = written('shrinking.gguf', bytes);
    const file = await openModelFile(path);
    await readHeader(file, readState());
    await file.assertUnchanged();
    truncateSync(path, 100);
    expect(await expectRefusal(file.assertUnchanged())).toMatch(/a change from \d+ to 100 bytes/);
    await file.close();
  });

  test('is refused if its contents change', async () => {
    const path = written('rewritten.gguf', ggufBytes(smallModel()).bytes);
    execFileSync('touch', ['-d', '2001-01-01', path]);
    const file = await openModelFile(path);
    writeFileSync(path, ggufBytes(smallModel()).bytes);
    expect(await expectRefusal(file.assertUnchanged())).toMatch(/found new contents/);
    await file.close();
  });

  test.skipIf(process.platform !== 'linux')('passes on what the system says in the middle of a read', async () => {
    // A regular file, in which nothing is mapped at 0.
    const file = await openModelFile('/proc/self/mem');
    expect(await expectRefusal(file.read(Buffer.alloc(8), 0))).toMatch(/can't read it \(EIO\)/);
    await file.close();
  });

  test('is not read any more once it is closed', async () => {
    const file = await openModelFile(written('closed.gguf', ggufBytes(smallModel()).bytes));
    await file.close();
    expect(await expectRefusal(file.read(Buffer.alloc(8), 0))).toMatch(/the file is closed/);
  });
});

describe('what is printed of a file', () => {
  test('has the rounded size beside many bytes, and not beside few', () => {
    expect([formatByteCount(1023), formatByteCount(2048)]).toEqual(['1023 bytes', '2048 bytes (2.0 KiB)']);
  });

  test('has no control characters and is cut off if it is long', () => {
    expect(quote('a\n\u001b[2J')).toBe("'a\\n\\x1B[2J'");
    expect(quote('x'.repeat(1000))).toMatch(/^'x{80}'\.\.\. 920 more characters$/);
  });
});
