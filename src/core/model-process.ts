/** A process that was started for models, as the guard and an SDK speak of it. It holds no behaviour. */

/** How such a process ended. */
export interface ProcessEnd {
  /** The signal that ended it. Absent if it ended by itself. */
  readonly signal?: NodeJS.Signals;
  /** Its exit code. Absent if a signal ended it. */
  readonly exitCode?: number;
  /** Whether it ended since its program wanted that: a disposal, a load that was given up. */
  readonly asked: boolean;
  /** Whether its program ended it because it no longer answered. */
  readonly hung: boolean;
}

/** A running process that models live in. */
export interface ModelProcess {
  readonly pid: number;
  /** Whether other models live in it too, or may. */
  readonly shared: boolean;
  /** Resolves when it has ended, whatever ended it. */
  readonly ended: Promise<ProcessEnd>;
}
