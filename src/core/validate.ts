/** What is refused about any option, in one kind of sentence each. It knows no option by name. */
import { parseBytes } from './bytes.ts';
import { invalidOption, MemoryGuardError } from './errors.ts';

/** Returns the value as it is to be used, or throws `ERR_INVALID_OPTION`. */
export type Check = (value: unknown, name: string) => unknown;

/** Runs each option through its check and drops those that are `undefined`. Unknown keys are refused by name. */
export function checkOptions<K extends string>(
  options: unknown,
  checks: Readonly<Record<K, Check>>,
  name: string,
): Partial<Record<K, unknown>> {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(name, 'an object', options);
  }
  const checked: Partial<Record<K, unknown>> = {};
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, key)) {
      const known = Object.keys(checks).join(', ');
      throw new MemoryGuardError('ERR_INVALID_OPTION', `Unknown option \`${key}\` in ${name}; known are ${known}.`);
    }
    if (value !== undefined) checked[key as K] = checks[key as K](value, name === 'options' ? key : `${name}.${key}`);
  }
  return checked;
}

export function boolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw invalidOption(name, 'true or false', value);
  return value;
}

export function size(value: unknown, name: string): number {
  const bytes = parseBytes(value);
  if (bytes === undefined) throw invalidOption(name, 'a safe integer >= 0 or a size such as "512 MiB"', value);
  return bytes;
}

export function oneOf(...words: string[]): Check {
  return (value, name) => {
    if (typeof value !== 'string' || !words.includes(value)) {
      throw invalidOption(name, words.map((word) => `'${word}'`).join(' or '), value);
    }
    return value;
  };
}

export function ranged(least: number, most: number): Check {
  return (value, name) => {
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw invalidOption(name, `a number from ${least} to ${most}`, value);
    }
    return value;
  };
}

export function whole(least: number, most: number): Check {
  return (value, name) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      throw invalidOption(name, `a whole number from ${least} to ${most}`, value);
    }
    return value;
  };
}

export function object(expected: string): Check {
  return (value, name) => {
    if (typeof value !== 'object' || value === null) throw invalidOption(name, expected, value);
    return value;
  };
}

export function callable(value: unknown, name: string): unknown {
  if (typeof value !== 'function') throw invalidOption(name, 'a function', value);
  return value;
}

export function signal(value: unknown, name: string): unknown {
  if (!(value instanceof AbortSignal)) throw invalidOption(name, 'an AbortSignal', value);
  return value;
}
