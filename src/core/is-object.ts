/** Tells what has properties of its own and can be wrapped. */

/** A function is an object as well. */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
