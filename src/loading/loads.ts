/** The life of one load: its turn, the decision, the SDK's own call, the model's registration. */
import { formatBytes } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { type ErrorCode, MemoryGuardError } from '../errors.ts';
import type { Decision, DecisionEvent, DegradedEvent, LoadedEvent, WaitingEvent } from '../events.ts';
import type { Calibration } from '../footprint/calibration.ts';
import type { Gate } from '../gate.ts';
import type { Settings } from '../options.ts';
import type { Candidate } from '../policy/choose.ts';
import type { Adapter, ChosenShape } from '../sdk/adapter.ts';
import { modelInWords } from '../sentences.ts';
import type { HeldFile, MemoryReader, Quantization } from '../types.ts';
import type { Invoke } from '../wrap.ts';
import { Admission, type Admitted } from './admission.ts';
import { ownMinFreeBytes } from './ask.ts';
import { guardModel, knownHandle } from './handle.ts';
import type { Held, Models } from './models.ts';
import { observeLoad } from './observe.ts';
import { type Prepared, prepare } from './prepare.ts';
import { Queue } from './queue.ts';
import { chosenShape } from './shape.ts';

/** Notes which files this process maps; the result tells, later, which of them a load added. */
export type MappingWatch = () => (modelFiles: readonly string[]) => readonly HeldFile[] | undefined;

export interface LoadsParts {
  readonly settings: Settings;
  readonly adapter: Adapter;
  readonly reader: MemoryReader;
  readonly gate: Gate;
  readonly inSection: <T>(step: () => T, signal?: AbortSignal) => Promise<T>;
  readonly models: Models;
  readonly clock: Clock;
  readonly watchMappings: MappingWatch;
  /** What earlier loads took; absent where nothing is kept. */
  readonly calibration: Calibration | undefined;
  readonly emit: (event: DecisionEvent | WaitingEvent | LoadedEvent | DegradedEvent) => void;
}

export class Loads {
  readonly #parts: LoadsParts;
  readonly #queue: Queue;
  readonly #admission: Admission;
  #closed = false;

  constructor(parts: LoadsParts) {
    this.#parts = parts;
    this.#queue = new Queue(parts.settings.maxConcurrentLoads);
    this.#admission = new Admission(parts);
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
    const prepared = await this.#prepare(args);
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
          return await this.#run(prepared, admitted, invoke);
        } catch (error) {
          this.#parts.gate.release(admitted.reservation);
          this.#admission.wake();
          throw error;
        }
      },
    );
  }

  #prepare(args: readonly unknown[]): Promise<Prepared> {
    const { settings, adapter, models, calibration } = this.#parts;
    return prepare(args, {
      settings,
      adapter,
      calibration,
      heldMinFreeBytes: () => models.minFreeBytes,
      misunderstood: (error) =>
        this.#tellDegraded(error.code, `Observed only, and not judged: ${error.message}`, error),
    });
  }

  /** Calls the SDK and registers what it returns. */
  async #run(prepared: Prepared, { candidate, reservation, reason }: Admitted, invoke: Invoke): Promise<unknown> {
    const { settings, adapter, gate, models, clock, watchMappings } = this.#parts;
    const { args, quantization, shape } = this.#chosen(prepared, candidate);
    const startMs = clock.nowMs();
    const mappedSince = watchMappings();
    const ranAlone = models.beginLoad();
    const raw = await invoke(args);
    const known = isObject(raw) ? knownHandle(raw, models) : undefined;
    if (known) {
      gate.release(reservation);
      return known;
    }
    const modelFiles = filesOf(adapter, raw);
    // A model that maps nothing may have files that another one maps.
    const { mappedBytes, files: namedFiles } = candidate.need;
    const files = mappedSince(mappedBytes > 0 || namedFiles ? modelFiles : []);
    const [changes, grownBytes] = [ranAlone(), gate.grownSince(reservation)];
    gate.loaded(reservation, files);
    const held: Held = {
      name: prepared.request.name,
      quantization,
      shape,
      reason,
      reservation,
      minFreeBytes: ownMinFreeBytes(candidate.quantization, settings),
      raw,
      callsInFlight: 0,
      callsBegun: 0,
      heard: false,
      predicted: candidate.predicted,
      observing: changes === undefined ? undefined : observeLoad(candidate.calibrationKey, changes, grownBytes, files),
      disturbed: false,
      files: modelFiles,
      pinned: prepared.own.pin === true,
      evicted: false,
      reload: settings.reload ? () => this.load(invoke, prepared.args) : undefined,
      stay: undefined,
      orphaned: false,
    };
    models.add(held);
    this.#tellLoaded(held, files, clock.nowMs() - startMs);
    return isObject(raw) ? guardModel(raw, held, models) : raw;
  }

  /** The arguments for the SDK. Observing changes nothing but what only a guard understands: ranges and lists. */
  #chosen(
    { args, request }: Prepared,
    candidate: Candidate,
  ): { args: readonly unknown[]; quantization: Quantization | undefined; shape: ChosenShape } {
    const { settings, adapter } = this.#parts;
    const observed = settings.mode === 'observe';
    const quantization = observed && request.quantization === undefined ? undefined : candidate.quantization;
    const sdkArgs = adapter.quantization(args, quantization);
    const shape = chosenShape(request.shape, observed ? {} : candidate);
    if (!shape || !adapter.shape) return { args: sdkArgs, quantization, shape: {} };
    return { args: adapter.shape(sdkArgs, shape), quantization, shape };
  }

  #tellLoaded(held: Held, files: readonly HeldFile[] | undefined, elapsedMs: number): void {
    const { clock, emit } = this.#parts;
    const { name, quantization, reservation } = held;
    const mappedBytes = files?.reduce((sum, { bytes }) => sum + bytes, 0);
    const maps = mappedBytes === undefined ? '' : `; it maps ${formatBytes(mappedBytes)}`;
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
function filesOf(adapter: Adapter, model: unknown): readonly string[] {
  try {
    return adapter.files?.(model) ?? [];
  } catch {
    return [];
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
