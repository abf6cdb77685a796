/**
 * Knows how to walk through a file's first bytes with one reused buffer: little-endian numbers and lengths. It must not
 * know what they mean.
 */
import { KiB, MiB } from '../core/bytes.ts';
import { type ByteSource, formatByteCount, modelFileError } from './model-file.ts';

/**
 * The size of the buffer, and the most that is read at once. The first call for a header of 6 MB takes 11.4 ms with 128
 * KiB, 10.7 ms with 256 KiB and 10.3 ms with 512 KiB (median of 15 processes under `chrt -f 10`).
 */
export const CHUNK_BYTES = 256 * KiB;

/**
 * The size of the first read. Each read is twice as long as the one before, since code that V8 has not compiled yet is
 * slow.
 */
const FIRST_BYTES = 64 * KiB;

/**
 * The longest header that is walked through. The largest vocabularies today (262,144 tokens and merges) take about 20 MB.
 */
export const MAX_HEADER_BYTES = 128 * MiB;

/** How much may be kept of a header in all: room for 24,000 tensors or 800 keys. The largest models have 2,000 and 100. */
export const KEPT_BYTES = 512 * KiB;

const TWO_TO_32 = 2 ** 32;

/** What is being read, for the error if it is not there; a function if naming it takes time. */
export type Subject = string | (() => string);

/** How much a reader may still keep; shared by all shards of a model. */
export interface Budget {
  leftBytes: number;
}

/** Takes `bytes` from the budget if `restBytes` are left then; otherwise it takes nothing and returns false. */
export function takeBudget(budget: Budget, bytes: number, restBytes = 0): boolean {
  if (bytes > budget.leftBytes - restBytes) return false;
  budget.leftBytes -= bytes;
  return true;
}

/** How far a walk over strings has come. */
interface StringWalk {
  /** Where the next string begins in the buffer. */
  at: number;
  /** Where the string before it begins. */
  last: number;
  /** How many strings are left. */
  left: number;
}

/** Numbers are read synchronously from what `fill` brought in: `if (!cursor.holds(8)) await cursor.fill(8, subject)`. */
export class HeaderCursor {
  readonly source: ByteSource;
  /** Where the header must have ended: the length of the file or of the longest header that is accepted. */
  readonly limit: number;
  /** The buffer, and a view of it; what they hold is valid until the next `fill`. */
  readonly bytes: Buffer;
  readonly view: DataView;
  /** The file position of the buffer's first byte. */
  #base = 0;
  /** The next byte, relative to `#base`. It lies beyond `#end` after a long skip. */
  #at = 0;
  /** The end of what was brought in, relative to `#base`. */
  #end = 0;
  /** How much the next read may bring in. */
  #readBytes = FIRST_BYTES;

  constructor(source: ByteSource, buffer: Buffer) {
    this.source = source;
    this.limit = Math.min(source.sizeBytes, MAX_HEADER_BYTES);
    this.bytes = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** The position of the next byte in the file. */
  get position(): number {
    return this.#base + this.#at;
  }

  /** True if the next `bytes` bytes are in the buffer. */
  holds(bytes: number): boolean {
    return this.#end - this.#at >= bytes;
  }

  /**
   * Brings at least `bytes` (at most a chunk) into the buffer. Rejects with `ERR_MODEL_FILE` if the file ends before them.
   */
  async fill(bytes: number, subject: Subject): Promise<void> {
    this.requireInFile(bytes, subject);
    const left = Math.max(0, this.#end - this.#at);
    this.bytes.copyWithin(0, this.#at, this.#at + left);
    this.#base += this.#at;
    this.#at = 0;
    this.#end = left;
    while (this.#end < bytes) {
      const most = Math.max(bytes - this.#end, this.#readBytes);
      this.#readBytes *= 2;
      const read = await this.source.read(this.bytes.subarray(this.#end, this.#end + most), this.#base + this.#end);
      if (read === 0) {
        const found = `its end already at ${this.#base + this.#end}`;
        const expected = `hold ${this.source.sizeBytes} bytes as when it was opened`;
        throw modelFileError(this.source.path, expected, found, 'wait until it is written completely');
      }
      this.#end += read;
    }
  }

  /** Brings in `bytes`, or all that is left if that is less; then `requireInBuffer` throws. */
  async fillUpTo(bytes: number, subject: Subject): Promise<void> {
    const possible = Math.min(bytes, this.limit - this.position);
    if (!this.holds(possible)) await this.fill(possible, subject);
  }

  /** Throws `ERR_MODEL_FILE` unless `bytes` are in the buffer, after `fillUpTo` for at least as many. */
  requireInBuffer(bytes: number, subject: Subject): void {
    if (!this.holds(bytes)) this.requireInFile(bytes, subject);
  }

  /** Throws `ERR_MODEL_FILE` unless `bytes` more can follow here. */
  requireInFile(bytes: number, subject: Subject): void {
    const end = this.position + bytes;
    if (end <= this.limit) return;
    const { path, sizeBytes } = this.source;
    if (end > sizeBytes) {
      const expected = `hold ${formatByteCount(bytes)} for ${nameSubject(subject)} at offset ${this.position}`;
      const found = `its end after ${formatByteCount(sizeBytes - this.position)}`;
      throw modelFileError(path, expected, found, 'the header is cut off or damaged, so download the file again');
    }
    const expected = `have a header of at most ${formatByteCount(MAX_HEADER_BYTES)}`;
    const found = `${formatByteCount(bytes)} for ${nameSubject(subject)} at offset ${this.position}`;
    throw modelFileError(path, expected, found, 'the file is damaged or not a model');
  }

  /** Moves on without looking at what lies between. */
  skip(bytes: number, subject: Subject): void {
    this.requireInFile(bytes, subject);
    this.#at += bytes;
  }

  /** Moves over `count` strings by their lengths alone. */
  async skipStrings(count: number, subject: Subject): Promise<void> {
    for (let left = count; left > 0; ) {
      if (!this.holds(8)) await this.fill(8, subject);
      left = this.#skipShortStrings(left, subject);
      if (left === 0 || !this.holds(8)) continue;
      this.skip(this.readU64(), subject);
      left--;
    }
  }

  /** Moves over those of the next strings whose lengths are in the buffer. Returns how many strings are left. */
  #skipShortStrings(count: number, subject: Subject): number {
    const walk = { at: this.#at, last: this.#at, left: count };
    walkStrings(this.view, walk, this.#end - 8);
    this.#at = walk.last;
    this.skip(walk.at - walk.last, subject);
    return walk.left;
  }

  /** Reads the text of the next `bytes` bytes, which are in the buffer. */
  readText(bytes: number): string {
    const start = this.#at;
    this.#at += bytes;
    return this.bytes.toString('utf8', start, this.#at);
  }

  /** Returns the bytes of the buffer that were not read yet, at most `bytes`. They are valid until the next `fill`. */
  peek(bytes: number): Buffer {
    return this.bytes.subarray(this.#at, Math.min(this.#at + bytes, this.#end));
  }

  /** Moves over bytes that are in the buffer. Returns where they begin there. */
  consume(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  readU32(): number {
    const value = this.view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  readU64(): number {
    return this.readU64At(this.consume(8));
  }

  /**
   * Reads the number at this place of the buffer. It is exact up to 2^53 and rounded beyond, which every limit refuses
   * anyway.
   */
  readU64At(at: number): number {
    const high = this.view.getUint32(at + 4, true);
    const low = this.view.getUint32(at, true);
    // Before it is compiled, V8 keeps the result of a product with 2^32 in an object, even if it is 0.
    return high === 0 ? low : low + high * TWO_TO_32;
  }
}

/**
 * Walks to the first string whose length lies beyond `end` or is 16 MiB and more. This is a function of its own and as
 * small as this, so that V8 has compiled it after 10,000 strings and not after 30,000: reading a vocabulary is mostly this
 * loop.
 */
function walkStrings(view: DataView, walk: StringWalk, end: number): void {
  let { at, last, left } = walk;
  for (; left > 0 && at <= end; left--) {
    const bytes = view.getUint32(at, true);
    if (bytes >= 2 ** 24 || view.getUint32(at + 4, true) !== 0) break;
    last = at;
    at += 8 + bytes;
  }
  walk.at = at;
  walk.last = last;
  walk.left = left;
}

function nameSubject(subject: Subject): string {
  return typeof subject === 'string' ? subject : subject();
}
