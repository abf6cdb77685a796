/** Keeps one plan fresh and reads it through an engine; it knows neither file formats nor which engine it is. */
import { statSync } from 'node:fs';
import { loadAddon } from '../../addon/load-addon.ts';
import type { MemoryMeasure, MemoryReader, MemoryWatch, ScopeLimit, ScopesMeasure } from '../../core/memory-reader.ts';
import type { MemorySnapshot } from '../../core/types.ts';
import { computeAvailablePerScope, listLimits, measureRows, type ScopeName, snapshotRows } from '../scope-rows.ts';
import { malformed, sensorError, unreadable } from '../sensor-error.ts';
import { toPrefix } from './kernel-files.ts';
import { openMemoryWatch } from './memory-watch.ts';
import { type ProcessLimits, readProcessLimits } from './process-limits.ts';
import { DONE, MOVED, type ReadEngine, type ReadPlan, type ReadProblem } from './read-plan.ts';
import { nameProcess, type ReadTarget, resolvePlan } from './resolve-plan.ts';

/**
 * rlimits, the overcommit mode and the swap devices are compared with what was resolved at most this often (about 20 µs).
 * Our group and every limit of a group are read at each reading.
 */
const RECHECK_MS = 1000;
/** A group that moves while it is resolved is followed this often; a file that stays away is an error after that. */
const ATTEMPTS = 3;

export interface LinuxReaderOptions {
  readonly root: string;
  readonly swap: boolean;
  readonly source: MemorySnapshot['source'];
  readonly open: (plan: ReadPlan) => ReadEngine;
  /** What is read. @default this process */
  readonly of?: ReadTarget;
}

interface Resolved {
  readonly plan: ReadPlan;
  readonly engine: ReadEngine;
  readonly limits: ProcessLimits;
  keys?: readonly (string | undefined)[];
}

export class LinuxReader implements MemoryReader {
  readonly source: MemorySnapshot['source'];
  readonly #prefix: string;
  readonly #swap: boolean;
  readonly #open: (plan: ReadPlan) => ReadEngine;
  readonly #of: ReadTarget;
  #current: Resolved | undefined;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor({ root, swap, source, open, of = { process: 'self' } }: LinuxReaderOptions) {
    this.#of = of;
    this.source = source;
    this.#prefix = toPrefix(root);
    this.#swap = swap;
    this.#open = open;
  }

  measure(): MemoryMeasure {
    const { plan, engine } = this.#read(false, performance.now());
    return measureRows(engine.rows, plan.scopes, plan.swap);
  }

  measureScopes(): ScopesMeasure {
    const { plan, engine } = this.#read(false, performance.now());
    const measure = measureRows(engine.rows, plan.scopes, plan.swap);
    return { measure, availableBytes: computeAvailablePerScope(engine.rows, plan.scopes, plan.swap) };
  }

  snapshot(): MemorySnapshot {
    const nowMs = performance.now();
    const { plan, engine } = this.#read(true, nowMs);
    return snapshotRows(engine.rows, plan, this.source, performance.timeOrigin + nowMs);
  }

  scopeKeys(): readonly (string | undefined)[] {
    const current = this.#resolved;
    current.keys ??= current.plan.scopes.map(readScopeKey);
    return current.keys;
  }

  limits(): readonly ScopeLimit[] {
    const current = this.#current;
    return current ? listLimits(current.engine.rows, current.plan.scopes) : [];
  }

  openWatch(woken: () => void): MemoryWatch | undefined {
    const getLast = () => this.#current && { plan: this.#current.plan, rows: this.#current.engine.rows };
    return openMemoryWatch(getLast, woken, this.source === 'native' ? loadAddon() : undefined);
  }

  readFrom(): readonly string[] {
    return this.#resolved.plan.files.map(({ path }) => path);
  }

  close(): void {
    this.#closed = true;
    this.#forget();
  }

  #read(full: boolean, nowMs: number): Resolved {
    if (nowMs - this.#checkedAtMs >= RECHECK_MS) this.#recheck(nowMs);
    for (let attempt = 1; ; attempt++) {
      const current = this.#resolved;
      const outcome = current.engine.read(full);
      if (outcome === DONE) return current;
      const problem = current.engine.problem();
      this.#forget();
      if (outcome !== MOVED || attempt === ATTEMPTS) throw toSensorError(problem);
    }
  }

  /** The plan and its engine, made anew if there are none. Throws once the reader is closed, so that nothing is opened again. */
  get #resolved(): Resolved {
    if (this.#closed) throw sensorError('an open memory reader', 'this one was closed', 'open another one');
    return this.#current ?? this.#resolve();
  }

  #resolve(): Resolved {
    const limits = readProcessLimits(this.#prefix, nameProcess(this.#of));
    const plan = resolvePlan(this.#prefix, this.#swap, limits, this.#of);
    this.#current = { plan, limits, engine: this.#open(plan) };
    return this.#current;
  }

  #recheck(nowMs: number): void {
    const before = this.#current?.limits;
    if (before !== undefined) {
      const limits = readProcessLimits(this.#prefix, nameProcess(this.#of));
      const keys = Object.keys(limits) as (keyof ProcessLimits)[];
      if (keys.some((key) => limits[key] !== before[key])) this.#forget();
    }
    this.#checkedAtMs = nowMs;
  }

  #forget(): void {
    const engine = this.#current?.engine;
    this.#current = undefined;
    engine?.close();
  }
}

/** Namespaces show a group under different paths, but its directory is one file of one file system. */
function readScopeKey({ kind, directory }: ScopeName): string | undefined {
  if (kind === 'host' || kind === 'commit') return kind;
  if (directory === undefined) return undefined;
  try {
    const { dev, ino } = statSync(directory);
    return `${kind} ${dev}:${ino}`;
  } catch {
    return undefined; // The group is gone, and with it what was shared under it.
  }
}

function toSensorError(problem: ReadProblem | undefined): Error {
  if (problem === undefined) {
    return sensorError('our control group to stay the same while it is read', 'it moved three times', 'read again');
  }
  const { file, errno, expected, found } = problem;
  return errno !== undefined ? unreadable(file, errno) : malformed(file, expected!, found!);
}
