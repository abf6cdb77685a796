/** The option of commands that load or plan a load: how far down the ladder. It loads nothing. */
import { checkLadderStep, DEFAULT_FLOOR } from '../core/quantizations.ts';
import type { OptionSpecs } from './command.ts';

export const FLOOR_OPTION = {
  floor: {
    value: 'q',
    fills: ['floor', 'memoryGuard.floor', 'memoryGuard: { floor }'],
    check: checkLadderStep,
    help: `the last one to go down to, such as Q3_K_M; ${DEFAULT_FLOOR} without it`,
  },
} satisfies OptionSpecs;
