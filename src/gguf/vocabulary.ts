/** The vocabulary of a model: the bytes of each token, and which tokens a prompt is cut at first. It cuts no text into tokens. */
import type { GgufArraySummary, GgufValue } from './gguf-metadata.ts';
import { HashIndex } from './hash-index.ts';
import { type ByteSource, modelFileError, openModelFile } from './model-file.ts';
import type { GgufFile } from './read-gguf.ts';

/** Of `enum llama_token_type`: unknown, control and user-defined. At these a prompt is cut before the rest of it is cut into tokens. */
const SPECIAL_TYPES: ReadonlySet<unknown> = new Set([2, 3, 4]);

/** Tokenizers that put a token before every prompt, or none, if the header doesn't say. Of the others that isn't known here. */
const BOS_BY_TOKENIZER: ReadonlyMap<string, boolean> = new Map([
  ['llama', true],
  ['gpt2 qwen2', false],
  ['gpt2 gpt-2', false],
]);

export interface Vocabulary {
  readonly size: number;
  /** As the file has it, which is not always as the text has it. Valid as long as the vocabulary. */
  token(id: number): Buffer;
  /** The texts of the tokens that a prompt is cut at first, such as `<|im_start|>`. */
  listSpecialTokens(): string[];
  /** The first token that stands there twice, up to its first NUL as engines read it; empty ones don't count. */
  findRepeatedToken(): number | undefined;
}

/** Whether the model puts a token before every prompt; `undefined` if that isn't known. */
export function readsBosFirst({ metadata }: Pick<GgufFile, 'metadata'>): boolean | undefined {
  const said = metadata.get('tokenizer.ggml.add_bos_token');
  if (typeof said === 'boolean') return said;
  const [model, pre] = [metadata.get('tokenizer.ggml.model'), metadata.get('tokenizer.ggml.pre')];
  return BOS_BY_TOKENIZER.get(`${model}`) ?? BOS_BY_TOKENIZER.get(`${model} ${pre}`);
}

/** `undefined` if the header has no vocabulary. Rejects with `ERR_MODEL_FILE` if the file can't be read or has changed. */
export async function readVocabulary(model: GgufFile): Promise<Vocabulary | undefined> {
  const tokens = findArray(model.metadata.get('tokenizer.ggml.tokens'), 'string');
  if (tokens === undefined) return undefined;
  const types = model.metadata.get('tokenizer.ggml.token_type');
  const file = await openModelFile(model.shards[0]!);
  try {
    const bytes = await readBytes(file, tokens.offset, model.dataOffset);
    const kinds = Array.isArray(types) ? types : await readTypes(file, types);
    const vocabulary = new FileVocabulary(bytes, tokens.length, kinds);
    if (vocabulary.size === tokens.length) return vocabulary;
    const expected = `have the ${tokens.length} tokens of its header`;
    throw modelFileError(model.path, expected, `${vocabulary.size}: it has changed meanwhile`, 'load it again');
  } finally {
    await file.close();
  }
}

class FileVocabulary implements Vocabulary {
  readonly size: number;
  readonly #bytes: Buffer;
  /** Where the length of each token stands. */
  readonly #starts: Uint32Array;
  readonly #types: readonly unknown[] | Int32Array;

  constructor(bytes: Buffer, count: number, types: readonly unknown[] | Int32Array) {
    this.#bytes = bytes;
    this.#types = types;
    this.#starts = new Uint32Array(count);
    let at = 0;
    let size = 0;
    // The reader of the header has walked over all of them; the tokens of a file that changed since then may end early.
    for (; size < count && at + 8 <= bytes.length; size++) {
      this.#starts[size] = at;
      at += 8 + bytes.readUInt32LE(at);
      if (at > bytes.length) break;
    }
    this.size = size;
  }

  token(id: number): Buffer {
    const start = this.#starts[id]!;
    return this.#bytes.subarray(start + 8, start + 8 + this.#bytes.readUInt32LE(start));
  }

  listSpecialTokens(): string[] {
    const special: string[] = [];
    for (let id = 0; id < this.size; id++) {
      if (!SPECIAL_TYPES.has(this.#types[id])) continue;
      const text = this.token(id).toString('utf8');
      if (text !== '' && !text.includes('\0')) special.push(text);
    }
    return special;
  }

  findRepeatedToken(): number | undefined {
    const seen = new HashIndex();
    seen.reserve(this.size);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    for (let id = 0; id < this.size; id++) {
      const start = this.#starts[id]! + 8;
      const end = start + this.#bytes.readUInt32LE(start - 8);
      let at = start;
      while (at < end && this.#bytes[at] !== 0) at++;
      if (at === start) continue;
      if (seen.find(view, start, at - start) >= 0) return id;
      seen.add(0);
    }
    return undefined;
  }
}

function findArray(
  value: GgufValue | undefined,
  elementType: GgufArraySummary['elementType'],
): GgufArraySummary | undefined {
  const summary = Object(value) as Partial<GgufArraySummary>;
  return summary.elementType === elementType ? (value as GgufArraySummary) : undefined;
}

async function readTypes(file: ByteSource, value: GgufValue | undefined): Promise<Int32Array> {
  const summary = findArray(value, 'i32');
  if (summary === undefined) return new Int32Array(0);
  const bytes = await readBytes(file, summary.offset, summary.offset + 4 * summary.length);
  return Int32Array.from({ length: Math.floor(bytes.length / 4) }, (_, id) => bytes.readInt32LE(4 * id));
}

async function readBytes(file: ByteSource, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, to - from));
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length), from + length);
    if (read === 0) break;
    length += read;
  }
  return bytes.subarray(0, length);
}
