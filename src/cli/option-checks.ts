/** Checks of what is typed on a command line, where a number arrives as text. It knows no option by name. */
import type { Check } from '../core/validate.ts';

/** The number that was typed. Text that is no number reaches `check` as it is, so that its sentence shows it. */
export function typedNumber<T>(check: Check<T>): Check<T> {
  return (typed, name) => {
    const number = typeof typed === 'string' && typed.trim() !== '' ? Number(typed) : Number.NaN;
    return check(Number.isNaN(number) ? typed : number, name);
  };
}

/** Values with commas between them, for example `2048,4096`. */
export function commaSeparated<T>(check: Check<T>): Check<readonly T[]> {
  return (typed, name) =>
    String(typed)
      .split(',')
      .map((each) => check(each, name));
}
