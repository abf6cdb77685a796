/** The life of one load: its turn, the decision, the SDK's own call, the model's registration. */

import { formatBytes } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { type ErrorCode, MemoryGuardError } from '../errors.ts';
import type { Decision, DecisionEvent, DegradedEvent, LoadedEvent } from '../events.ts';
import { DEFAULT_QUANTIZATION } from '../footprint/catalog.ts';
import { openEstimator } from '../footprint/estimatefootprint.ts';
import type { Ask, Gate, Outcome, Reserved } from '../gate.ts';
import { type LoadGuardOptions, loadGuardOptions, type Settings } from '../options.ts';
import type { Candidate } from '../policy/choose.ts';
import { comparedTotalBytes, recommend } from '../policy/recommend.ts';
import { InsufficientMemoryError } from '../refusal.ts';
import type { Adapter, LoadRequest } from '../sdk/adapter.ts';
import { admissionSentence, modelInWords, refusalSentence } from '../sentences.ts';
import type { HeldFile, MemoryReader, MemoryScope, Quantization } from '../types.ts';
import type { Invoke } from '../wrap.ts';
import { askOf, type EstimatedOffer, ownMinFreeBytes } from './ask.ts';
import { guardModel, knownHandle } from './handle.ts';
import type { Held, Models } from './models.ts';
import { Queue } from './queue.ts';
import { chosenShape } from './shape.ts';

/** Notes which files this process maps; the result tells, later, which of them a load added. */
export type MappingWatch = () => (modelFiles: readonly string[]) => readonly HeldFile[] | undefined;

/** One load, read and checked. */
interface Prepared {
  readonly args: readonly unknown[];
  readonly request: LoadRequest;
  readonly own: LoadGuardOptions;
  readonly offers: readonly EstimatedOffer[];
}

export interface LoadsParts {
  readonly settings: Settings;
  readonly adapter: Adapter;
  readonly reader: MemoryReader;
  readonly gate: Gate;
  readonly models: Models;
  readonly clock: Clock;
  readonly watchMappings: MappingWatch;
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

  close(): void {
    this.#closed = true;
  }

  /** Every candidate with its verdict as things stand now; nothing is loaded or reserved. */
  async plan(args: readonly unknown[]): Promise<Decision> {
    this.#assertOpen();
    const prepared = await this.#prepare(args);
    this.#assertOpen();
    return this.#parts.gate.decide(this.#ask(prepared), 'nothing').decision;
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

  /** Reads what is asked and the headers of its files. What is wrong with either is said here, before the load waits. */
  async #prepare(args: readonly unknown[]): Promise<Prepared> {
    const { adapter } = this.#parts;
    const request = adapter.request(args);
    const own = loadGuardOptions(request.memoryGuard);
    const offers = own.footprint === undefined ? await this.#offers(args) : [];
    const prepared = { args, request, own, offers };
    this.#ask(prepared, () => DEFAULT_QUANTIZATION);
    return prepared;
  }

  async #offers(args: readonly unknown[]): Promise<readonly EstimatedOffer[]> {
    const { adapter, settings } = this.#parts;
    try {
      const offers = (await adapter.offers?.(args)) ?? [];
      return await Promise.all(
        offers.map(async (offer) => ({
          ...offer,
          estimator: await openEstimator(offer.modelPath, offer.projectorPath),
        })),
      );
    } catch (error) {
      if (settings.mode !== 'observe' || !(error instanceof MemoryGuardError)) throw error;
      this.#tellDegraded(error.code, error.message, error);
      return [];
    }
  }

  /** Decides and tells; gives what was reserved, or refuses by throwing. */
  #admit(prepared: Prepared): Reserved {
    const { settings, gate, clock, emit } = this.#parts;
    const observed = settings.mode === 'observe';
    const forced = prepared.own.force === true;
    let outcome: Outcome;
    try {
      outcome = gate.decide(this.#ask(prepared), observed || forced ? 'first' : 'chosen');
    } catch (error) {
      if (!(error instanceof MemoryGuardError) || error.code !== 'ERR_SENSOR') throw error;
      const admits = observed || forced || settings.onSensorFailure === 'admit';
      this.#tellDegraded(error.code, admits ? `Admitted unread: ${error.message}` : error.message, error);
      if (!admits) throw error;
      return gate.reserveFirst(this.#ask(prepared, () => DEFAULT_QUANTIZATION));
    }
    const { decision, reserved } = outcome;
    const refused = decision.verdict === 'refuse';
    const sentence = refused
      ? refusalSentence(decision, this.#limitedBy(), this.#holders())
      : admissionSentence(decision);
    emit({
      ...decision,
      type: refused ? (forced ? 'admitted' : 'refused') : decision.verdict === 'admit' ? 'admitted' : 'downgraded',
      message: `${observed ? 'Observed only: ' : refused && forced ? 'Forced: ' : ''}${sentence}`,
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
    models.disturb();
    const raw = await invoke(args);
    const known = isObject(raw) ? knownHandle(raw, models) : undefined;
    if (known) {
      gate.release(reservation);
      return known;
    }
    const files = mappedSince(adapter.files?.(raw) ?? []);
    gate.loaded(reservation, files);
    const held: Held = {
      name: prepared.request.name,
      quantization,
      reservation,
      minFreeBytes: ownMinFreeBytes(candidate.quantization, settings),
      raw,
      callsInFlight: 0,
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

  #ask({ request, own, offers }: Prepared, recommend = () => this.#recommend()): Ask {
    const { settings, models } = this.#parts;
    const unknownModels = settings.mode === 'observe' ? 'admit' : settings.unknownModels;
    const heldMinFreeBytes = models.minFreeBytes;
    return askOf(request, own, { settings: { ...settings, unknownModels }, offers, recommend, heldMinFreeBytes });
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
    if (this.#closed) {
      throw new MemoryGuardError(
        'ERR_GUARD_CLOSED',
        'This guard was closed; wrap the SDK again to load models through it.',
      );
    }
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
