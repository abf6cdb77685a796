/** The reader behind a replaced sensor: one scope, the user's numbers, nothing of this machine. */
import { describe, describeError, MemoryGuardError } from '../core/errors.ts';
import type { MemoryMeasure, MemoryReader, ScopeLimit } from '../core/memory-reader.ts';
import type { MemorySnapshot, SensorReading } from '../core/types.ts';

/** Asks the function at every reading. What it throws, and what are no sizes, becomes `ERR_SENSOR`. */
export class InjectedReader implements MemoryReader {
  readonly source = 'injected';
  readonly #sensor: () => SensorReading;
  #limits: readonly ScopeLimit[] = [];

  constructor(sensor: () => SensorReading) {
    this.#sensor = sensor;
  }

  measure(): MemoryMeasure {
    const { totalBytes, availableBytes } = this.#read();
    return { totalBytes, availableBytes, hostBinds: false };
  }

  snapshot(): MemorySnapshot {
    const { totalBytes, availableBytes } = this.#read();
    const scope = Object.freeze({
      kind: 'injected',
      path: 'sensor',
      limitBytes: totalBytes,
      usedBytes: Math.max(0, totalBytes - availableBytes),
      reclaimableBytes: 0,
      availableBytes,
    } as const);
    return Object.freeze({
      totalBytes,
      availableBytes,
      limitedBy: scope,
      scopes: Object.freeze([scope]),
      source: 'injected',
      precise: true,
      ancestorsHidden: false,
      takenAtMs: performance.timeOrigin + performance.now(),
    });
  }

  limits(): readonly ScopeLimit[] {
    return this.#limits;
  }

  close(): void {}

  /** Reads each field once: what was checked is what is returned. */
  #read(): SensorReading {
    let found: readonly unknown[];
    try {
      const { totalBytes, availableBytes } = Object(this.#sensor()) as SensorReading;
      found = [totalBytes, availableBytes];
    } catch (cause) {
      throw new MemoryGuardError('ERR_SENSOR', `The replaced \`sensor\` threw ${describeError(cause)}.`, { cause });
    }
    const totalBytes = checkSize('totalBytes', found[0], 1);
    const availableBytes = checkSize('availableBytes', found[1], 0);
    this.#limits = [{ kind: 'injected', path: 'sensor', limitBytes: totalBytes }];
    return { totalBytes, availableBytes };
  }
}

/** Without a total the share of it that must stay available is nothing. */
function checkSize(key: keyof SensorReading, value: unknown, leastBytes: number): number {
  if (typeof value === 'number' && value >= leastBytes && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new MemoryGuardError(
    'ERR_SENSOR',
    `Expected the sensor's \`${key}\` to be bytes >= ${leastBytes}, got ${describe(value)}.`,
  );
}
