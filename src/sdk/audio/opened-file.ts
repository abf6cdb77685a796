/** A media file that is open while it is looked at, and the errors that say what was found in it. It knows no format. */
import { constants } from 'node:fs';
import { resolve } from 'node:path';
import { MemoryGuardError } from '../../core/errors.ts';
import { OpenFile } from '../../core/file-system.ts';

/** What is looked for in a file. */
export interface FileKind {
  /** The end of a sentence that begins with "Expected", for example "`audio` to be a WAV file". */
  readonly expected: string;
  /** What to do with a file of another kind, for example "convert it to PNG". */
  readonly advice: string;
}

export class OpenedFile {
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly #handle: OpenFile;
  readonly #kind: FileKind;

  private constructor(path: string, sizeBytes: number, handle: OpenFile, kind: FileKind) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.#handle = handle;
    this.#kind = kind;
  }

  /**
   * Opens a regular file that isn't empty for `look`, and closes it.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` if there is no such file.
   */
  static async look<T>(path: string, kind: FileKind, look: (file: OpenedFile) => Promise<T>): Promise<T> {
    const { expected } = kind;
    const absolute = resolve(path);
    // A named pipe without a writer would block an ordinary open.
    const handle = await OpenFile.open(absolute, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((cause) => {
      const found = cause.code === 'ENOENT' ? 'no file there' : `no way to read it (${cause.code})`;
      throw refuse(absolute, expected, found, { cause });
    });
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw refuse(absolute, expected, 'no regular file');
      if (stats.size === 0) throw refuse(absolute, expected, 'an empty file');
      return await look(new OpenedFile(absolute, stats.size, handle, kind));
    } finally {
      await handle.close();
    }
  }

  /** The bytes from `at` on; fewer than `count` at the end of the file. */
  async read(at: number, count: number): Promise<Buffer> {
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, await this.#handle.read(bytes, 0, count, at));
  }

  /** The error for what was found instead of what is expected; `expected` and `advice` stand in place of the kind's. */
  refusal(found: string, { expected, advice }: Partial<FileKind> = {}): MemoryGuardError {
    return refuse(this.path, expected ?? this.#kind.expected, `${found}; ${advice ?? this.#kind.advice}`);
  }
}

function refuse(path: string, expected: string, found: string, options?: ErrorOptions): MemoryGuardError {
  const message = `Expected ${expected}, got ${JSON.stringify(path)}: ${found}.`;
  return new MemoryGuardError('ERR_INVALID_OPTION', message, options);
}
