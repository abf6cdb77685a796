/** The life of one load: its turn, the decision, the SDK's own call, the model's registration. */
import { formatBytes } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { type ErrorCode, MemoryGuardError } from '../errors.ts';
import type { Decision, DecisionEvent, DegradedEvent, LoadedEvent } from '../events.ts';
import type { Calibration } from '../footprint/calibration.ts';
import { DEFAULT_QUANTIZATION } from '../footprint/catalog.ts';
import type { Gate, Outcome, Reserved } from '../gate.ts';
import type { Settings } from '../options.ts';
import type { Candidate } from '../policy/choose.ts';
import { comparedTotalBytes, recommend } from '../policy/recommend.ts';
import { InsufficientMemoryError } from '../refusal.ts';
import type { Adapter } from '../sdk/adapter.ts';
import { admissionSentence, forcedSentence, modelInWords, refusalSentence } from '../sentences.ts';
import type { HeldFile, MemoryReader, MemoryScope, Quantization } from '../types.ts';
import type { Invoke } from '../wrap.ts';
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
  readonly models: Models;
  readonly clock: Clock;
  readonly watchMappings: MappingWatch;
  /** What earlier loads took; absent where nothing is kept. */
  readonly calibration: Calibration | undefined;
  readonly emit: (event: DecisionEvent | LoadedEvent | DegradedEvent) => void;
}

export class Loads {
  readonly #parts: LoadsParts;
  readonly #queue: Queue;
  #closed = false;

  constructor(parts: LoadsParts) {
    this.#parts = parts;
    this.#queue = new Queue(parts.settings.maxConcurrentLoads);
  }

  /** Loads that are running end as they would; those that wait are refused at once. */
  close(): void {
    this.#closed = true;
    this.#queue.close(closedError());
  }

  /** Every candidate with its verdict as things stand now; nothing is loaded or reserved. */
  async plan(args: readonly unknown[]): Promise<Decision> {
    this.#assertOpen();
    const prepared = await this.#prepare(args);
    this.#assertOpen();
    return this.#parts.gate.decide(
      prepared.ask(() => this.#recommend()),
      'nothing',
    ).decision;
  }

  /** Loads through `invoke`, or throws. Errors of the SDK pass through unchanged and leave nothing reserved. */
  async load(invoke: Invoke, args: readonly unknown[]): Promise<unknown> {
    this.#assertOpen();
    const prepared = await this.#prepare(args);
    const leave = await this.#queue.enter(prepared.own.signal);
    try {
      this.#assertOpen();
      const reserved = this.#admit(prepared);
      try {
        return await this.#run(prepared, reserved, invoke);
      } catch (error) {
        this.#parts.gate.release(reserved.reservation);
        throw error;
      }
    } finally {
      leave();
    }
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

  /** Decides and tells; gives what was reserved, or refuses by throwing. */
  #admit(prepared: Prepared): Reserved {
    const { settings, gate, clock, emit } = this.#parts;
    const observed = settings.mode === 'observe';
    const forced = prepared.own.force === true;
    let outcome: Outcome;
    try {
      outcome = gate.decide(
        prepared.ask(() => this.#recommend()),
        observed || forced ? 'first' : 'chosen',
      );
    } catch (error) {
      if (!(error instanceof MemoryGuardError) || error.code !== 'ERR_SENSOR') throw error;
      const admits = observed || forced || settings.onSensorFailure === 'admit';
      this.#tellDegraded(error.code, admits ? `Admitted unread: ${error.message}` : error.message, error);
      if (!admits) throw error;
      return gate.reserveFirst(prepared.ask(() => DEFAULT_QUANTIZATION));
    }
    const { decision, reserved } = outcome;
    const refused = decision.verdict === 'refuse';
    const sentence = !refused
      ? admissionSentence(decision)
      : forced
        ? forcedSentence(decision)
        : refusalSentence(decision, this.#limitedBy(), this.#holders());
    emit({
      ...decision,
      type: refused ? (forced ? 'admitted' : 'refused') : decision.verdict === 'admit' ? 'admitted' : 'downgraded',
      message: `${observed ? 'Observed only: ' : ''}${sentence}`,
      atMs: clock.nowMs(),
      forced: forced && refused,
      observed,
    });
    if (!reserved) throw new InsufficientMemoryError(decision, sentence);
    if (reserved.candidate.need.basis === 'unknown') {
      this.#tellDegraded('ERR_UNKNOWN_MODEL', `Nobody knows what ${decision.model} needs: nothing is reserved for it.`);
    }
    return reserved;
  }

  /** Calls the SDK and registers what it returns. */
  async #run(prepared: Prepared, { candidate, reservation }: Reserved, invoke: Invoke): Promise<unknown> {
    const { settings, adapter, gate, models, clock, watchMappings } = this.#parts;
    const { args, quantization } = this.#chosen(prepared, candidate);
    const startMs = clock.nowMs();
    const mappedSince = watchMappings();
    const ranAlone = models.beginLoad();
    const raw = await invoke(args);
    const known = isObject(raw) ? knownHandle(raw, models) : undefined;
    if (known) {
      gate.release(reservation);
      return known;
    }
    const files = mappedSince(filesOf(adapter, raw));
    const [changes, grownBytes] = [ranAlone(), gate.grownSince(reservation)];
    gate.loaded(reservation, files);
    const held: Held = {
      name: prepared.request.name,
      quantization,
      reservation,
      minFreeBytes: ownMinFreeBytes(candidate.quantization, settings),
      raw,
      callsInFlight: 0,
      callsBegun: 0,
      observing: changes === undefined ? undefined : observeLoad(candidate.calibrationKey, changes, grownBytes, files),
      disturbed: false,
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
  ): { args: readonly unknown[]; quantization: Quantization | undefined } {
    const { settings, adapter } = this.#parts;
    const observed = settings.mode === 'observe';
    const quantization = observed && request.quantization === undefined ? undefined : candidate.quantization;
    const sdkArgs = adapter.quantization(args, quantization);
    const shape = chosenShape(request.shape, observed ? {} : candidate);
    return { args: shape && adapter.shape ? adapter.shape(sdkArgs, shape) : sdkArgs, quantization };
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

  #recommend(): Quantization {
    const { measure, headroomBytes } = this.#parts.gate.look();
    return recommend(comparedTotalBytes(measure), headroomBytes);
  }

  /** For the sentence only: a reading that fails here changes no decision. */
  #limitedBy(): MemoryScope | undefined {
    try {
      return this.#parts.reader.snapshot().limitedBy;
    } catch {
      return undefined;
    }
  }

  #holders(): string[] {
    return this.#parts.models.list().map(({ name, quantization }) => modelInWords(name, quantization));
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
