/** Puts the rooms together: machine, ledger, gate, models, loads and monitor behind the guard that programs talk to. */
import { EventEmitter } from 'eventemitter3';
import type { Adapter } from './adapters/adapter.ts';
import { AdmissionGate } from './admission/admission-gate.ts';
import { formatBytes } from './core/bytes.ts';
import { describeError, MemoryGuardError } from './core/errors.ts';
import type { MemorySnapshot } from './core/types.ts';
import { callback } from './core/validate.ts';
import {
  checkEventName,
  type DegradedEvent,
  type GuardEvent,
  type GuardEventName,
  type GuardEventOf,
  type GuardEvents,
} from './events/guard-events.ts';
import { createPublisher } from './events/publish-event.ts';
import type { CalibrationStore } from './footprint/calibration-store.ts';
import type { GuardSettings } from './guard-options.ts';
import type { LedgerEntry } from './ledger/ledger-record.ts';
import type { OpenLedger } from './ledger/open-ledger.ts';
import type { LoadGuardOptions } from './loading/load-guard-options.ts';
import { ModelLoader } from './loading/model-loader.ts';
import type { Machine } from './machine/machine.ts';
import { openMachine } from './machine/open-machine.ts';
import type { HeldModel } from './models/held-model.ts';
import type { LoadedModel } from './models/loaded-model.ts';
import { LoadedModels } from './models/loaded-models.ts';
import type { Observing } from './models/observe-load.ts';
import { UnloadReports } from './models/report-unloads.ts';
import { type GuardStatus, StatusWatch, type WatchOptions } from './monitor/status-watch.ts';
import type { Decision } from './policy/decision.ts';

/** `guard.ledger`. */
export interface GuardLedger {
  /** `process`: this process alone is counted. `shared`: all processes that meet in `directory`. */
  readonly kind: 'process' | 'shared';
  readonly directory?: string;
  /** What each of them holds, the newest last. */
  entries(): readonly LedgerEntry[];
}

/** The options of the load that is planned. */
export interface PlanOptions {
  readonly memoryGuard?: LoadGuardOptions;
  readonly [option: string]: unknown;
}

/** @internal What the wrapping of an SDK calls. */
export interface GuardRooms {
  readonly loader: ModelLoader;
  readonly models: LoadedModels;
}

/** The rooms of each guard, which no program sees. */
const rooms = new WeakMap<MemoryGuard, GuardRooms>();

/** @internal What the wrapping of an SDK calls on its guard. */
export function getGuardRooms(guard: MemoryGuard): GuardRooms {
  return rooms.get(guard)!;
}

/** `guarded.guard`: snapshots, status, events and the models that are loaded. Made by `withMemoryGuard`. */
export class MemoryGuard {
  readonly #settings: GuardSettings;
  readonly #emitter = new EventEmitter<GuardEvents>();
  readonly #tell: (event: GuardEvent) => void;
  readonly #machine: Machine;
  readonly #calibration: CalibrationStore | undefined;
  readonly #ledger: OpenLedger;
  readonly #gate: AdmissionGate;
  readonly #models: LoadedModels;
  readonly #unloads: UnloadReports;
  readonly #status: StatusWatch;
  readonly #stopWatchingPressure: () => void;
  readonly #loader: ModelLoader;
  #closed = false;
  /** Why other processes are not seen, as it was told last. */
  #ledgerProblem: string | undefined;

  /** @internal Use `withMemoryGuard`. */
  constructor(settings: GuardSettings, adapter: Adapter) {
    const { clock, logger, ledger } = settings;
    this.#settings = settings;
    this.#tell = createPublisher((event) => this.#emitter.emit(event.type, event as never), logger);
    this.#machine = openMachine(settings);
    this.#calibration = this.#machine.openCalibration((message, cause) =>
      this.#tellDegraded('calibration-failed', message, cause),
    );
    this.#ledger = this.#machine.openLedger(ledger, (error) => this.#tellLedgerProblem(error));
    this.#gate = this.#makeGate();
    this.#models = this.#makeModels(adapter);
    this.#unloads = new UnloadReports({
      clock,
      freeBytes: () => this.#freeBytes(),
      releaseMemory: (files) => this.#machine.releaseMemory(files),
      tell: this.#tell,
    });
    const { reader } = this.#machine;
    this.#status = new StatusWatch({ settings, gate: this.#gate, models: this.#models, reader, tell: this.#tell });
    this.#stopWatchingPressure = this.#machine.watchPressure(() => this.#status.read());
    this.#loader = this.#makeLoader(adapter);
    rooms.set(this, { loader: this.#loader, models: this.#models });
  }

  /** Who is counted: this process alone, or all that meet in `directory`; and what each of them holds, the newest last. */
  get ledger(): GuardLedger {
    const { ledger, shared } = this.#ledger;
    return Object.freeze({
      kind: shared ? 'shared' : 'process',
      ...(shared && { directory: shared.directory }),
      entries: () => shared?.entries() ?? ledger.describeHoldings(undefined).entries,
    });
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Calls `listener` for every event of that name. Its event has exactly that name as its `type`.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` for a name of no event, or a listener that is no function.
   */
  on<E extends GuardEventName>(event: E, listener: (event: GuardEventOf<E>) => void): this {
    this.#emitter.on(checkEventName(event), callback(listener, 'listener') as never);
    return this;
  }

  /** The same for the next event of that name alone. */
  once<E extends GuardEventName>(event: E, listener: (event: GuardEventOf<E>) => void): this {
    this.#emitter.once(checkEventName(event), callback(listener, 'listener') as never);
    return this;
  }

  /** Takes a listener away. Does nothing if it is none. */
  off<E extends GuardEventName>(event: E, listener: (event: GuardEventOf<E>) => void): this {
    this.#emitter.off(event, listener as never);
    return this;
  }

  /**
   * One full reading of the machine.
   *
   * @throws MemoryGuardError `ERR_SENSOR` if it can't be read, `ERR_GUARD_CLOSED` after `close()`.
   */
  snapshot(): MemorySnapshot {
    this.#assertOpen();
    return this.#machine.reader.snapshot();
  }

  /**
   * The status, judged now and without hysteresis; the events tell edges.
   *
   * @throws MemoryGuardError `ERR_SENSOR` if the machine can't be read, `ERR_GUARD_CLOSED` after `close()`.
   */
  status(): GuardStatus {
    this.#assertOpen();
    return this.#status.status();
  }

  /**
   * The status now, then at each edge. The loop ends when the signal is aborted or the guard is closed.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION`; `ERR_SENSOR` if the machine can't be read; `ERR_GUARD_CLOSED` after `close()`.
   * @example
   * ```ts
   * for await (const { status, headroomBytes } of nexa.guard.watch({ signal })) console.log(status, headroomBytes);
   * ```
   */
  watch(options?: WatchOptions): AsyncGenerator<GuardStatus, void, void> {
    this.#assertOpen();
    return this.#status.watch(options);
  }

  /**
   * Bytes this process can still take without evicting what loaded models need.
   *
   * @throws MemoryGuardError `ERR_SENSOR` if the machine can't be read, `ERR_GUARD_CLOSED` after `close()`.
   */
  headroomBytes(): number {
    return this.status().headroomBytes;
  }

  /** The models that are loaded now, in the order in which they were loaded. */
  models(): readonly LoadedModel[] {
    return this.#models.list();
  }

  /**
   * A dry run of `loadModel(name, options)`, or of `loadModel(options)` if the SDK takes its path there: every candidate with its
   * verdict. Nothing is loaded or reserved.
   *
   * @throws MemoryGuardError what `loadModel` would throw about its options or files, `ERR_SENSOR` and `ERR_GUARD_CLOSED`.
   */
  async plan(name: string | PlanOptions, options: PlanOptions = {}): Promise<Decision> {
    return this.#loader.plan(typeof name === 'string' ? [name, options] : [name]);
  }

  /** Ends watching and refuses further loads. Models that are loaded stay usable; disposing them is up to you. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loader.close();
    this.#stopWatchingPressure();
    this.#status.close();
    this.#machine.close();
    this.#ledger.close();
    this.#emitter.removeAllListeners();
  }

  #makeGate(): AdmissionGate {
    const { clock, minFreeRatioAfterLoad } = this.#settings;
    const { ledger, shared } = this.#ledger;
    return new AdmissionGate({
      reader: this.#machine.reader,
      ledger,
      ...(shared && { shared }),
      grownBytes: () => this.#machine.readGrowthBytes(),
      collect: (missingBytes) => this.#machine.collectGarbage(missingBytes),
      nowMs: () => clock.nowMs(),
      minFreeRatioAfterLoad,
    });
  }

  #makeModels(adapter: Adapter): LoadedModels {
    const { clock, keepAliveMs, dropPageCache } = this.#settings;
    return new LoadedModels({
      gate: this.#gate,
      freeBytes: () => this.#freeBytes(),
      changed: () => {
        this.#status.read();
        this.#loader.wake();
      },
      busy: (model) => adapter.isBusy?.(model) === true,
      filledMicroBatch: (model) => adapter.hasFilledMicroBatch?.(model) === true,
      observed: (observing) => this.#keep(observing),
      removed: ({ facts }, cause, beforeBytes) => {
        const { name, quantization, reservation, files } = facts;
        const { need } = reservation;
        return this.#unloads.add({ cause, name, quantization, need, files: dropPageCache ? files : [], beforeBytes });
      },
      outgrown: (held, takenBytes) => this.#tellOutgrown(held, takenBytes),
      unevicted: ({ facts }, error) =>
        this.#tellDegraded('eviction-failed', `${facts.name} could not be evicted: ${describeError(error)}`, error),
      keepAliveMs,
      clock,
    });
  }

  #makeLoader(adapter: Adapter): ModelLoader {
    const { shared } = this.#ledger;
    return new ModelLoader({
      settings: this.#settings,
      adapter,
      reader: this.#machine.reader,
      gate: this.#gate,
      inSection: async (step, signal) => (shared ? shared.inSection(step, signal) : step()),
      models: this.#models,
      clock: this.#settings.clock,
      calibration: this.#calibration,
      noteMappings: () => this.#machine.noteMappings((error) => this.#status.tellBlind(error)),
      emit: this.#tell,
    });
  }

  /** What was observed is kept already, and reserved for the next load of this model. */
  #tellOutgrown({ facts }: HeldModel, takenBytes: number): void {
    const [taken, reserved] = [formatBytes(takenBytes), formatBytes(facts.reservation.need.anonymousBytes)];
    this.#tellDegraded(
      'outgrown',
      `${facts.name} took ${taken} of anonymous memory, where ${reserved} had been reserved for it.`,
    );
  }

  /** What a load really took corrects the next estimate of the same one. */
  #keep({ key, observation }: Observing): void {
    if (key !== undefined) void this.#calibration?.record(key, observation);
  }

  /** Once for each reason: what is missed stays missed until the sentence changes. */
  #tellLedgerProblem(cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (message === this.#ledgerProblem) return;
    this.#ledgerProblem = message;
    // A guard that is being made has no listeners yet.
    queueMicrotask(() => this.#tellDegraded('ledger-failed', message, cause));
  }

  #tellDegraded(reason: DegradedEvent['reason'], message: string, cause?: unknown): void {
    const code = cause instanceof MemoryGuardError ? cause.code : undefined;
    this.#tell({
      type: 'degraded',
      reason,
      message,
      ...(code !== undefined && { code }),
      ...(cause !== undefined && { cause }),
      atMs: this.#settings.clock.nowMs(),
    });
  }

  #freeBytes(): number | undefined {
    try {
      return this.#closed ? undefined : this.#gate.look().headroomBytes;
    } catch {
      return undefined; // told by the next decision or reading that needs it
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new MemoryGuardError('ERR_GUARD_CLOSED', 'This guard was closed; wrap the SDK again.');
  }
}
