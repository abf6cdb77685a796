/** The rooms of one guard, put together: machine, ledger, gate, models, loads and monitor. Programs see them through the guard alone. */
import { EventEmitter } from 'eventemitter3';
import { AdmissionGate, type InSection } from './admission/admission-gate.ts';
import { describeReserved } from './admission/describe-need.ts';
import type { MemoryView } from './admission/memory-view.ts';
import { formatBytes } from './core/bytes.ts';
import { describeError, MemoryGuardError, readMessage } from './core/errors.ts';
import type { DegradedEvent, GuardEvent, GuardEvents } from './events/guard-events.ts';
import { createPublisher } from './events/publish-event.ts';
import type { CalibrationOption } from './footprint/calibration-option.ts';
import { type CalibrationStore, findCalibrationDirectory } from './footprint/calibration-store.ts';
import type { GuardSettings } from './guard-options.ts';
import type { OpenLedger } from './ledger/open-ledger.ts';
import { ModelLoader } from './loading/model-loader.ts';
import { DecisionTeller } from './loading/tell-decision.ts';
import type { Machine } from './machine/machine.ts';
import { type Engines, openEngines } from './machine/open-engines.ts';
import { openMachine } from './machine/open-machine.ts';
import type { HeldModel } from './models/held-model.ts';
import { LoadedModels } from './models/loaded-models.ts';
import type { Observing } from './models/observe-load.ts';
import { UnloadReports } from './models/report-unloads.ts';
import { SizedCalls } from './models/sized-calls.ts';
import { StatusWatch } from './monitor/status-watch.ts';

export class GuardRooms {
  readonly events = new EventEmitter<GuardEvents>();
  readonly machine: Machine;
  readonly ledger: OpenLedger;
  readonly models: LoadedModels;
  readonly loader: ModelLoader;
  readonly status: StatusWatch;
  readonly #settings: GuardSettings;
  readonly #tell: (event: GuardEvent) => void;
  readonly #calibration: CalibrationStore | undefined;
  readonly #gate: AdmissionGate;
  readonly #engines: Engines | undefined;
  readonly #unloads: UnloadReports;
  readonly #stopWatchingPressure: () => void;
  #closed = false;
  #oomGroupTold = false;
  /** Why other processes are not seen, as it was told last. */
  #ledgerProblem: string | undefined;

  constructor(settings: GuardSettings, machine: Machine = openMachine(settings)) {
    const { clock, logger, calibration } = settings;
    this.#settings = settings;
    this.#tell = createPublisher((event) => this.events.emit(event.type, event as never), logger);
    this.machine = machine;
    this.#calibration = this.machine.openCalibration(calibration, (message, cause) =>
      this.#tellDegraded('calibration-failed', message, cause),
    );
    this.ledger = this.#openLedger();
    this.#gate = this.#makeGate();
    this.#engines = settings.askEngine ? this.#openEngines() : undefined;
    this.models = this.#makeModels();
    this.#unloads = new UnloadReports({
      clock,
      freeBytes: () => this.#freeBytes(),
      releaseMemory: (files) => this.machine.releaseMemory(files),
      tell: this.#tell,
    });
    const { reader } = this.machine;
    this.status = new StatusWatch({ settings, gate: this.#gate, models: this.models, reader, tell: this.#tell });
    this.#stopWatchingPressure = this.machine.watchPressure(() => this.status.read());
    this.loader = this.#makeLoader();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends watching and refuses further loads. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.loader.close();
    this.#engines?.close();
    this.models.close();
    this.#stopWatchingPressure();
    this.status.close();
    this.machine.close();
    this.ledger.close();
    this.events.removeAllListeners();
  }

  /** A guard that only observes refuses nothing, and is told. */
  #openLedger(): OpenLedger {
    const { ledger, mode, onLedgerFailure } = this.#settings;
    const tell = (error: unknown) => this.#tellLedgerProblem(error);
    try {
      return this.machine.openLedger(ledger, tell, mode === 'observe' ? 'alone' : onLedgerFailure);
    } catch (error) {
      this.machine.close();
      throw error;
    }
  }

  #makeGate(): AdmissionGate {
    const { clock, minFreeRatioAfterLoad } = this.#settings;
    const { ledger, shared } = this.ledger;
    return new AdmissionGate({
      reader: this.machine.reader,
      ledger,
      ...(shared && { shared }),
      collect: (missingBytes) => this.machine.collectGarbage(missingBytes),
      nowMs: () => clock.nowMs(),
      minFreeRatioAfterLoad,
    });
  }

  /** What asks takes memory as everything does: it is promised, and without it nobody is asked. */
  #openEngines(): Engines {
    return openEngines({
      ...nameAnswerDirectory(this.#settings.calibration),
      hold: (bytes) => {
        if ((this.#freeBytes() ?? 0) < bytes) return undefined;
        const need = { mappedBytes: 0, anonymousBytes: bytes, basis: 'given' } as const;
        const reservation = this.#gate.reserve('asking the engine', need);
        return () => void this.#gate.release(reservation);
      },
      tellProblem: (message, cause) => this.#tellDegraded('engine-not-asked', message, cause),
    });
  }

  #makeModels(): LoadedModels {
    const { clock, evict, keepAliveMs, dropPageCache } = this.#settings;
    return new LoadedModels({
      gate: this.#gate,
      sizedCalls: this.#makeSizedCalls(),
      freeBytes: () => this.#freeBytes(),
      totalBytes: () => this.#look()?.totalBytes ?? Number.POSITIVE_INFINITY,
      began: () => this.status.read(true),
      changed: () => {
        this.status.readSoon();
        this.loader.wake();
      },
      observed: (observing) => this.#keep(observing),
      removed: ({ facts, choice }, cause, before) => {
        const { name, quantization, modelPath, reservation, files } = facts;
        const { need } = reservation;
        if (cause === 'killed') return Promise.resolve();
        return this.#unloads.add({
          cause,
          name,
          quantization,
          modelPath,
          need,
          choice,
          files: dropPageCache ? files : [],
          ...before,
        });
      },
      outgrown: (held, takenBytes) => this.#tellOutgrown(held, takenBytes),
      unevicted: ({ facts }, error) =>
        this.#tellDegraded('eviction-failed', `${facts.name} could not be evicted: ${describeError(error)}`, error),
      keepAliveMs,
      notesUses: evict !== 'never',
      clock,
    });
  }

  #makeSizedCalls(): SizedCalls {
    const { mode, clock } = this.#settings;
    const teller = new DecisionTeller({ mode, clock, emit: this.#tell });
    return new SizedCalls({
      gate: this.#gate,
      inSection: this.#inSection,
      calibration: this.#calibration,
      settings: this.#settings,
      readGrowthBytes: () => this.machine.readGrowthBytes(),
      refused: (decision, message) => teller.refused(decision, message, undefined),
    });
  }

  readonly #inSection: InSection = async (judge, commit, signal) => {
    const { shared } = this.ledger;
    return shared ? shared.inSection(judge, commit, signal, this.#settings.onLedgerFailure) : commit(judge());
  };

  #makeLoader(): ModelLoader {
    return new ModelLoader({
      settings: this.#settings,
      reader: this.machine.reader,
      gate: this.#gate,
      inSection: this.#inSection,
      models: this.models,
      clock: this.#settings.clock,
      calibration: this.#calibration,
      engines: this.#engines && ((files) => this.#engines!.of(files)),
      noteMappings: () => this.machine.noteMappings((error) => this.status.tellBlind(error)),
      meterLoad: (memory) => this.machine.meterLoad(memory),
      readGrowthBytes: () => this.machine.readGrowthBytes(),
      probeProcess: (process) => {
        this.#tellOomGroup();
        return this.machine.probeProcess(process);
      },
      emit: this.#tell,
    });
  }

  /** What was observed is kept already, and reserved for the next load of this model. */
  #tellOutgrown({ facts }: HeldModel, takenBytes: number): void {
    const [taken, reserved] = [formatBytes(takenBytes), describeReserved(facts.reservation.need)];
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
    const message = readMessage(cause);
    if (message === this.#ledgerProblem) return;
    this.#ledgerProblem = message;
    // A guard that is being made has no listeners yet.
    queueMicrotask(() => this.#tellDegraded('ledger-failed', message, cause));
  }

  /** Once: where the kernel ends whole groups, a process of its own saves nobody. */
  #tellOomGroup(): void {
    if (this.#oomGroupTold) return;
    this.#oomGroupTold = true;
    const path = this.machine.findOomGroup();
    if (path === undefined) return;
    const message = `If the kernel ends the process of a model, it ends this program with it, since memory.oom.group is 1 on ${path}; write 0 there, or set singleProcessOOMKill (Kubernetes) or OOMPolicy=continue (systemd).`;
    this.#tellDegraded('oom-group', message);
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
    return this.#look()?.headroomBytes;
  }

  #look(): MemoryView | undefined {
    try {
      return this.#closed ? undefined : this.#gate.look();
    } catch {
      return undefined; // told by the next decision or reading that needs it
    }
  }
}

/** Answers of engines lie where observations do, and nowhere if nothing is to be kept. */
function nameAnswerDirectory(calibration: CalibrationOption): { readonly directory?: string } {
  if (calibration === 'off') return {};
  return { directory: calibration === 'shared' ? findCalibrationDirectory() : calibration.directory };
}
