/** The processes that loads run in: what each holds pays for what was reserved, and its end is told. It loads nothing. */
import type { ProcessAdapter } from '../adapters/adapter.ts';
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { MiB } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { ModelProcess, ProcessProbe } from '../core/model-process.ts';
import type { LoadNeed } from '../core/types.ts';
import type { Reservation } from '../ledger/ledger.ts';
import { HeldProcess } from '../models/held-process.ts';

export interface ProcessLoadsParts {
  readonly gate: AdmissionGate;
  readonly clock: Clock;
  readonly probeProcess: (process: ModelProcess) => ProcessProbe | undefined;
}

/**
 * What a process takes beside its model: with Node and the opened embedded engine 10.6 MiB, and once it has read the header of a model with a vocabulary of
 * 152k tokens 19.1 to 19.8 (`bench/isolation`, what the engine itself took for that model left out).
 */
export const MODEL_PROCESS_BYTES = 21 * MiB;

/** As often other processes are told what a running load takes. */
const INTERVAL_MS = 25;

/** A wall leaves room for what an estimate may be wrong by. */
const WALL_SHARE = 1 / 8;
const LEAST_MARGIN_BYTES = 64 * MiB;

/** One load that runs in a process. */
export class ProcessLoad {
  readonly #parts: ProcessLoadsParts;
  readonly #reservation: Reservation;
  readonly #known: WeakMap<ModelProcess, HeldProcess>;
  readonly #adapter: ProcessAdapter;
  #held: HeldProcess | undefined;
  #cancel: (() => void) | undefined;

  constructor(
    adapter: ProcessAdapter,
    reservation: Reservation,
    known: WeakMap<ModelProcess, HeldProcess>,
    parts: ProcessLoadsParts,
  ) {
    this.#adapter = adapter;
    this.#reservation = reservation;
    this.#known = known;
    this.#parts = parts;
  }

  /** The process that it runs in. `undefined` until the SDK has told. */
  get held(): HeldProcess | undefined {
    return this.#held;
  }

  /** The arguments for the SDK. */
  listen(args: readonly unknown[]): readonly unknown[] {
    return this.#adapter.withListener(args, (process) => this.#begin(process));
  }

  /** The load is over, however it ended. */
  close(): void {
    this.#cancel?.();
  }

  /** The SDK waits for it: what the process takes before it has its wall would lie outside of that. */
  async #begin(process: ModelProcess): Promise<void> {
    const { gate, probeProcess } = this.#parts;
    const held = this.#known.get(process) ?? new HeldProcess(process, probeProcess(process));
    this.#known.set(process, held);
    this.#held = held;
    if (!held.readable) return;
    gate.follow(held, this.#reservation);
    // An SDK that is asked twice tells twice.
    this.#cancel?.();
    this.#wait();
    const { need } = this.#reservation;
    const wallBytes = findWall(need);
    if (wallBytes !== undefined && !process.shared && this.#adapter.containment !== 'off') {
      await held.contain(wallBytes, need.mappedBytes);
    }
  }

  #wait(): void {
    const { clock, gate } = this.#parts;
    this.#cancel = clock.schedule(() => {
      gate.refresh();
      this.#wait();
    }, INTERVAL_MS);
  }
}

/** What a process may take that was promised so much. `undefined` if the promise is no figure of this model's own. */
export function findWall({ basis, mappedBytes, anonymousBytes }: LoadNeed): number | undefined {
  if (basis === 'table' || basis === 'unknown') return undefined;
  return mappedBytes + anonymousBytes + Math.max(LEAST_MARGIN_BYTES, Math.ceil(anonymousBytes * WALL_SHARE));
}
