/**
 * Knows how to walk through a protobuf message of any length with one buffer of fixed size: what is skipped is never read. It must not know what
 * fields mean.
 */
import { KiB, MiB } from '../../core/bytes.ts';
import { type ByteSource, formatByteCount, modelFileError } from '../../gguf/model-file.ts';

/** What is read at once. */
const CHUNK_BYTES = 256 * KiB;
/**
 * The most that is read of one message, beside what is skipped. The graph of a language model with 6,000 nodes takes about 2 MiB; files whose
 * weights are written number by number are not read further.
 */
const MOST_BYTES = 256 * MiB;

/** The kinds of fields that a message has. */
export const VARINT = 0;
export const BYTES = 2;

/** A walk asks for the bytes that it needs next, and goes on once they are there. */
export type Walk<T = void> = Generator<number, T, void>;

/** Runs a walk over a source. Rejects with `ERR_MODEL_FILE` for what is no message. */
export async function runWalk<T>(source: ByteSource, walk: (reader: ProtobufReader) => Walk<T>): Promise<T> {
  const reader = new ProtobufReader(source);
  const steps = walk(reader);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await reader.fill(step.value);
  }
}

export class ProtobufReader {
  readonly #source: ByteSource;
  readonly #buffer: Uint8Array;
  /** Where the buffer's first byte stands in the source, and how many are valid. */
  #start = 0;
  #length = 0;
  #position = 0;
  #readBytes = 0;
  /** The field that was read last, and its kind. */
  field = 0;
  kind = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.#buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(16, source.sizeBytes)));
  }

  get sizeBytes(): number {
    return this.#source.sizeBytes;
  }

  /** Reads the next field's number and kind into `field` and `kind`. False at the end of the message. */
  *next(end: number): Walk<boolean> {
    if (this.#position >= end) return false;
    const tag = yield* this.number(end);
    this.kind = tag & 7;
    this.field = Math.floor(tag / 8);
    if (!Number.isSafeInteger(tag) || this.field < 1 || this.field >= 2 ** 29) {
      throw this.damaged('a field with a number', `${tag}`);
    }
    return true;
  }

  /** Reads a number of variable length. It is exact to 2^53, and -1 for all that are negative. */
  *number(end: number): Walk<number> {
    let value = 0;
    let scale = 1;
    for (let place = 0; place < 10; place++) {
      if (this.#position >= end) throw this.damaged('a whole number', 'the end of its message');
      if (this.#position - this.#start >= this.#length) yield 1;
      const byte = this.#buffer[this.#position - this.#start]!;
      this.#position += 1;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 128) return place === 9 ? -1 : value;
    }
    throw this.damaged('a number of at most ten bytes', 'a longer one');
  }

  /** Reads the length of the field that was read last, and gives the position of its end. */
  *block(end: number): Walk<number> {
    if (this.kind !== BYTES) throw this.damaged(`field ${this.field} to have a length`, `kind ${this.kind}`);
    const length = yield* this.number(end);
    const blockEnd = this.#position + length;
    if (length >= 0 && blockEnd <= end) return blockEnd;
    throw this.damaged(
      `a field of ${formatByteCount(length)} to lie in its message`,
      `${formatByteCount(end - this.#position)} left`,
    );
  }

  /** Reads the field that was read last as a text of at most `most` bytes. `undefined`: it is longer, and was skipped. */
  *text(end: number, most: number): Walk<string | undefined> {
    const blockEnd = yield* this.block(end);
    const length = blockEnd - this.#position;
    if (length > most) {
      this.jump(blockEnd);
      return undefined;
    }
    if (this.#position - this.#start + length > this.#length) yield length;
    const at = this.#position - this.#start;
    this.#position = blockEnd;
    return Buffer.from(this.#buffer.buffer, at, length).toString('utf8');
  }

  /** Passes over the field that was read last, and gives how long it is. */
  *skip(end: number): Walk<number> {
    const from = this.#position;
    if (this.kind === VARINT) yield* this.number(end);
    else if (this.kind === BYTES) this.jump(yield* this.block(end));
    else if (this.kind === 1) this.jump(this.#position + 8, end);
    else if (this.kind === 5) this.jump(this.#position + 4, end);
    else throw this.damaged('a field of a known kind', `kind ${this.kind}`);
    return this.#position - from;
  }

  /** Goes on at another position. */
  jump(position: number, end = position): void {
    if (position > end) throw this.damaged('a whole field', 'the end of its message');
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  /** Reads so that `bytes` from the position on are there. */
  async fill(bytes: number): Promise<void> {
    this.#start = this.#position;
    this.#length = 0;
    while (this.#length < bytes) {
      const count = await this.#source.read(this.#buffer.subarray(this.#length), this.#start + this.#length);
      if (count === 0) throw this.damaged(`${formatByteCount(bytes)} more`, 'the end of the file');
      this.#length += count;
      this.#readBytes += count;
    }
    if (this.#readBytes > MOST_BYTES) {
      throw modelFileError(
        this.#source.path,
        `have at most ${MOST_BYTES / MiB} MiB beside its weights`,
        'more',
        'save its weights as raw data',
      );
    }
  }

  damaged(expected: string, found: string): Error {
    const at = `be an ONNX model with ${expected} at byte ${this.#position}`;
    return modelFileError(this.#source.path, at, found, 'export or download it again');
  }
}
