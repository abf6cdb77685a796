/** The life of one load: its turn, the decision, the SDK's own call, the model's registration. */

import type { Adapter, ChosenShape } from '../adapters/adapter.ts';
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { modelInWords } from '../admission/decision-messages.ts';
import { formatBytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { type ErrorCode, MemoryGuardError } from '../core/errors.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import type { HeldFile, Quantization } from '../core/types.ts';
import type { Invoke } from '../core/wrap-object.ts';
import type { Decision, DecisionEvent, DegradedEvent, LoadedEvent, WaitingEvent } from '../events/guard-events.ts';
import type { CalibrationStore } from '../footprint/calibration-store.ts';
import type { GuardSettings } from '../guard-options.ts';
import { type HeldModel, holdModel } from '../models/loaded-model.ts';
import type { LoadedModels } from '../models/loaded-models.ts';
import { findHandle, type HandleParts, wrapModel } from '../models/model-handle.ts';
import { observeLoad } from '../models/observe-load.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import { chooseShape } from './context-range.ts';
import { type Admitted, LoadAdmission } from './load-admission.ts';
import { ownMinFreeBytes } from './load-candidates.ts';
import { LoadQueue } from './load-queue.ts';
import { type PreparedLoad, prepareLoad } from './prepare-load.ts';

/** Notes which files this process maps; the result tells, later, which of them a load added. */
export type MappingWatch = () => (modelFiles: readonly string[]) => readonly HeldFile[] | undefined;

export interface ModelLoaderParts {
  readonly settings: GuardSettings;
  readonly adapter: Adapter;
  readonly reader: MemoryReader;
  readonly gate: AdmissionGate;
  readonly inSection: <T>(step: () => T, signal?: AbortSignal) => Promise<T>;
  readonly models: LoadedModels;
  readonly clock: Clock;
  readonly watchMappings: MappingWatch;
  /** What earlier loads took; absent where nothing is kept. */
  readonly calibration: CalibrationStore | undefined;
  readonly emit: (event: DecisionEvent | WaitingEvent | LoadedEvent | DegradedEvent) => void;
}

export class ModelLoader {
  readonly #parts: ModelLoaderParts;
  readonly #queue: LoadQueue;
  readonly #admission: LoadAdmission;
  readonly #handleParts: HandleParts;
  #closed = false;

  constructor(parts: ModelLoaderParts) {
    this.#parts = parts;
    this.#queue = new LoadQueue(parts.settings.maxConcurrentLoads);
    this.#admission = new LoadAdmission(parts);
    this.#handleParts = {
      models: parts.models,
      adapter: parts.adapter,
      makeContext: (owner, invoke, args, adapter) => this.#makeContext(owner, invoke, args, adapter),
    };
  }

  /** Loads that are running end as they would; those that wait are refused at once. */
  close(): void {
    this.#closed = true;
    this.#queue.close(closedError());
    this.#admission.close(closedError());
  }

  /** A model is gone: loads that wait look again. */
  wake(): void {
    this.#admission.wake();
  }

  /** Every candidate with its verdict as things stand now; nothing is loaded or reserved. */
  async plan(args: readonly unknown[]): Promise<Decision> {
    this.#assertOpen();
    const prepared = await this.#prepare(args);
    this.#assertOpen();
    return this.#admission.plan(prepared);
  }

  /** Loads through `invoke`, or throws. Errors of the SDK pass through unchanged and leave nothing reserved. */
  async load(invoke: Invoke, args: readonly unknown[]): Promise<unknown> {
    this.#assertOpen();
    return this.#through(await this.#prepare(args), invoke);
  }

  /** A context is loaded as a model is; its model can't be evicted meanwhile, nor while it lives. */
  async #makeContext(held: HeldModel, invoke: Invoke, args: readonly unknown[], adapter: Adapter): Promise<unknown> {
    this.#assertOpen();
    const letGo = this.#parts.models.beginContext(held);
    try {
      return await this.#through(await this.#prepare(args, adapter, held.name), invoke, { held, letGo });
    } catch (error) {
      letGo();
      throw error;
    }
  }

  #through(prepared: PreparedLoad, invoke: Invoke, owner?: HeldModel['owner']): Promise<unknown> {
    return this.#admission.through(
      prepared,
      async (signal) => {
        const leave = await this.#queue.enter(signal);
        if (!this.#closed) return leave;
        leave();
        throw closedError();
      },
      async (admitted) => {
        try {
          return await this.#run(prepared, admitted, invoke, owner);
        } catch (error) {
          this.#parts.gate.release(admitted.reservation);
          this.#admission.wake();
          throw error;
        }
      },
    );
  }

  #prepare(args: readonly unknown[], adapter = this.#parts.adapter, owner?: string): Promise<PreparedLoad> {
    const { settings, models, calibration } = this.#parts;
    return prepareLoad(args, {
      settings,
      adapter,
      ...(owner !== undefined && { owner }),
      calibration,
      heldMinFreeBytes: () => models.minFreeBytes,
      misunderstood: (error) =>
        this.#tellDegraded(error.code, `Observed only, and not judged: ${error.message}`, error),
    });
  }

  /** Calls the SDK and registers what it returns. */
  async #run(
    prepared: PreparedLoad,
    { candidate, reservation, reason }: Admitted,
    invoke: Invoke,
    owner: HeldModel['owner'],
  ): Promise<unknown> {
    const { settings, gate, models, clock, watchMappings } = this.#parts;
    const { adapter, request } = prepared;
    const { args, quantization, shape } = this.#chosen(prepared, candidate);
    const startMs = clock.nowMs();
    const mappedSince = watchMappings();
    const ranAlone = models.beginLoad();
    const raw = await invoke(args);
    const known = isObject(raw) ? findHandle(raw, this.#handleParts) : undefined;
    if (known) {
      gate.release(reservation);
      return known;
    }
    const modelFiles = filesOf(adapter, raw, args);
    // A model that maps nothing may have files that another one maps.
    const { mappedBytes, files: namedFiles } = candidate.need;
    const files = mappedSince(mappedBytes > 0 || namedFiles ? modelFiles : []);
    const [changes, grownBytes] = [ranAlone(), gate.grownSince(reservation)];
    gate.loaded(reservation, files);
    const { onEnd } = this.#parts.adapter;
    const held = holdModel(raw, onEnd !== undefined, {
      name: request.name,
      quantization,
      shape,
      reason,
      reservation,
      minFreeBytes: ownMinFreeBytes(candidate.quantization, settings),
      predicted: candidate.predicted,
      observing: changes === undefined ? undefined : observeLoad(candidate.calibrationKey, changes, grownBytes, files),
      files: modelFiles,
      pinned: prepared.own.pin === true || owner !== undefined,
      reload: settings.reload && !owner ? () => this.load(invoke, prepared.args) : undefined,
      owner,
    });
    // Weights that are loaded by themselves have taken all that they ever will.
    models.add(held, request.shape?.part === 'weights');
    this.#tellLoaded(held, files, clock.nowMs() - startMs);
    if (!isObject(raw)) return raw;
    onEnd?.(raw, () => models.ended(held));
    return wrapModel(raw, held, this.#handleParts);
  }

  /** The arguments for the SDK. Observing changes nothing but what only a guard understands: ranges and lists. */
  #chosen(
    { adapter, args, request }: PreparedLoad,
    candidate: Candidate,
  ): { args: readonly unknown[]; quantization: Quantization | undefined; shape: ChosenShape } {
    const { settings } = this.#parts;
    const observed = settings.mode === 'observe';
    const quantization = observed && request.quantization === undefined ? undefined : candidate.quantization;
    const sdkArgs = adapter.withQuantization(args, quantization, observed ? undefined : candidate.modelPath);
    if (observed && adapter.understandsRanges) return { args: sdkArgs, quantization, shape: {} };
    const shape = chooseShape(request.shape, observed ? {} : candidate);
    if (!shape || !adapter.withShape) return { args: sdkArgs, quantization, shape: {} };
    return { args: adapter.withShape(sdkArgs, shape), quantization, shape };
  }

  #tellLoaded(held: HeldModel, files: readonly HeldFile[] | undefined, elapsedMs: number): void {
    const { clock, emit } = this.#parts;
    const { name, quantization, reservation } = held;
    const mappedBytes = files?.reduce((sum, { bytes }) => sum + bytes, 0);
    const maps = mappedBytes === undefined || mappedBytes === 0 ? '' : `; it maps ${formatBytes(mappedBytes)}`;
    emit({
      type: 'loaded',
      message: `Loaded ${modelInWords(name, quantization)} in ${Math.round(elapsedMs)} ms${maps}.`,
      atMs: clock.nowMs(),
      model: name,
      ...(quantization && { quantization }),
      need: reservation.need,
      ...(mappedBytes !== undefined && { mappedBytes }),
      elapsedMs,
    });
  }

  #tellDegraded(code: ErrorCode, message: string, cause?: unknown): void {
    const { clock, emit } = this.#parts;
    emit({ type: 'degraded', code, message, ...(cause !== undefined && { cause }), atMs: clock.nowMs() });
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

function closedError(): MemoryGuardError {
  const message = 'This guard was closed; wrap the SDK again to load models through it.';
  return new MemoryGuardError('ERR_GUARD_CLOSED', message);
}

/** An adapter's fault must not lose a model that is loaded: its files are then found as new, or not at all. */
function filesOf(adapter: Adapter, model: unknown, args: readonly unknown[]): readonly string[] {
  try {
    return adapter.listFiles?.(model, args) ?? [];
  } catch {
    return [];
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
