/** Knows what a rule over a header is, and the sentence about a header that breaks one. It must not know which rules there are. */
import { modelFileError, quote } from './model-file.ts';
import type { GgufFile, GgufTypeName, GgufValue } from './read-gguf.ts';

/** The part of a file that rules look at. */
export type RuledFile = Pick<GgufFile, 'path' | 'architecture' | 'metadata' | 'types' | 'tensors'>;

/** A header as a rule sees it. */
export interface RuledHeader {
  readonly file: RuledFile;
  /** What stands before the dot of every key: an architecture, `clip.audio`, `tokenizer.ggml`. */
  readonly prefix: string;
  /** Number in this key, or the first one of a list; `undefined` if it has none. */
  number(key: string): number | undefined;
}

/** What one key must hold. */
export interface HeaderRule {
  /** Key below the prefix. */
  readonly key: string;
  /** What is expected if the value is wrong, for example `a whole number from 1 to 512`; `undefined` if it is right. */
  judge(value: GgufValue | undefined, header: RuledHeader, type: GgufTypeName | undefined): string | undefined;
}

/** Bounds of a number, both of them allowed. */
export interface Bounds {
  readonly least: number;
  readonly most?: number;
  /** The number must be a divisor of this one. */
  readonly divides?: number | undefined;
  readonly multipleOf?: number;
}

/** Bounds that depend on the rest of the header; `undefined` if there are none. */
export type FindBounds = (header: RuledHeader) => Bounds | undefined;

interface TypeDemand {
  /** The type that the value must have. Without it any number type will do. */
  readonly type?: GgufTypeName;
  /** Whether the key must be there. */
  readonly required?: boolean;
}

/** A whole number, or a list of them. What is absent is judged as `absent`, or is right if that is not given. */
export function wholeNumber(
  key: string,
  bounds: Bounds | FindBounds,
  { type, required = false, absent }: TypeDemand & { readonly absent?: number } = {},
): HeaderRule {
  const find = typeof bounds === 'function' ? bounds : () => bounds;
  return {
    key,
    judge(given, header, found) {
      const range = find(header);
      const value = given ?? absent;
      if (range === undefined || (value === undefined && !required)) return undefined;
      const isRightType = type === undefined || given === undefined || found === type;
      const values: readonly unknown[] = Array.isArray(value) ? value : [value];
      if (isRightType && values.every((each) => isWithin(each, range))) return undefined;
      return `a whole number ${printBounds(range)}${printType(type)}`;
    },
  };
}

/** A number of at least 0 that is not infinite. */
export function fraction(key: string, { type, required = false }: TypeDemand = {}): HeaderRule {
  return {
    key,
    judge(value, _header, found) {
      if (value === undefined && !required) return undefined;
      const isRightType = type === undefined || found === type;
      if (isRightType && typeof value === 'number' && Number.isFinite(value) && value >= 0) return undefined;
      return `a number from 0${printType(type)}`;
    },
  };
}

/** One of some words. */
export function word(key: string, words: readonly string[]): HeaderRule {
  return {
    key,
    judge: (value) =>
      value === undefined || words.includes(value as string) ? undefined : `one of ${words.join(', ')}`,
  };
}

/** A value of one of some types, with at least so many elements. */
export function typed(
  key: string,
  types: readonly GgufTypeName[],
  { required = false, least = 0 }: { readonly required?: boolean; readonly least?: number | FindBounds } = {},
): HeaderRule {
  return {
    key,
    judge(value, header, found) {
      if (value === undefined && !required) return undefined;
      const count = typeof least === 'function' ? (least(header)?.least ?? 0) : least;
      if (found !== undefined && types.includes(found) && countElements(value) >= count) return undefined;
      return `${count > 0 ? `at least ${count} elements` : 'a value'} of type ${types.join(' or ')}`;
    },
  };
}

/** A list of whole numbers has elements of these types, since engines end the process over others; a single value is not judged. */
export function wholeNumberList(key: string): HeaderRule {
  return {
    key,
    judge: (_value, _header, found) =>
      found === undefined || !found.endsWith('[]') || found === 'u32[]' || found === 'i32[]'
        ? undefined
        : 'a list of type u32[] or i32[]',
  };
}

/**
 * Looks for the first rule that the header breaks.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` with the key, what was expected and what was found.
 */
export function refuseBrokenRules(file: RuledFile, prefix: string, rules: readonly HeaderRule[]): void {
  const header: RuledHeader = { file, prefix, number: (key) => readNumber(file, `${prefix}.${key}`) };
  for (const { key, judge } of rules) {
    const name = `${prefix}.${key}`;
    const value = file.metadata.get(name);
    const type = file.types.get(name);
    const expected = judge(value, header, type);
    if (expected === undefined) continue;
    const found = value === undefined ? 'nothing' : `${printValue(value)} of type ${type}`;
    throw modelFileError(file.path, `have ${expected} in ${name}`, found, 'download the file again');
  }
}

function readNumber({ metadata }: RuledFile, key: string): number | undefined {
  const value = metadata.get(key);
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'number' ? first : undefined;
}

function isWithin(value: unknown, { least, most = Number.MAX_SAFE_INTEGER, divides, multipleOf = 1 }: Bounds): boolean {
  if (typeof value !== 'number' || value % multipleOf !== 0 || value < least || value > most) return false;
  return divides === undefined || (value !== 0 && divides % value === 0);
}

function printBounds({ least, most, divides, multipleOf }: Bounds): string {
  const range = most === undefined ? `from ${least}` : least === most ? `that is ${least}` : `from ${least} to ${most}`;
  const divisor = divides === undefined ? '' : ` that divides ${divides}`;
  return `${range}${divisor}${multipleOf === undefined ? '' : ` and a multiple of ${multipleOf}`}`;
}

function printType(type: GgufTypeName | undefined): string {
  return type === undefined ? '' : ` of type ${type}`;
}

function printValue(value: GgufValue): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object') return String(value);
  return Array.isArray(value) && value.length <= 8 ? `[${value.join(', ')}]` : `${value.length} elements`;
}

function countElements(value: GgufValue | undefined): number {
  return typeof value === 'object' && value !== null ? value.length : 1;
}
