/** Knows how to read checked numbers from a header's metadata. It must not know what any key means. */

import type { GgufValue } from './gguf-metadata.ts';
import { modelFileError } from './model-file.ts';
import type { GgufFile } from './read-gguf.ts';

/** Beyond this no product of sizes could be trusted; the widest models have 20,000, their vocabularies 300,000. */
const MAX_WIDTH = 2 ** 24;

/** The smallest and the largest number that are allowed. By default they are 1 and 2^24. */
interface NumberRange {
  readonly least?: number;
  readonly most?: number;
}

interface FallbackRange<T> extends NumberRange {
  /** What is returned if the header has no such key. */
  readonly fallback?: T;
}

/**
 * The keys of a header that begin with one prefix. Every method that reads throws `ERR_MODEL_FILE` for a value that it
 * can't take.
 */
export class HeaderKeys {
  readonly #file: Pick<GgufFile, 'path' | 'metadata'>;
  readonly #prefix: string;

  /** `prefix` comes before the dot: for a language model its architecture, for a projector for example `clip.audio`. */
  constructor(file: Pick<GgufFile, 'path' | 'metadata'>, prefix: string) {
    this.#file = file;
    this.#prefix = prefix;
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  isTrue(key: string): boolean {
    return this.#get(key) === true;
  }

  /** Reads a whole number. An absent key is `fallback`, or an error if there is none. */
  readNumber(key: string, range: FallbackRange<number> = {}): number {
    return this.#checkOrFallBack(key, this.#get(key), range);
  }

  /** The same for keys that some files give as a list with one number for each layer: the first of them counts. */
  readFirstNumber(key: string, range: FallbackRange<number> = {}): number {
    const value = this.#get(key);
    return this.#checkOrFallBack(key, Array.isArray(value) ? value[0] : value, range);
  }

  /** Reads one number for each of `count` layers; the header may give one for all of them, or truth values. */
  readPerLayer(key: string, count: number, range: FallbackRange<readonly number[]>): readonly number[] {
    const value = this.#get(key);
    if (value === undefined && range.fallback) return range.fallback;
    const values: readonly unknown[] = Array.isArray(value) ? value : new Array(count).fill(value);
    if (values.length < count) throw this.#wrongValue(key, `${count} numbers`, `${values.length}`);
    return values.slice(0, count).map((each) => this.#check(key, countTruth(each), range));
  }

  /** The numbers of a list; `undefined` if the header has no list of that name. */
  findList(key: string, range: NumberRange): readonly number[] | undefined {
    const value = this.#get(key);
    return Array.isArray(value) ? value.map((each) => this.#check(key, countTruth(each), range)) : undefined;
  }

  #get(key: string): GgufValue | undefined {
    return this.#file.metadata.get(`${this.#prefix}.${key}`);
  }

  #checkOrFallBack(key: string, value: unknown, range: FallbackRange<number>): number {
    if (value === undefined && range.fallback !== undefined) return range.fallback;
    return this.#check(key, value, range);
  }

  #check(key: string, value: unknown, { least = 1, most = MAX_WIDTH }: NumberRange): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    const found = value === undefined ? 'nothing' : String(value);
    throw this.#wrongValue(key, `a whole number from ${least} to ${most}`, found);
  }

  #wrongValue(key: string, expected: string, found: string): Error {
    const where = `have ${expected} in ${this.#prefix}.${key}`;
    return modelFileError(this.#file.path, where, found, 'download the file again');
  }
}

/** In a list for layers converters write truth values or 0 and 1. */
function countTruth(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}
