/** The option of commands that load or plan a load whose need nobody but the caller knows. It loads nothing. */
import { size } from '../core/validate.ts';
import type { LoadGuardOptions } from '../index.ts';
import type { OptionSpecs } from './command.ts';
import { typedNumber } from './option-checks.ts';

export const FOOTPRINT_OPTION = {
  footprint: {
    value: 'size',
    check: typedNumber(size),
    fills: ['memoryGuard.footprint', 'memoryGuard: { footprint }', 'footprint'],
    help: 'what the model takes, such as 4GiB, if you know better',
  },
} satisfies OptionSpecs;

/** The load's own option for it, and nothing if it was not given. */
export function selectFootprint({ footprint }: { readonly footprint?: number }): LoadGuardOptions {
  return footprint === undefined ? {} : { footprint };
}
