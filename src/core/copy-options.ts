/**
 * Copies what a caller wrote as options: each is read once, so what was judged is what is used, and none is read from `Object.prototype`,
 * where any code of the process may have put one. It knows no option by name.
 */
import { types } from 'node:util';
import { describeError, MemoryGuardError } from './errors.ts';

/** Options without a prototype: a name that is missing is `undefined`, whatever stands on `Object.prototype`. */
export type CopiedOptions = Record<string, unknown>;

/**
 * The own options of `given`, and those of `inheritable` that it inherits: getters of a class, or defaults under `Object.create(defaults)`.
 * `path` names the options in an error's sentence, for example `memoryGuard`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if an option throws when it is read.
 */
export function copyOptions(given: object, path: string, inheritable: readonly string[] = []): CopiedOptions {
  const copy: CopiedOptions = Object.create(null);
  const names = readOption(path || 'options', () => [...listInherited(given, inheritable), ...Object.keys(given)]);
  for (const name of names) {
    copy[name] = readOption(path ? `${path}.${name}` : name, () => (given as CopiedOptions)[name]);
  }
  return copy;
}

/** The same object without a prototype, so that a member that it lacks is not found on `Object.prototype`. */
export function withoutPrototype<T extends object>(made: T): T {
  return Object.setPrototypeOf(made, null) as T;
}

/** Runs `read`, which asks a caller's object. What that throws is the cause of an `ERR_INVALID_OPTION`. */
export function readOption<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const message = `Expected \`${name}\` to be readable, got ${describeError(cause)} from reading it.`;
    throw new MemoryGuardError('ERR_INVALID_OPTION', message, { cause });
  }
}

/**
 * An object as it is written in a call, as a copy with the same options; what they refer to is not copied. Everything else, such as an
 * object of a class, a stream, a signal or a proxy, is returned as it is: it may be more than its properties.
 */
export function copyPlainObject<T>(value: T): T {
  if (!isPlainObject(value)) return value;
  const copy: object = { ...(value as object) };
  for (const key of Reflect.ownKeys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor && !descriptor.enumerable) Object.defineProperty(copy, key, descriptor);
  }
  return Object.setPrototypeOf(copy, Object.getPrototypeOf(value)) as T;
}

/**
 * A copy of an object with options changed and others left out. It has the same prototype, so that it is still an object of its class, and
 * its own getters are read.
 */
export function changeOptions(given: object, changes: object, leftOut: readonly string[]): object {
  const own = Object.entries({ ...given, ...changes }).filter(([name]) => !leftOut.includes(name));
  const symbols = Object.getOwnPropertySymbols(given).map(
    (key) => [key, (given as Record<symbol, unknown>)[key]] as const,
  );
  return Object.setPrototypeOf(Object.fromEntries([...own, ...symbols]), Object.getPrototypeOf(given)) as object;
}

/** Whether a value has the prototype of `{}`, of this realm or of another, or none. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || types.isProxy(value) || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || isLastPrototype(prototype as object);
}

/** The last prototype of a chain is `Object.prototype`, of this realm or of another. */
function isLastPrototype(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

/** Other names on a prototype are methods of a class, and no options that were misspelt. */
function listInherited(given: object, names: readonly string[]): string[] {
  const found = new Set<string>();
  let prototype: object | null = Object.getPrototypeOf(given);
  for (; prototype && !isLastPrototype(prototype); prototype = Object.getPrototypeOf(prototype)) {
    for (const name of names) {
      if (Object.hasOwn(prototype, name) && !Object.hasOwn(given, name)) found.add(name);
    }
  }
  return [...found];
}
