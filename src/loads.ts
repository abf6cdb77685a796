/** The life of one load: its turn, the decision, the SDK's own call, the model's registration. */
import { askOf } from './ask.ts';
import { formatBytes } from './bytes.ts';
import type { Clock } from './clock.ts';
import { MemoryGuardError } from './errors.ts';
import type { Decision, DecisionEvent, DegradedEvent, LoadedEvent } from './events.ts';
import { DEFAULT_QUANTIZATION } from './footprint/catalog.ts';
import type { Ask, Gate, Outcome, Reserved } from './gate.ts';
import { guardModel, knownHandle } from './handle.ts';
import type { Held, Models } from './models.ts';
import { type LoadGuardOptions, loadGuardOptions, type Settings } from './options.ts';
import { comparedTotalBytes, recommend } from './policy/recommend.ts';
import { Queue } from './queue.ts';
import { InsufficientMemoryError } from './refusal.ts';
import type { Adapter, LoadRequest } from './sdk/adapter.ts';
import { admissionSentence, modelInWords, refusalSentence } from './sentences.ts';
import type { HeldFile, MemoryReader, MemoryScope, Quantization } from './types.ts';
import type { Invoke } from './wrap.ts';

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
  plan(args: readonly unknown[]): Decision {
    this.#assertOpen();
    const request = this.#parts.adapter.request(args);
    return this.#parts.gate.decide(this.#ask(request, loadGuardOptions(request.memoryGuard)), 'nothing').decision;
  }

  /** Loads through `invoke`, or throws. Errors of the SDK pass through unchanged and leave nothing reserved. */
  async load(invoke: Invoke, args: readonly unknown[]): Promise<unknown> {
    this.#assertOpen();
    const { adapter, gate } = this.#parts;
    const request = adapter.request(args);
    const own = loadGuardOptions(request.memoryGuard);
    this.#ask(request, own, () => DEFAULT_QUANTIZATION); // what is wrong with it is said before it waits
    const leave = await this.#queue.enter(own.signal);
    try {
      this.#assertOpen();
      const reserved = this.#admit(request, own);
      try {
        return await this.#run(request, reserved, (quantization) => invoke(adapter.quantization(args, quantization)));
      } catch (error) {
        gate.release(reserved.reservation);
        throw error;
      }
    } finally {
      leave();
    }
  }

  /** Decides and tells; gives what was reserved, or refuses by throwing. */
  #admit(request: LoadRequest, own: LoadGuardOptions): Reserved {
    const { settings, gate, clock, emit } = this.#parts;
    const observed = settings.mode === 'observe';
    const forced = own.force === true;
    let outcome: Outcome;
    try {
      outcome = gate.decide(this.#ask(request, own), observed || forced ? 'first' : 'chosen');
    } catch (error) {
      if (!(error instanceof MemoryGuardError) || error.code !== 'ERR_SENSOR') throw error;
      emit({ type: 'degraded', code: error.code, message: error.message, cause: error, atMs: clock.nowMs() });
      if (!observed && !forced) throw error;
      return gate.reserveFirst(this.#ask(request, own, () => DEFAULT_QUANTIZATION));
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
    return reserved;
  }

  /** Calls the SDK and registers what it returns. */
  async #run(
    { name, quantization: asked }: LoadRequest,
    { candidate, reservation }: Reserved,
    invoke: (quantization: Quantization | undefined) => unknown,
  ): Promise<unknown> {
    const { settings, adapter, gate, models, clock, watchMappings } = this.#parts;
    const quantization = settings.mode === 'observe' && asked === undefined ? undefined : candidate.quantization;
    const startMs = clock.nowMs();
    const mappedSince = watchMappings();
    models.disturb();
    const raw = await invoke(quantization);
    const known = isObject(raw) ? knownHandle(raw, models) : undefined;
    if (known) {
      gate.release(reservation);
      return known;
    }
    const files = mappedSince(adapter.files?.(raw) ?? []);
    gate.loaded(reservation, files);
    const { minFreeBytes } = candidate;
    const held: Held = {
      name,
      quantization,
      reservation,
      minFreeBytes,
      raw,
      callsInFlight: 0,
      disturbed: false,
      orphaned: false,
    };
    models.add(held);
    this.#tellLoaded(held, files, clock.nowMs() - startMs);
    return isObject(raw) ? guardModel(raw, held, models) : raw;
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

  #ask(request: LoadRequest, own: LoadGuardOptions, recommendation = () => this.#recommend()): Ask {
    const { settings, models } = this.#parts;
    return askOf(request, own, { settings, recommend: recommendation, heldMinFreeBytes: models.minFreeBytes });
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
