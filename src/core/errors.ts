/** The base of the package's errors, the sentence that every bad option gets, and how any value is printed in a sentence. It knows no option by name. */
import { inspect } from 'node:util';
import { printable } from './printable.ts';

/** Stable codes that programs match on. README has a table of what each means and what to do. */
export type ErrorCode =
  | 'ERR_INSUFFICIENT_MEMORY'
  | 'ERR_INVALID_OPTION'
  | 'ERR_UNKNOWN_MODEL'
  | 'ERR_UNKNOWN_QUANTIZATION'
  | 'ERR_MODEL_FILE'
  | 'ERR_SENSOR'
  | 'ERR_LEDGER'
  | 'ERR_ADMISSION_TIMEOUT'
  | 'ERR_MODEL_EVICTED'
  | 'ERR_MODEL_KILLED'
  | 'ERR_GUARD_CLOSED'
  | 'ERR_RUNTIME_NOT_FOUND'
  | 'ERR_RUNTIME_ABI'
  | 'ERR_CONTEXT_FULL'
  | 'ERR_RUNTIME';

/** Every error this package throws itself. Errors of the guarded SDK pass through unchanged. */
export class MemoryGuardError extends Error {
  /** A class with a brand of its own is known by it, not by its prototype: a program may load two copies of this package. */
  protected static readonly brand: symbol = Symbol.for('nexa-memory-guard.MemoryGuardError');

  /** @internal An error of one copy of this package is an instance of the other's class as well. */
  static override [Symbol.hasInstance]<E>(this: abstract new (...parts: never) => E, value: unknown): value is E {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one has a brand of its own
    return isMadeBy(this, value);
  }

  override readonly name: string = 'MemoryGuardError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    // A path, a name or a text of a file stands in it as it was written there.
    super(printable(message), options);
    this.code = code;
    for (let made: unknown = new.target; isErrorClass(made); made = Object.getPrototypeOf(made)) {
      if (Object.hasOwn(made, 'brand')) Object.defineProperty(this, made.brand, { value: true });
    }
  }
}

function isMadeBy(made: unknown, value: unknown): boolean {
  if (!isErrorClass(made) || !Object.hasOwn(made, 'brand'))
    return Function.prototype[Symbol.hasInstance].call(made, value);
  try {
    return Object.hasOwn(Object(value), made.brand);
  } catch {
    return false; // a proxy that resists being looked at
  }
}

function isErrorClass(value: unknown): value is { readonly brand: symbol } {
  return typeof value === 'function' && 'brand' in value;
}

/** A short printed form of any value with its type, on one line and safe for hostile input: `"x" (string)`. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return `${clip(print(value))} (${typeof value})`;
}

/** An error by its name and message: its stack would fill the sentence. */
export function describeError(error: unknown): string {
  try {
    if (error instanceof Error) return clip(nameError(error));
  } catch {
    // It resists being looked at; then it is described as any other value.
  }
  return describe(error);
}

/** What an error says, for a sentence that says the rest; what is thrown and is no error is described. */
export function readMessage(error: unknown): string {
  if (typeof error === 'string') return error;
  try {
    const { message } = Object(error) as { readonly message?: unknown };
    if (error instanceof Error || typeof message === 'string') return sayMessage(message);
  } catch {
    // It resists being looked at; then it is described as any other value.
  }
  return describe(error);
}

/** An error that was made with an object in place of a text says nothing in its message. */
function sayMessage(message: unknown): string {
  const said = typeof message === 'string' ? message : describe(message);
  return said === '[object Object]' ? 'an object in place of a message' : said;
}

function nameError({ name, message }: Error): string {
  return `${sayMessage(name)}: ${sayMessage(message)}`;
}

function print(value: unknown): string {
  try {
    if (value instanceof Error) return nameError(value);
    return inspect(value, {
      depth: 0,
      maxStringLength: 80,
      maxArrayLength: 3,
      breakLength: Number.POSITIVE_INFINITY,
    });
  } catch {
    return 'a value that cannot be printed';
  }
}

/** A text on one line and at most 120 characters long, so that a hostile one leaves its sentence readable. */
export function clip(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}

/** `Expected \`minFreeBytes\` to be …, got "x" (string).` */
export function invalidOption(name: string, expected: string, found: unknown): MemoryGuardError {
  return new MemoryGuardError('ERR_INVALID_OPTION', `Expected \`${name}\` to be ${expected}, got ${describe(found)}.`);
}
