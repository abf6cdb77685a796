/** Walks through a file's first bytes with one reused buffer; it knows little-endian numbers and lengths, not what they mean. */
import { KiB, MiB } from '../core/bytes.ts';
import { type ByteSource, countBytes, modelFileError } from './model-file.ts';

/**
 * The buffer, and the most that is read at once. The first call for a header of 6 MB takes 11.4 ms with 128 KiB, 10.7 ms with
 * 256 KiB and 10.3 ms with 512 KiB (median of 15 processes under `chrt -f 10`).
 */
export const CHUNK_BYTES = 256 * KiB;

/** The first read; each one brings twice as much as the one before, since what V8 has not compiled yet must not take long. */
const FIRST_BYTES = 64 * KiB;

/** The longest header that is walked through. The largest vocabularies today (262,144 tokens and merges) take about 20 MB. */
export const MAX_HEADER_BYTES = 128 * MiB;

/** What may be kept of a header in all: room for 24,000 tensors or 800 keys. The largest models have 2,000 and 100. */
export const KEPT_BYTES = 512 * KiB;

const TWO_TO_32 = 2 ** 32;

/** What is read, for the error if it isn't there; a function where it takes time to say. */
export type What = string | (() => string);

/** How much a reader may still keep; shared by all shards of a model. */
export interface Budget {
  leftBytes: number;
}

/** Takes `bytes` from the budget and leaves at least `restBytes`, or takes nothing. */
export function take(budget: Budget, bytes: number, restBytes = 0): boolean {
  if (bytes > budget.leftBytes - restBytes) return false;
  budget.leftBytes -= bytes;
  return true;
}

/** Where a walk over strings is. */
interface Walk {
  /** Of the next string. */
  at: number;
  /** Of the one before. */
  last: number;
  /** Strings to go. */
  left: number;
}

/** Numbers are read synchronously from what `fill` brought in: `if (!cursor.has(8)) await cursor.fill(8, what)`. */
export class Cursor {
  readonly source: ByteSource;
  /** Where the header must have ended: the file's length or the longest header we accept. */
  readonly limit: number;
  /** What was brought in, and the same as a view; valid until the next `fill`. */
  readonly bytes: Buffer;
  readonly view: DataView;
  /** The file position of the buffer's first byte. */
  #base = 0;
  /** The next byte, relative to `#base`; beyond `#end` after a long skip. */
  #at = 0;
  #end = 0;
  /** How much the next read may bring in. */
  #readBytes = FIRST_BYTES;

  constructor(source: ByteSource, buffer: Buffer) {
    this.source = source;
    this.limit = Math.min(source.sizeBytes, MAX_HEADER_BYTES);
    this.bytes = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
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

  /** Moves over those of the next strings whose lengths are in the buffer; returns how many strings are left. */
  #skipShortStrings(count: number, what: What): number {
    const walk = { at: this.#at, last: this.#at, left: count };
    walkStrings(this.view, walk, this.#end - 8);
    this.#at = walk.last;
    this.skip(walk.at - walk.last, what);
    return walk.left;
  }

  /** The text of the next `bytes` bytes, which are in the buffer. */
  text(bytes: number): string {
    const start = this.#at;
    this.#at += bytes;
    return this.bytes.toString('utf8', start, this.#at);
  }

  /** The bytes at hand that haven't been read yet, at most `bytes`; valid until the next `fill`. */
  peek(bytes: number): Buffer {
    return this.bytes.subarray(this.#at, Math.min(this.#at + bytes, this.#end));
  }

  /** Moves over bytes that are in the buffer; returns where they begin there. */
  pass(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  u32(): number {
    const value = this.view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  u64(): number {
    return this.u64At(this.pass(8));
  }

  /** The number at this place of the buffer. Exact up to 2^53; above that rounded, which every limit here refuses anyway. */
  u64At(at: number): number {
    const high = this.view.getUint32(at + 4, true);
    const low = this.view.getUint32(at, true);
    // Before it is compiled, V8 keeps the result of a product with 2^32 in an object, even where it is 0.
    return high === 0 ? low : low + high * TWO_TO_32;
  }
}

/**
 * Walks to the first string whose length lies beyond `end` or is 16 MiB and more. A function of its own and as small as this,
 * so that V8 has compiled it after 10,000 strings and not after 30,000: reading a vocabulary is mostly this loop.
 */
function walkStrings(view: DataView, walk: Walk, end: number): void {
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

function name(what: What): string {
  return typeof what === 'string' ? what : what();
}
