/** Puts the rooms together: readers, ledger, gate, loads and monitor behind the guard that programs talk to. */
import { EventEmitter } from 'eventemitter3';
import type { Adapter } from './adapters/adapter.ts';
import { AdmissionGate } from './admission/admission-gate.ts';
import { formatBytes } from './core/bytes.ts';
import { describeError, MemoryGuardError } from './core/errors.ts';
import type { MemoryReader } from './core/memory-reader.ts';
import type { MemorySnapshot } from './core/types.ts';
import { type Decision, type EventOf, eventName, type GuardEvent, type GuardEvents } from './events/guard-events.ts';
import { createPublisher } from './events/publish-event.ts';
import { CalibrationStore, findCalibrationDirectory } from './footprint/calibration-store.ts';
import { type GuardSettings, type LoadGuardOptions, listenerOption } from './guard-options.ts';
import { Ledger } from './ledger/ledger.ts';
import type { LedgerEntry } from './ledger/ledger-record.ts';
import { type OpenLedger, openLedger } from './ledger/open-ledger.ts';
import { ModelLoader } from './loading/model-loader.ts';
import { collectIfWorth, dropPageCache, giveBack } from './machine/release-memory.ts';
import type { HeldModel, LoadedModel } from './models/loaded-model.ts';
import { LoadedModels } from './models/loaded-models.ts';
import type { Observing } from './models/observe-load.ts';
import { UnloadReports } from './models/report-unloads.ts';
import { type GuardStatus, StatusWatch, type WatchOptions } from './monitor/status-watch.ts';
import { InjectedReader } from './sensors/injected-reader.ts';
import { watchMappingsIfReadable } from './sensors/linux/mapping-watch.ts';
import { openReader } from './sensors/open-reader.ts';
import { watchPressure } from './sensors/pressure-watch.ts';
import { readAnonymousBytes, readGrowth, readPeerAnonymousBytes } from './sensors/process-memory.ts';

/** `guard.ledger`. */
export interface GuardLedger {
  readonly kind: 'process' | 'shared';
  readonly directory?: string;
  entries(): readonly LedgerEntry[];
}

/** The options of the load that is planned. */
export interface PlanOptions {
  readonly memoryGuard?: LoadGuardOptions;
  readonly [option: string]: unknown;
}

/** `guarded.guard`: snapshots, status, events and the models that are loaded. Made by `withMemoryGuard`. */
export class MemoryGuard {
  readonly #settings: GuardSettings;
  readonly #emitter = new EventEmitter<GuardEvents>();
  readonly #tell: (event: GuardEvent) => void;
  readonly #reader: MemoryReader;
  readonly #calibration: CalibrationStore | undefined;
  readonly #ledger: OpenLedger;
  readonly #gate: AdmissionGate;
  readonly #models: LoadedModels;
  readonly #unloads: UnloadReports;
  readonly #status: StatusWatch;
  readonly #stopWatchingPressure: () => void;
  readonly #loads: ModelLoader;
  #closed = false;
  #alone: string | undefined;

  /** Use `withMemoryGuard`. */
  constructor(settings: GuardSettings, adapter: Adapter) {
    const { sensor, clock, swap, minFreeRatioAfterLoad } = settings;
    this.#settings = settings;
    this.#tell = createPublisher((event) => this.#emitter.emit(event.type, event as never), settings.logger);
    this.#reader = sensor ? new InjectedReader(sensor) : openReader({ swap });
    // A replaced machine has nothing to learn from.
    this.#calibration = sensor
      ? undefined
      : new CalibrationStore(findCalibrationDirectory(), (message, cause) => this.#tellUncalibrated(message, cause));
    this.#ledger = sensor
      ? { ledger: new Ledger(), close() {} }
      : openLedger(
          settings.ledger,
          { readOwnBytes: () => readAnonymousBytes(), readPeerBytes: (pid) => readPeerAnonymousBytes(pid) },
          (error) => this.#tellAlone(error),
        );
    const { ledger, shared } = this.#ledger;
    this.#gate = new AdmissionGate({
      reader: this.#reader,
      ledger,
      ...(shared && { shared }),
      grownBytes: sensor ? () => undefined : () => readGrowth(),
      collect: sensor ? () => false : collectIfWorth,
      nowMs: () => clock.nowMs(),
      minFreeRatioAfterLoad,
    });
    this.#models = new LoadedModels({
      gate: this.#gate,
      freeBytes: () => this.#freeBytes(),
      changed: () => {
        this.#status.read();
        this.#loads.wake();
      },
      busy: (model) => adapter.isBusy?.(model) === true,
      filledMicroBatch: (model) => adapter.hasFilledMicroBatch?.(model) === true,
      observed: (observing) => this.#keep(observing),
      removed: ({ name, quantization, reservation: { need }, files }, how, beforeBytes) =>
        this.#unloads.add({
          how,
          name,
          quantization,
          need,
          files: settings.dropPageCache ? files : [],
          beforeBytes,
        }),
      outgrown: (held, takenBytes) => this.#tellOutgrown(held, takenBytes),
      unevicted: ({ name }, error) =>
        this.#tell({
          type: 'degraded',
          message: `${name} could not be evicted: ${describeError(error)}`,
          cause: error,
          atMs: clock.nowMs(),
        }),
      keepAliveMs: settings.keepAliveMs,
      clock,
    });
    this.#unloads = new UnloadReports({
      clock,
      freeBytes: () => this.#freeBytes(),
      giveBack: sensor
        ? async () => {}
        : async (files) => {
            await giveBack(clock);
            await dropPageCache(files());
          },
      tell: this.#tell,
    });
    this.#status = new StatusWatch({
      settings,
      gate: this.#gate,
      models: this.#models,
      reader: this.#reader,
      tell: this.#tell,
    });
    this.#stopWatchingPressure = sensor ? () => {} : watchPressure(this.#status.read.bind(this.#status));
    this.#loads = new ModelLoader({
      settings,
      adapter,
      reader: this.#reader,
      gate: this.#gate,
      inSection: async (step, signal) => (shared ? shared.inSection(step, signal) : step()),
      models: this.#models,
      clock,
      calibration: this.#calibration,
      watchMappings: () =>
        sensor ? () => undefined : watchMappingsIfReadable((error) => this.#status.tellBlind(error)),
      emit: this.#tell,
    });
  }

  /** Who is counted: this process alone, or all that meet in `directory`; and what each of them holds, newest last. */
  get ledger(): GuardLedger {
    const { ledger, shared } = this.#ledger;
    return Object.freeze({
      kind: shared ? 'shared' : 'process',
      ...(shared && { directory: shared.directory }),
      entries: () => shared?.entries() ?? ledger.describeHoldings(undefined).entries,
    });
  }

  /** @internal The part that the wrapping calls; not for programs. */
  get internals(): { readonly loads: ModelLoader; readonly models: LoadedModels } {
    return { loads: this.#loads, models: this.#models };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Throws `ERR_INVALID_OPTION` for an event that there is not, or a listener that is no function. */
  on<E extends keyof GuardEvents>(event: E, listener: (event: EventOf<E>) => void): this {
    this.#emitter.on(eventName(event), listenerOption(listener) as never);
    return this;
  }

  once<E extends keyof GuardEvents>(event: E, listener: (event: EventOf<E>) => void): this {
    this.#emitter.once(eventName(event), listenerOption(listener) as never);
    return this;
  }

  off<E extends keyof GuardEvents>(event: E, listener: (event: EventOf<E>) => void): this {
    this.#emitter.off(event, listener as never);
    return this;
  }

  /** One full reading of the machine. Throws `ERR_SENSOR` where it can't be read. */
  snapshot(): MemorySnapshot {
    this.#assertOpen();
    return this.#reader.snapshot();
  }

  /** Judged now, without hysteresis; the events tell edges. Throws `ERR_SENSOR` where the machine can't be read. */
  status(): GuardStatus {
    this.#assertOpen();
    return this.#status.status();
  }

  /**
   * The status now, then at each edge: `for await (const status of guard.watch({ signal }))`. The loop ends when the signal
   * is aborted or the guard is closed. Throws `ERR_INVALID_OPTION`, and `ERR_SENSOR` where the machine can't be read.
   */
  watch(options?: WatchOptions): AsyncGenerator<GuardStatus, void, void> {
    this.#assertOpen();
    return this.#status.watch(options);
  }

  /** Bytes this process can still take without evicting what loaded models need. */
  headroomBytes(): number {
    return this.status().headroomBytes;
  }

  models(): readonly LoadedModel[] {
    return this.#models.list();
  }

  /**
   * A dry run of `loadModel(name, options)`, or of `loadModel(options)` where the SDK takes its path there: every candidate
   * with its verdict. Nothing is loaded or reserved.
   */
  async plan(name: string | PlanOptions, options: PlanOptions = {}): Promise<Decision> {
    return this.#loads.plan(typeof name === 'string' ? [name, options] : [name]);
  }

  /** Ends watching and refuses further loads. Models that are loaded stay usable; disposing them is up to you. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loads.close();
    this.#stopWatchingPressure();
    this.#status.close();
    this.#reader.close();
    this.#ledger.close();
    this.#emitter.removeAllListeners();
  }

  /** What was observed is kept already, and promised to the next load of this model. */
  #tellOutgrown({ name, reservation: { need } }: HeldModel, takenBytes: number): void {
    const message = `${name} took ${formatBytes(takenBytes)} of anonymous memory, where ${formatBytes(need.anonymousBytes)} had been reserved for it.`;
    this.#tell({ type: 'degraded', message, atMs: this.#settings.clock.nowMs() });
  }

  /** What a load really took corrects the next estimate of the same one. */
  #keep({ key, observation }: Observing): void {
    if (key !== undefined) void this.#calibration?.record(key, observation);
  }

  #tellUncalibrated(message: string, cause: unknown): void {
    this.#tell({ type: 'degraded', message, cause, atMs: this.#settings.clock.nowMs() });
  }

  /** Once for each reason: what is missed stays missed until the sentence changes. */
  #tellAlone(cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (message === this.#alone) return;
    this.#alone = message;
    // A guard that is being made has no listeners yet.
    queueMicrotask(() => this.#tell({ type: 'degraded', message, cause, atMs: this.#settings.clock.nowMs() }));
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
