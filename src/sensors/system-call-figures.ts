/** The words between the addon's figures of a system without kernel files and what they mean there. No behaviour. */
import type { MemoryPressure } from '../core/types.ts';
import type { ScopeName } from './scope-rows.ts';

/** As many as the addon fills (native/system_memory.h). NaN: the system has no such figure, or it does not apply. */
export const FIGURES = 16;

/** Scopes and their rows (src/sensors/scope-rows.ts), the host first. */
export interface MachineReading {
  readonly scopes: readonly ScopeName[];
  readonly rows: Float64Array;
  readonly pressure?: MemoryPressure;
}

/** Judges one set of figures. `ERR_SENSOR` where they can't be true. */
export type Judge = (figures: Float64Array) => MachineReading;
