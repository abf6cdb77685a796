/** Knows a model file on disk as bytes at positions, and the answers of the file system. It must not know GGUF. */
import { constants, type Stats, statSync } from 'node:fs';
import { inspect } from 'node:util';
import { adviseOnDescriptors } from '../core/advise-on-descriptors.ts';
import { formatBytes } from '../core/bytes.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { OpenFile, stat } from '../core/file-system.ts';

/** What a parser takes its bytes from: a file, or a buffer in tests. */
export interface ByteSource {
  /** The path that errors name. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Reads up to `into.length` bytes at `position` and resolves to how many were read, which is 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
}

/** What tells one state of a file from another without reading it. */
export interface FileIdentity {
  /** The number of the device that the file lies on, as `fs.stat` tells it. */
  readonly device: number;
  readonly inode: number;
  readonly sizeBytes: number;
  /** The time of the last change of the contents, in milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** A file's identity with the time of its last change of any kind. */
export interface FileStamp extends FileIdentity {
  /** The time of the last change of contents or attributes, in milliseconds since 1970. */
  readonly ctimeMs: number;
}

/** An open model file. Whoever opens it closes it. */
export interface ModelFile extends ByteSource {
  readonly stamp: FileStamp;
  /** Rejects with `ERR_MODEL_FILE` if the file's length or contents changed since it was opened. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The error `Expected 'model.gguf' to be a GGUF file, found a ZIP archive; convert it first.` with the code
 * `ERR_MODEL_FILE`.
 */
export function modelFileError(path: string, expected: string, found: string, advice: string, cause?: unknown): Error {
  const message = `Expected ${quote(path, 4096)} to ${expected}, found ${found}; ${advice}.`;
  return new MemoryGuardError('ERR_MODEL_FILE', message, cause === undefined ? undefined : { cause });
}

/** Quotes a text that comes from a file, so that it is safe to print. */
export function quote(text: string, maxStringLength = 80): string {
  return inspect(text, { maxStringLength, breakLength: Number.POSITIVE_INFINITY });
}

/**
 * Looks at what the path points at now. Rejects with `ERR_MODEL_FILE` unless it is a regular file, and does not open it.
 */
export async function stampFile(path: string): Promise<FileStamp> {
  return createStamp(path, await stat(path).catch((error) => throwUnreadable(path, error)));
}

/** Whether the path still points at this state of a file. It blocks for a moment, so that nothing comes between its answer and what follows. */
export function isSameFile(path: string, { device, inode, sizeBytes, mtimeMs }: FileIdentity): boolean {
  try {
    const now = statSync(path);
    return now.dev === device && now.ino === inode && now.size === sizeBytes && now.mtimeMs === mtimeMs;
  } catch {
    return false;
  }
}

/** Opens a regular file for reading. Rejects without blocking if a FIFO or a device took its place meanwhile. */
export async function openModelFile(path: string): Promise<ModelFile> {
  // Windows has no O_NONBLOCK, and no files that it would be needed for.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const handle = await OpenFile.open(path, flags).catch((error) => throwUnreadable(path, error));
  try {
    return createModelFile(path, handle, createStamp(path, await handle.stat()));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function createModelFile(path: string, handle: OpenFile, stamp: FileStamp): ModelFile {
  return {
    path,
    stamp,
    sizeBytes: stamp.sizeBytes,
    read: (into, position) =>
      handle.read(into, 0, into.length, position).catch((error) => throwUnreadable(path, error)),
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

function createStamp(path: string, stats: Stats): FileStamp {
  if (!stats.isFile()) {
    throw modelFileError(path, 'be a regular file', describeKind(stats), "pass the path of the model's file");
  }
  return { device: stats.dev, inode: stats.ino, sizeBytes: stats.size, mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs };
}

function describeKind(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function throwUnreadable(path: string, error: NodeJS.ErrnoException): never {
  const [found, advice] = explainSystemError(error);
  throw modelFileError(path, 'be a readable model file', found, advice, error);
}

function explainSystemError(error: NodeJS.ErrnoException): [found: string, advice: string] {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return ['no file there', 'check the path or download the model'];
    case 'EACCES':
    case 'EPERM':
      return [`no permission to read it (${error.code})`, 'give this user read access'];
    default:
      return [
        `that the system can't read it (${error.code ?? error.message})`,
        adviseOnDescriptors(error.code) ?? 'check the path and the disk',
      ];
  }
}

/** Prints "12 bytes", and from a KiB on the rounded size too: "2048 bytes (2.0 KiB)". */
export function formatByteCount(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${bytes} bytes (${formatBytes(bytes)})`;
}
