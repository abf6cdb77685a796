/** Walks through a file's first bytes with one reused buffer; it knows little-endian numbers and lengths, not what they mean. */
import { MiB } from '../bytes.ts';
import { type ByteSource, countBytes, modelFileError } from './modelfile.ts';

/**
 * One read; 2.9 MB of header are 22 of them. In five fresh processes each, the longest turn of the event loop took 1.7 to
 * 2.2 ms of CPU time with 128 KiB and 1.9 to 4.0 ms with 256 KiB; the whole call took as long.
 */
export const CHUNK_BYTES = 128 * 1024;

/** The longest header that is walked through. The largest vocabularies today (262,144 tokens and merges) take about 20 MB. */
export const MAX_HEADER_BYTES = 128 * MiB;

/** What may be kept of a header in all; a tensor costs about 300 bytes, so this is room for some 9,000. */
export const KEPT_BYTES = 3 * MiB;

const TWO_TO_32 = 2 ** 32;

/** What is read, for the error if it isn't there; a function where it takes time to say. */
export type What = string | (() => string);

/** How much a reader may still keep; shared by all shards of a model. */
export interface Budget {
  leftBytes: number;
}

/** Takes `bytes` from the budget, or nothing if they don't fit. */
export function take(budget: Budget, bytes: number): boolean {
  if (bytes > budget.leftBytes) return false;
  budget.leftBytes -= bytes;
  return true;
}

/** Numbers are read synchronously from what `fill` brought in: `if (!cursor.has(8)) await cursor.fill(8, what)`. */
export class Cursor {
  readonly source: ByteSource;
  /** Where the header must have ended: the file's length or the longest header we accept. */
  readonly limit: number;
  readonly #buffer: Buffer;
  readonly #view: DataView;
  /** The file position of the buffer's first byte. */
  #base = 0;
  /** The next byte, relative to `#base`; beyond `#end` after a long skip. */
  #at = 0;
  #end = 0;

  constructor(source: ByteSource, buffer: Buffer = Buffer.allocUnsafe(CHUNK_BYTES)) {
    this.source = source;
    this.limit = Math.min(source.sizeBytes, MAX_HEADER_BYTES);
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** Position in the file. */
  get position(): number {
    return this.#base + this.#at;
  }

  has(bytes: number): boolean {
    return this.#end - this.#at >= bytes;
  }

  /** Brings at least `bytes` (at most a chunk) into the buffer, or throws because the file ends before them. */
  async fill(bytes: number, what: What): Promise<void> {
    this.expect(bytes, what);
    const left = Math.max(0, this.#end - this.#at);
    this.#buffer.copyWithin(0, this.#at, this.#at + left);
    this.#base += this.#at;
    this.#at = 0;
    this.#end = left;
    while (this.#end < bytes) {
      const read = await this.source.read(this.#buffer.subarray(this.#end), this.#base + this.#end);
      if (read === 0) {
        const found = `its end already at ${this.#base + this.#end}`;
        const expected = `hold ${this.source.sizeBytes} bytes as when it was opened`;
        throw modelFileError(this.source.path, expected, found, 'wait until it is written completely');
      }
      this.#end += read;
    }
  }

  /** Brings in `bytes`, or all there is where the header can't be that long; `require` then tells. */
  async fillUpTo(bytes: number, what: What): Promise<void> {
    const possible = Math.min(bytes, this.limit - this.position);
    if (!this.has(possible)) await this.fill(possible, what);
  }

  /** Throws unless `bytes` are in the buffer, which at least as many have been brought into. */
  require(bytes: number, what: What): void {
    if (!this.has(bytes)) this.expect(bytes, what);
  }

  /** Throws unless `bytes` more can follow here. */
  expect(bytes: number, what: What): void {
    const end = this.position + bytes;
    if (end <= this.limit) return;
    const { path, sizeBytes } = this.source;
    if (end > sizeBytes) {
      const expected = `hold ${countBytes(bytes)} for ${name(what)} at offset ${this.position}`;
      const found = `its end after ${countBytes(sizeBytes - this.position)}`;
      throw modelFileError(path, expected, found, 'the header is cut off or damaged, so download the file again');
    }
    const expected = `have a header of at most ${countBytes(MAX_HEADER_BYTES)}`;
    const found = `${countBytes(bytes)} for ${name(what)} at offset ${this.position}`;
    throw modelFileError(path, expected, found, 'the file is damaged or not a model');
  }

  /** Moves on without looking at what lies between. */
  skip(bytes: number, what: What): void {
    this.expect(bytes, what);
    this.#at += bytes;
  }

  /** Moves over `count` strings by their lengths alone. */
  async skipStrings(count: number, what: What): Promise<void> {
    for (let left = count; left > 0; ) {
      if (!this.has(8)) await this.fill(8, what);
      left = this.#skipShortStrings(left, what);
      if (left === 0 || !this.has(8)) continue;
      this.skip(this.u64(), what);
      left--;
    }
  }

  /**
   * Moves over strings below 16 MiB whose lengths are in the buffer; returns how many strings are left. Single bytes and
   * no `await`: for the first 156,000 strings of a process this takes 5 ms less than a DataView in an async function.
   */
  #skipShortStrings(count: number, what: What): number {
    const bytes = this.#buffer;
    const last = this.#end - 8;
    let start = this.#at;
    let at = start;
    let left = count;
    for (; left > 0 && at <= last; left--) {
      const high = (bytes[at + 3] as number) | (bytes[at + 4] as number) | (bytes[at + 5] as number);
      if ((high | (bytes[at + 6] as number) | (bytes[at + 7] as number)) !== 0) break;
      start = at;
      at += 8 + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16));
    }
    this.#at = start;
    this.skip(at - start, what);
    return left;
  }

  /** The text of the next `bytes` bytes, which are in the buffer. */
  text(bytes: number): string {
    const start = this.#at;
    this.#at += bytes;
    return this.#buffer.toString('utf8', start, this.#at);
  }

  /** The bytes at hand that haven't been read yet, at most `bytes`; valid until the next `fill`. */
  peek(bytes: number): Buffer {
    return this.#buffer.subarray(this.#at, Math.min(this.#at + bytes, this.#end));
  }

  /** The start of `bytes` bytes in the view that are read next. */
  take(bytes: number): [view: DataView, at: number] {
    const at = this.#at;
    this.#at += bytes;
    return [this.#view, at];
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  /** Exact up to 2^53; above that rounded, which every limit here refuses anyway. */
  u64(): number {
    const at = this.#at;
    this.#at += 8;
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * TWO_TO_32;
  }
}

function name(what: What): string {
  return typeof what === 'string' ? what : what();
}
