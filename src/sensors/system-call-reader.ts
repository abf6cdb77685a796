/** Reads a system that tells memory by calls: the addon asks, `judge` says what it means. It knows no system. */
import type { MemoryMeasure, MemoryReader } from '../core/memory-reader.ts';
import type { MemorySnapshot } from '../core/types.ts';
import { measureRows, snapshotRows } from './scope-rows.ts';
import { sensorError } from './sensor-error.ts';
import { FIGURES, type Judge, type MachineReading } from './system-call-figures.ts';

export class MachineReader implements MemoryReader {
  readonly source = 'native';
  readonly #figures = new Float64Array(FIGURES);
  readonly #ask: (figures: Float64Array) => string | undefined;
  readonly #judge: Judge;
  #keys: readonly (string | undefined)[] | undefined;
  #closed = false;

  /** `ask` fills the figures, or says which call failed. */
  constructor(ask: (figures: Float64Array) => string | undefined, judge: Judge) {
    this.#ask = ask;
    this.#judge = judge;
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

  /** Only the machine and its commit limit are shared by all processes that meet here. */
  scopeKeys(): readonly (string | undefined)[] {
    return this.#keys ?? this.#read().scopes.map(keyOf);
  }

  close(): void {
    this.#closed = true;
  }

  #read(): MachineReading {
    if (this.#closed) throw sensorError('an open memory reader', 'this one was closed', 'open another one');
    const failed = this.#ask(this.#figures);
    if (failed !== undefined) throw sensorError('the system to tell its memory', failed, 'report this system');
    const reading = this.#judge(this.#figures);
    this.#keys = reading.scopes.map(keyOf);
    return reading;
  }
}

function keyOf({ kind }: MachineReading['scopes'][number]): string | undefined {
  return kind === 'host' || kind === 'commit' ? kind : undefined;
}
