/** What an option of the SDK may be, and the sentence for the rest. It knows no option by name. */
import { invalidOption, MemoryGuardError } from '../core/errors.ts';

export interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

const INT32_MAX = 2 ** 31 - 1;

export const text: Rule = { expected: 'a text that is not empty', accepts: isText };
/** A native library reads up to the first NUL. */
export const wholeText: Rule = { ...text, accepts: (value) => isText(value) && !value.includes('\0') };
export const path: Rule = { expected: 'a path', accepts: wholeText.accepts };
export const paths: Rule = {
  expected: 'a path or a list of paths',
  accepts: (value) => listOf(value).every(path.accepts),
};
export const texts: Rule = { expected: 'a text or a list of texts', accepts: (value) => listOf(value).every(isText) };
export const flag: Rule = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };
export const listener: Rule = { expected: 'a function', accepts: (value) => typeof value === 'function' };
export const signal: Rule = { expected: 'an AbortSignal', accepts: (value) => value instanceof AbortSignal };

export function oneOf(names: readonly string[]): Rule {
  return { expected: `one of ${names.join(', ')}`, accepts: (value) => names.includes(value as string) };
}

export function integer(least: number, most = INT32_MAX): Rule {
  return {
    expected: `an integer from ${least} to ${most}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  };
}

export function number(least: number, most = Number.POSITIVE_INFINITY): Rule {
  return {
    expected: most === Number.POSITIVE_INFINITY ? `a number from ${least}` : `a number from ${least} to ${most}`,
    accepts: (value) => Number.isFinite(value) && (value as number) >= least && (value as number) <= most,
  };
}

/** Drops options that are `undefined`, so that they don't hide a default. */
export function check<T extends object>(given: unknown, rules: Readonly<Record<keyof T, Rule>>, call: string): T {
  if (given === undefined) return {} as T;
  if (typeof given !== 'object' || given === null) throw invalidOption('options', 'an object', given);
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof T] : undefined;
    if (!rule) {
      const known = Object.keys(rules).join(', ');
      throw new MemoryGuardError('ERR_INVALID_OPTION', `\`${name}\` is no option of ${call}; known are ${known}.`);
    }
    if (value === undefined) continue;
    if (!rule.accepts(value)) throw invalidOption(name, rule.expected, value);
    checked[name] = value;
  }
  return checked as T;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
