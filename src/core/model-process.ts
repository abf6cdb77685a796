/** A process that was started for models, as the guard and an SDK speak of it. It holds no behaviour. */

import type { HeldFile, ScopeKind } from './types.ts';

/** How such a process ended. */
export interface ProcessEnd {
  /** The name of the signal that ended it. Absent if it ended by itself. */
  readonly signal?: string;
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
  /** Whether the processes that it starts belong to it. @default false */
  readonly tree?: boolean;
  /** Resolves when it has ended, whatever ended it. */
  readonly ended: Promise<ProcessEnd>;
}

/** The scope whose out-of-memory killer ended a process. */
export interface KillerScope {
  readonly kind: ScopeKind;
  /** The control group's path inside its hierarchy, or a name for the other kinds. */
  readonly path: string;
  /** Whether it is the process's own wall. */
  readonly own: boolean;
}

/** Looks at one process that models live in. It never throws. */
export interface ProcessProbe {
  /** Anonymous bytes that it holds now. `undefined`: it has ended. */
  readBytes(): number | undefined;
  /** The files that it maps. `undefined`: the system doesn't tell. */
  listMappings(): readonly HeldFile[] | undefined;
  /** Gives it a wall, or moves the one that it has: it can take so many bytes, mapped ones among them, and no more. Resolves with why it can't, in one sentence. */
  contain(limitBytes: number): Promise<string | undefined>;
  /** The scope whose out-of-memory killer has ended it just now. `undefined`: none did. */
  findKiller(): KillerScope | undefined;
  /** The process has ended. */
  close(): void;
}
