/** A model file on disk as bytes at positions; it knows the file system's answers and must not know GGUF. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { inspect } from 'node:util';
import { formatBytes } from '../core/bytes.ts';
import { MemoryGuardError } from '../core/errors.ts';

/** Where a parser takes its bytes from: a file, or a buffer in tests. */
export interface ByteSource {
  /** Named in errors. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Reads up to `into.length` bytes at `position` and resolves to how many; 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
}

/** What tells one state of a file from another without reading it. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** A file's identity with the time of its last change of any kind. */
export interface FileStamp extends FileIdentity {
  readonly ctimeMs: number;
}

/** An open model file. Whoever opens it closes it. */
export interface ModelFile extends ByteSource {
  readonly stamp: FileStamp;
  /** Throws where the file's length or contents changed since it was opened. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/** `Expected "model.gguf" to be a GGUF file, found a ZIP archive; convert it first.` */
export function modelFileError(path: string, expected: string, found: string, advice: string, cause?: unknown): Error {
  const message = `Expected ${quote(path, 4096)} to ${expected}, found ${found}; ${advice}.`;
  return new MemoryGuardError('ERR_MODEL_FILE', message, cause === undefined ? undefined : { cause });
}

/** A name from a file, safe to print. */
export function quote(text: string, maxStringLength = 80): string {
  return inspect(text, { maxStringLength, breakLength: Number.POSITIVE_INFINITY });
}

/** What the path points at now; refuses everything that isn't a regular file, without opening it. */
export async function stampFile(path: string): Promise<FileStamp> {
  return stampOf(path, await stat(path).catch((error) => failed(path, error)));
}

/** Opens a regular file for reading. A FIFO or a device that took its place meanwhile is refused without blocking. */
export async function openModelFile(path: string): Promise<ModelFile> {
  // Windows has no O_NONBLOCK and nothing there that it would be needed for.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((error) => failed(path, error));
  try {
    return modelFile(path, handle, stampOf(path, await handle.stat()));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function modelFile(path: string, handle: FileHandle, stamp: FileStamp): ModelFile {
  return {
    path,
    stamp,
    sizeBytes: stamp.sizeBytes,
    async read(into, position) {
      const result = await handle.read(into, 0, into.length, position).catch((error) => failed(path, error));
      return result.bytesRead;
    },
    async assertUnchanged() {
      const now = await handle.stat();
      if (now.size === stamp.sizeBytes && now.mtimeMs === stamp.mtimeMs) return;
      const found =
        now.size === stamp.sizeBytes ? 'new contents' : `a change from ${stamp.sizeBytes} to ${now.size} bytes`;
      throw modelFileError(path, 'stay unchanged while it is read', found, 'wait until it is written completely');
    },
    close: () => handle.close(),
  };
}

function stampOf(path: string, stats: Stats): FileStamp {
  if (!stats.isFile()) {
    throw modelFileError(path, 'be a regular file', kindOf(stats), 'pass the path of a .gguf file');
  }
  return { device: stats.dev, inode: stats.ino, sizeBytes: stats.size, mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs };
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function failed(path: string, error: NodeJS.ErrnoException): never {
  const [found, advice] = reason(error);
  throw modelFileError(path, 'be a readable model file', found, advice, error);
}

function reason(error: NodeJS.ErrnoException): [found: string, advice: string] {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return ['no file there', 'check the path or download the model'];
    case 'EACCES':
    case 'EPERM':
      return [`no permission to read it (${error.code})`, 'give this user read access'];
    default:
      return [`that the system can't read it (${error.code ?? error.message})`, 'check the path and the disk'];
  }
}

/** "12 bytes" up to a KiB, and with the rounded size from there on. */
export function countBytes(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${bytes} bytes (${formatBytes(bytes)})`;
}
