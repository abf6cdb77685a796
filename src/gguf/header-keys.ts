/** Numbers from a model's header, checked as they are read; it knows ranges, not what any key means. */

import type { GgufValue } from './gguf-metadata.ts';
import { modelFileError } from './model-file.ts';
import type { GgufFile } from './read-gguf.ts';

/** Beyond this no product of sizes could be trusted; the widest models have 20,000, their vocabularies 300,000. */
const MAX_WIDTH = 2 ** 24;

interface Range {
  readonly least?: number;
  readonly most?: number;
}

/** The keys below the architecture's name. */
export class HeaderKeys {
  readonly #file: GgufFile;

  constructor(file: GgufFile) {
    this.#file = file;
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  isTrue(key: string): boolean {
    return this.#value(key) === true;
  }

  whole(key: string, range: Range & { readonly fallback?: number } = {}): number {
    const value = this.#value(key);
    const first = Array.isArray(value) ? value[0] : value;
    if (first === undefined && range.fallback !== undefined) return range.fallback;
    return this.#checked(key, first, range);
  }

  /** One number for all layers, or one for each. */
  perLayer(key: string, count: number, range: Range & { readonly fallback?: readonly number[] }): readonly number[] {
    const value = this.#value(key);
    if (value === undefined && range.fallback) return range.fallback;
    const values: readonly unknown[] = Array.isArray(value) ? value : new Array(count).fill(value);
    if (values.length < count) throw this.#wrong(key, `${count} numbers`, `${values.length}`);
    return values.slice(0, count).map((each) => this.#checked(key, each, range));
  }

  #checked(key: string, value: unknown, { least = 1, most = MAX_WIDTH }: Range): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.#wrong(key, `a whole number from ${least} to ${most}`, value === undefined ? 'nothing' : String(value));
  }

  #wrong(key: string, expected: string, found: string): Error {
    const { path, architecture } = this.#file;
    return modelFileError(path, `have ${expected} in ${architecture}.${key}`, found, 'download the file again');
  }

  #value(key: string): GgufValue | undefined {
    return this.#file.metadata.get(`${this.#file.architecture}.${key}`);
  }
}
