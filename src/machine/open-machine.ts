/** Chooses between the real machine and a replaced one, for everybody and once. */
import { systemClock } from '../core/clock.ts';
import type { SensorReading } from '../core/types.ts';
import { InjectedMachine } from './injected-machine.ts';
import type { Machine } from './machine.ts';
import { RealMachine, type RealMachineOptions } from './real-machine.ts';

export interface OpenMachineOptions extends RealMachineOptions {
  /** Replaces the machine. */
  readonly sensor: (() => SensorReading) | undefined;
}

/** The caller closes it. */
export function openMachine({ sensor, ...real }: OpenMachineOptions): Machine {
  return sensor ? new InjectedMachine(sensor) : new RealMachine(real);
}

let shared: Machine | undefined;

/** The machine of those who have no end of their own, so that nobody closes it: its descriptors stay open as long as the process. */
export function shareMachine(sensor: (() => SensorReading) | undefined): Machine {
  if (sensor) return new InjectedMachine(sensor);
  shared ??= new RealMachine({ swap: false, clock: systemClock });
  return shared;
}
