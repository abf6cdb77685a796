/** Reads numbers out of kernel text, byte by byte and without making strings; it knows no file and no path. */

const NEWLINE = 10;
const SPACE = 32;
const TAB = 9;
const ZERO = 48;

/** No kernel counts this many bytes; v1 writes "no limit" as 2^63 rounded down to a page of 4 or 64 KiB. */
const SENTINEL = 2 ** 62;
/** The largest number that a kernel can print is one less. As a double they are the same. */
const LARGEST = 2 ** 64;
/** Digits were expected and are not there. It is never a valid size. */
export const GARBAGE = -1;

/** Parses the decimal number at `from`. GARBAGE unless digits stand there and a blank or the end follows; Infinity from SENTINEL on. */
export function parseDecimal(bytes: Uint8Array, from: number, length: number): number {
  let value = 0;
  let at = from;
  for (; at < length; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (at === from) return GARBAGE;
  if (at < length) {
    const next = bytes[at]!;
    if (next !== NEWLINE && next !== SPACE) return GARBAGE;
  }
  if (value > LARGEST) return GARBAGE;
  return value >= SENTINEL ? Number.POSITIVE_INFINITY : value;
}

/** Parses a whole file of one number, `536870912\n`, or `max\n`. */
export function parseNumberFile(bytes: Uint8Array, length: number): number {
  const value =
    length >= 3 && bytes[0] === 109 && bytes[1] === 97 && bytes[2] === 120 ? Number.POSITIVE_INFINITY : undefined;
  const end = value === undefined ? findDigitsEnd(bytes, length) : 3;
  // One newline may follow and nothing else.
  if (length - end > 1 || (length - end === 1 && bytes[end] !== NEWLINE)) return GARBAGE;
  return value ?? parseDecimal(bytes, 0, length);
}

/** Makes the keys that `scanKeys` compares with, once and for all readings. */
export function encodeKeys(...names: string[]): readonly Uint8Array[] {
  return names.map((name) => Buffer.from(name));
}

/**
 * Parses the numbers behind the first `count` keys of lines such as `inactive_file 58413056` or `MemFree:  24459792 kB`.
 * Keys carry their separator (`inactive_file `). One pass suffices if the file has them in the order given, as every kernel's
 * so far; otherwise a second pass finds them in any order. NaN: no such line.
 */
export function scanKeys(
  bytes: Uint8Array,
  length: number,
  keys: readonly Uint8Array[],
  count: number,
  values: Float64Array,
): void {
  let wanted = 0;
  let key = keys[0]!;
  let at = 0;
  while (at < length) {
    if (bytes[at] === key[0] && startsWith(bytes, at, length, key)) {
      values[wanted] = parseNumberAfter(bytes, at + key.length, length);
      wanted++;
      if (wanted === count) return;
      key = keys[wanted]!;
    }
    while (at < length && bytes[at] !== NEWLINE) at++;
    at++;
  }
  for (; wanted < count; wanted++) values[wanted] = findNumber(bytes, length, keys[wanted]!);
}

function findDigitsEnd(bytes: Uint8Array, length: number): number {
  let at = 0;
  while (at < length && bytes[at]! >= ZERO && bytes[at]! <= ZERO + 9) at++;
  return at;
}

/** Bytes behind `length` are left over from another file. */
function startsWith(bytes: Uint8Array, from: number, length: number, key: Uint8Array): boolean {
  if (from + key.length > length) return false;
  for (let at = 0; at < key.length; at++) if (bytes[from + at] !== key[at]) return false;
  return true;
}

function parseNumberAfter(bytes: Uint8Array, from: number, length: number): number {
  let at = from;
  while (at < length && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return parseDecimal(bytes, at, length);
}

function findNumber(bytes: Uint8Array, length: number, key: Uint8Array): number {
  let at = 0;
  while (at < length) {
    if (startsWith(bytes, at, length, key)) return parseNumberAfter(bytes, at + key.length, length);
    while (at < length && bytes[at] !== NEWLINE) at++;
    at++;
  }
  return Number.NaN;
}
