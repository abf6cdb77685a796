/** Reads a system that tells memory by calls: the addon fills figures, a function of that system says what they mean. It knows no system. */
import type { MemoryMeasure, MemoryReader, ScopeLimit } from '../core/memory-reader.ts';
import type { MemoryPressure, MemorySnapshot } from '../core/types.ts';
import { listLimits, measureRows, type ScopeName, snapshotRows } from './scope-rows.ts';
import { sensorError } from './sensor-error.ts';

/** How many figures the addon fills (native/system_memory.h). NaN: the system has no such figure, or it doesn't apply. */
export const FIGURE_COUNT = 16;

/** Fills the figures, or returns which call failed. */
export type AskSystem = (figures: Float64Array) => string | undefined;

/** What one set of figures means: the scopes and their rows (scope-rows.ts), the host first. */
export interface InterpretedFigures {
  readonly scopes: readonly ScopeName[];
  readonly rows: Float64Array;
  readonly pressure?: MemoryPressure;
}

/** Says what a set of figures means on one system. It throws `ERR_SENSOR` if they can't be true. */
export type InterpretFigures = (figures: Float64Array) => InterpretedFigures;

export class SystemCallReader implements MemoryReader {
  readonly source = 'native';
  readonly #figures = new Float64Array(FIGURE_COUNT);
  readonly #ask: AskSystem;
  readonly #interpret: InterpretFigures;
  #last: InterpretedFigures | undefined;
  #closed = false;

  constructor(ask: AskSystem, interpret: InterpretFigures) {
    this.#ask = ask;
    this.#interpret = interpret;
  }

  measure(): MemoryMeasure {
    const { rows, scopes } = this.#read();
    return measureRows(rows, scopes, false);
  }

  snapshot(): MemorySnapshot {
    const { rows, scopes, pressure } = this.#read();
    const plan = { scopes, ancestorsHidden: false, swap: false };
    return snapshotRows(rows, plan, this.source, performance.timeOrigin + performance.now(), pressure);
  }

  scopeKeys(): readonly (string | undefined)[] {
    return (this.#last ?? this.#read()).scopes.map(nameSharedScope);
  }

  limits(): readonly ScopeLimit[] {
    return this.#last ? listLimits(this.#last.rows, this.#last.scopes) : [];
  }

  close(): void {
    this.#closed = true;
  }

  #read(): InterpretedFigures {
    if (this.#closed) throw sensorError('an open memory reader', 'this one was closed', 'open another one');
    const failed = this.#ask(this.#figures);
    if (failed !== undefined) throw sensorError('the system to tell its memory', failed, 'report this system');
    this.#last = this.#interpret(this.#figures);
    return this.#last;
  }
}

/** Processes that meet share only the machine and its commit limit. */
function nameSharedScope({ kind }: ScopeName): string | undefined {
  return kind === 'host' || kind === 'commit' ? kind : undefined;
}
