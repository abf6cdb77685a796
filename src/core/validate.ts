/** What is accepted as an option, and the one sentence for the rest. It knows no option by name. */
import { isAbsolute } from 'node:path';
import { types } from 'node:util';
import { parseBytes } from './bytes.ts';
import { copyOptions, readOption } from './copy-options.ts';
import { clip, invalidOption, MemoryGuardError } from './errors.ts';

/** Returns the value as it is used, or throws `ERR_INVALID_OPTION` with `name` in its sentence. */
export type Check<T> = (value: unknown, name: string) => T;

/** One check for each option of `S`, of that option's own type: a check of another type doesn't compile. */
export type Checks<S> = { readonly [K in keyof S]-?: Check<Exclude<S[K], undefined>> };

/** The largest delay of a timer, and the largest `int` of a native library. */
export const INT32_MAX = 2 ** 31 - 1;

/**
 * Runs each option through its check. An option that is `undefined` is left out, so that it doesn't hide a default. Options that the object
 * inherits count, for example those of a class with getters, or defaults under `Object.create(defaults)`; what stands on `Object.prototype` does not,
 * neither in the given object nor in the returned one.
 * `call` is what the options are given to, for example `withMemoryGuard`; `path` is the option whose own options these are.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if `given` is no object, has a key that is no option, or a check refuses.
 */
export function validate<S extends object>(given: unknown, checks: Checks<S>, call: string, path = ''): Partial<S> {
  const checked: Partial<S> = Object.create(null);
  if (given === undefined) return checked;
  const name = path || 'options';
  if (typeof given !== 'object' || given === null || readOption(name, () => Array.isArray(given))) {
    throw invalidOption(name, 'an object', given);
  }
  if (types.isPromise(given)) throw invalidOption(name, 'an object and not a promise of one', given);
  const prefix = path && `${path}.`;
  for (const [key, value] of Object.entries(copyOptions(given, path, Object.keys(checks)))) {
    if (!Object.hasOwn(checks, key)) throw unknownOption(key, Object.keys(checks), call, prefix);
    if (value !== undefined) checked[key as keyof S] = checks[key as keyof S](value, `${prefix}${key}`);
  }
  return checked;
}

/** The error for a key that is no option, with the option that was most likely meant. */
export function unknownOption(key: string, known: readonly string[], call: string, prefix = ''): MemoryGuardError {
  const meant = nearestName(key, known);
  const help = meant === undefined ? `its options are ${known.join(', ')}.` : `did you mean \`${prefix}${meant}\`?`;
  return new MemoryGuardError('ERR_INVALID_OPTION', `Unknown option \`${prefix}${clip(key)}\` of \`${call}\`; ${help}`);
}

/** The known name that differs least from what was written, or `undefined` if none is close. */
export function nearestName(written: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(written.toLowerCase(), name.toLowerCase());
    if (distance < least) [nearest, least] = [name, distance];
  }
  return nearest;
}

/** How many characters must be inserted, left out, replaced or swapped with their neighbour. */
function editDistance(from: string, to: string): number {
  // A hostile key may be megabytes long; no option is.
  if (Math.abs(from.length - to.length) > 32) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      const swapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped && i > 1) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    [before, row] = [row, next];
  }
  return row[to.length]!;
}

export const flag: Check<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw invalidOption(name, 'true or false', value);
  return value;
};

/** Bytes of a number or of a text such as "512 MiB". */
export const size: Check<number> = (value, name) => {
  const bytes = parseBytes(value);
  if (bytes === undefined) throw invalidOption(name, 'a safe integer >= 0 or a size such as "512 MiB"', value);
  return bytes;
};

/** One of some texts or truth values, compared by identity. */
export function oneOf<const T extends readonly (string | boolean)[]>(...values: T): Check<T[number]> {
  return (value, name) => {
    if (values.includes(value as T[number])) return value as T[number];
    const printed = values.map((each) => (typeof each === 'string' ? `'${each}'` : String(each)));
    throw invalidOption(name, printed.join(', ').replace(/, ([^,]*)$/, ' or $1'), value);
  };
}

/** A finite number from `least` to `most`, both of them allowed. */
export function numberFrom(least: number, most = Number.POSITIVE_INFINITY): Check<number> {
  const range = most === Number.POSITIVE_INFINITY ? `${least}` : `${least} to ${most}`;
  return (value, name) => {
    if (typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most) return value;
    throw invalidOption(name, `a number from ${range}`, value);
  };
}

/** A whole number from `least` to `most`, both of them allowed. */
export function wholeNumber(least: number, most = INT32_MAX): Check<number> {
  return (value, name) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw invalidOption(name, `a whole number from ${least} to ${most}`, value);
  };
}

/** A text with at least one character that is no white space. */
export const text: Check<string> = (value, name) => {
  if (isText(value)) return value;
  throw invalidOption(name, 'a text that is not empty', value);
};

/** A text for a native library, which reads up to the first NUL. */
export const nativeText: Check<string> = (value, name) => {
  if (isText(value) && !value.includes('\0')) return value;
  throw invalidOption(name, 'a text that is not empty and has no NUL in it', value);
};

/** A path of the file system. `expected` says of what. */
export function describedPath(expected: string): Check<string> {
  return (value, name) => {
    if (isText(value) && !value.includes('\0')) return value;
    throw invalidOption(name, expected, value);
  };
}

export const path: Check<string> = describedPath('a path');

export const absolutePath: Check<string> = (value, name) => {
  if (typeof value === 'string' && isAbsolute(value) && !value.includes('\0')) return value;
  throw invalidOption(name, 'an absolute path', value);
};

/** One value or a list of them, as a list. */
export function oneOrMore<T>(check: Check<T>, expected: string): Check<readonly T[]> {
  return (value, name) => {
    try {
      return (Array.isArray(value) ? value : [value]).map((each: unknown) => check(each, name));
    } catch {
      throw invalidOption(name, expected, value);
    }
  };
}

/** A list, each of whose parts is checked by `check` under its place, such as `candidates[0]`. `expected` says what the list is. */
export function listOf<T>(expected: string, check: Check<T>): Check<readonly T[]> {
  return (value, name) => {
    const parts = readOption(name, () => (Array.isArray(value) ? [...value] : undefined));
    if (!parts) throw invalidOption(name, expected, value);
    return Object.freeze(parts.map((part: unknown, index) => check(part, `${name}[${index}]`)));
  };
}

/** What is read later, and refused now by the name that it has here. */
export function unread<T>(check: Check<unknown>): Check<T> {
  return (value, name) => {
    check(value, name);
    return value as T;
  };
}

/** Any function; what it takes and returns can't be seen before it is called. */
export function callback<F extends (...args: never[]) => unknown>(value: unknown, name: string): F {
  if (typeof value !== 'function') throw invalidOption(name, 'a function', value);
  return value as F;
}

/** An object whose parts are checked by `check`, or are the caller's own matter. `expected` says what it is. */
export function objectOf<T extends object>(
  expected: string,
  check: (given: Partial<Record<keyof T, unknown>>, name: string) => T = (given) => given as T,
): Check<T> {
  return (value, name) => {
    if (typeof value !== 'object' || value === null) throw invalidOption(name, expected, value);
    return check(value, name);
  };
}

export const abortSignal: Check<AbortSignal> = (value, name) => {
  if (!isAbortSignal(value)) throw invalidOption(name, 'an AbortSignal', value);
  return value;
};

/** What only inherits from its prototype throws when it is asked whether it was aborted, and a proxy may throw whatever it is asked. */
function isAbortSignal(value: unknown): value is AbortSignal {
  try {
    return value instanceof AbortSignal && typeof value.aborted === 'boolean';
  } catch {
    return false;
  }
}

/** The first check that accepts the value; `expected` names all of them. */
export function either<A, B>(first: Check<A>, second: Check<B>, expected: string): Check<A | B> {
  return (value, name) => {
    try {
      return first(value, name);
    } catch {
      // The second one decides.
    }
    try {
      return second(value, name);
    } catch {
      throw invalidOption(name, expected, value);
    }
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
