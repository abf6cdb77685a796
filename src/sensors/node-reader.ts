/** Reads what `node:os` knows, for systems without a reader of their own. It knows no groups and no cache, and says so by `precise: false`. */
import { freemem, totalmem } from 'node:os';
import type { MemoryMeasure, MemoryReader, ScopeLimit } from '../core/memory-reader.ts';
import type { MemorySnapshot } from '../core/types.ts';
import {
  AVAILABLE,
  LIMIT,
  listLimits,
  measureRows,
  RECLAIMABLE,
  type RowsPlan,
  STRIDE,
  snapshotRows,
  USED,
} from './scope-rows.ts';
import { sensorError } from './sensor-error.ts';

const PLAN: RowsPlan = { scopes: [{ kind: 'host', path: 'host' }], ancestorsHidden: false, swap: false };

/** On macOS `os.freemem()` leaves out inactive and purgeable pages; on Windows it leaves out the commit limit. */
export class NodeReader implements MemoryReader {
  readonly source = 'node';
  readonly #rows = new Float64Array(STRIDE).fill(Number.NaN);
  #closed = false;

  measure(): MemoryMeasure {
    this.#read();
    return measureRows(this.#rows, PLAN.scopes, false);
  }

  snapshot(): MemorySnapshot {
    this.#read();
    return snapshotRows(this.#rows, PLAN, 'node', performance.timeOrigin + performance.now());
  }

  limits(): readonly ScopeLimit[] {
    return this.#rows[LIMIT]! > 0 ? listLimits(this.#rows, PLAN.scopes) : [];
  }

  readFrom(): readonly string[] {
    return ['node:os'];
  }

  close(): void {
    this.#closed = true;
  }

  #read(): void {
    if (this.#closed) throw sensorError('an open memory reader', 'this one was closed', 'open another one');
    const total = totalmem();
    const free = freemem();
    this.#rows[LIMIT] = total;
    this.#rows[USED] = total - free;
    this.#rows[RECLAIMABLE] = 0;
    this.#rows[AVAILABLE] = free;
  }
}
