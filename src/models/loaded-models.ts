/** The models that are loaded now: their reservations, their calls in flight, and how each of them ends. */
import type { EvictionReason, UnloadCause } from '../events/guard-events.ts';
import { CallWindows } from './call-windows.ts';
import type { HeldModel } from './held-model.ts';
import { KeepAlive, type KeepAliveParts } from './keep-alive.ts';
import { describeModel, type LoadedModel } from './loaded-model.ts';
import { reserveAudio, type SettleModelParts, settleModel, tellObserved } from './settle-model.ts';

export interface LoadedModelsParts extends SettleModelParts, Omit<KeepAliveParts, 'expired'> {
  /** Headroom before a model goes, to compare with what it is after. `undefined` if it can't be read. */
  readonly freeBytes: () => number | undefined;
  /** Called after every change. */
  readonly changed: () => void;
  /** Whether a model works on what its handle doesn't see. */
  readonly busy: (model: unknown) => boolean;
  /** Whether a model's last call touched all that it ever will. */
  readonly filledMicroBatch: (model: unknown) => boolean;
  /** Called once for a model that is forgotten. */
  readonly removed: (held: HeldModel, cause: UnloadCause, beforeBytes: number | undefined) => Promise<void>;
  /** Called if a model could not be evicted. */
  readonly unevicted: (held: HeldModel, error: unknown) => void;
}

export class LoadedModels {
  readonly #parts: LoadedModelsParts;
  readonly #held = new Set<HeldModel>();
  readonly #windows = new CallWindows(this.#held);
  readonly #keepAlive: KeepAlive;

  constructor(parts: LoadedModelsParts) {
    this.#parts = parts;
    this.#keepAlive = new KeepAlive({ ...parts, expired: (held) => void this.evict(held, 'keep-alive') });
  }

  get size(): number {
    return this.#held.size;
  }

  /** The largest reserve that any loaded model asks for; 0 if none is loaded. */
  get minFreeBytes(): number {
    let most = 0;
    for (const { facts } of this.#held) most = Math.max(most, facts.minFreeBytes);
    return most;
  }

  list(): readonly LoadedModel[] {
    return Object.freeze([...this.#held].map(describeModel));
  }

  has(held: HeldModel): boolean {
    return this.#held.has(held);
  }

  /** `complete`: it has taken all that it ever will. */
  add(held: HeldModel, complete = false): void {
    this.#held.add(held);
    if (held.observing) tellObserved(held, held.observing, this.#parts);
    if (complete) this.#settle(held, true);
    this.#beginKeepAlive(held);
    this.#parts.changed();
  }

  /** Models that may be evicted: idle, not pinned, and with a way to end them. */
  idle(): readonly HeldModel[] {
    return [...this.#held].filter((held) => this.#canGo(held) && held.findDisposer() !== undefined);
  }

  /** Ends an idle model and waits until its memory is seen to be back. False if it could not be ended: nothing is credited. */
  async evict(held: HeldModel, reason: EvictionReason): Promise<boolean> {
    const dispose = held.findDisposer();
    if (!dispose || !this.#canGo(held) || !this.#held.has(held)) return false;
    const beforeBytes = this.#parts.freeBytes();
    held.evicted = true;
    held.disposals += 1;
    try {
      await dispose();
    } catch (error) {
      held.evicted = false;
      held.disposals -= 1;
      this.#parts.unevicted(held, error);
      if (held.orphaned) this.lost(held);
      return false;
    }
    await this.#remove(held, reason, beforeBytes);
    return true;
  }

  /** A context of this model is being made. The model is neither evicted nor disposed as lost until the result is called. */
  beginContext(held: HeldModel): () => void {
    held.contexts += 1;
    this.#keepAlive.end(held);
    let letGo = false;
    return () => {
      if (letGo) return;
      letGo = true;
      held.contexts -= 1;
      if (held.orphaned) this.lost(held);
      else this.#beginKeepAlive(held);
    };
  }

  /** The SDK ends it, whoever asked for that. */
  ended(held: HeldModel): void {
    // A disposal that runs forgets the model itself: it knows why, and how much was free before.
    if (held.disposals === 0) void this.#remove(held, 'unloaded', this.#parts.freeBytes());
  }

  /** A load begins. The result tells later whether it ran alone. */
  beginLoad(): () => number | undefined {
    return this.#windows.beginLoad();
  }

  beginCall(held: HeldModel): void {
    this.#windows.beginCall(held);
    this.#keepAlive.end(held);
  }

  /** A stream has given its first part: its prompt is computed. */
  computed(held: HeldModel, called: unknown): void {
    if (!held.disturbed && this.#held.has(held)) this.#settle(held, this.#parts.filledMicroBatch(called));
  }

  /** A completed, undisturbed inference took what the model needs: its promise is settled. */
  endCall(held: HeldModel, settles: boolean, called: unknown = held.raw): void {
    this.#windows.endCall(held);
    if (settles) this.computed(held, called);
    if (held.callsInFlight === 0) held.disturbed = false;
    if (held.orphaned) this.lost(held);
    else this.#beginKeepAlive(held);
  }

  /** Reserves what processing audio takes. The caller gets the way to release it. */
  reserveAudio(held: HeldModel): () => void {
    return reserveAudio(held, this.#parts.gate);
  }

  /** Runs a disposal and forgets the model when it is done. One that fails leaves the model registered. */
  dispose(held: HeldModel, run: () => unknown): unknown {
    return this.disposeSome((other) => other === held, run);
  }

  /** The same for every model that matches, if one call of the SDK disposes several. */
  disposeSome(match: (held: HeldModel) => boolean, run: () => unknown): unknown {
    const beforeBytes = this.#parts.freeBytes();
    const going = [...this.#held].filter(match);
    const forget = () => {
      for (const held of going) void this.#remove(held, 'unloaded', beforeBytes);
    };
    const keep = () => {
      for (const held of going) this.#keep(held);
    };
    for (const held of going) {
      held.disposals += 1;
      this.#keepAlive.end(held);
    }
    let result: unknown;
    try {
      result = run();
    } catch (error) {
      keep();
      throw error;
    }
    if (!isThenable(result)) {
      forget();
      return result;
    }
    return result.then(
      (value) => {
        forget();
        return value;
      },
      (error) => {
        keep();
        throw error;
      },
    );
  }

  /** The handle was garbage-collected undisposed: once nothing needs its model any more, that is disposed for it, then forgotten. */
  lost(held: HeldModel): void {
    if (!this.#held.has(held)) return;
    if (held.callsInFlight > 0 || held.contexts > 0 || held.disposals > 0) {
      held.orphaned = true;
      return;
    }
    const dispose = held.findDisposer();
    const beforeBytes = this.#parts.freeBytes();
    held.disposals += 1;
    // Nobody is left to hear of an error: the model is forgotten either way, and its memory is read, not assumed.
    const forget = () => void this.#remove(held, 'leaked', beforeBytes);
    new Promise((resolve) => resolve(dispose?.())).then(forget, forget);
  }

  /** A disposal has failed: the model stays. */
  #keep(held: HeldModel): void {
    held.disposals -= 1;
    if (held.orphaned) this.lost(held);
    else this.#beginKeepAlive(held);
  }

  #canGo(held: HeldModel): boolean {
    return held.idle && !this.#parts.busy(held.raw);
  }

  #beginKeepAlive(held: HeldModel): void {
    if (this.#held.has(held)) this.#keepAlive.begin(held);
  }

  #settle(held: HeldModel, full: boolean): void {
    settleModel(held, { full, changes: this.#windows.changes }, this.#parts);
  }

  /** Resolves when its memory is seen to be back. */
  #remove(held: HeldModel, cause: UnloadCause, beforeBytes: number | undefined): Promise<void> {
    const { gate, removed, changed } = this.#parts;
    if (!this.#held.delete(held)) return Promise.resolve();
    this.#keepAlive.end(held);
    this.#windows.change();
    gate.release(held.facts.reservation);
    // Contexts end with their model.
    for (const other of [...this.#held]) {
      if (other.facts.owner?.held === held) void this.#remove(other, cause, beforeBytes);
    }
    held.facts.owner?.letGo();
    const seen = removed(held, cause, beforeBytes);
    changed();
    return seen;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
