/** The option of commands that judge memory: how much is to stay free. It judges nothing. */
import { numberFrom, size } from '../core/validate.ts';
import type { GuardOptions } from '../index.ts';
import type { OptionSpecs } from './command.ts';
import { typedNumber } from './option-checks.ts';

export const MIN_FREE_OPTION = {
  'min-free': {
    value: 'size',
    check: typedNumber(size),
    fills: ['minFreeBytes'],
    help: 'what must stay free, such as 1GiB; else what the model asks for',
  },
} satisfies OptionSpecs;

/** The same with the share of the total, for commands that load or plan a load. */
export const RESERVE_OPTIONS = {
  ...MIN_FREE_OPTION,
  'min-free-ratio': {
    value: 'share',
    check: typedNumber(numberFrom(0, 1)),
    fills: ['minFreeRatioAfterLoad'],
    help: 'of the total, what must stay available; 0.25 without it',
  },
} satisfies OptionSpecs;

/** The guard's options for them, and nothing of what was not given. */
export function selectReserves({
  'min-free': minFreeBytes,
  'min-free-ratio': minFreeRatioAfterLoad,
}: {
  readonly 'min-free'?: number;
  readonly 'min-free-ratio'?: number;
}): Pick<GuardOptions, 'minFreeBytes' | 'minFreeRatioAfterLoad'> {
  return {
    ...(minFreeBytes !== undefined && { minFreeBytes }),
    ...(minFreeRatioAfterLoad !== undefined && { minFreeRatioAfterLoad }),
  };
}
