/** The models that are loaded now: their reservations, their calls in flight, and how each of them ends. */
import type { CallInput } from '../core/call-input.ts';
import type { EvictionChoice, EvictionReason, UnloadCause } from '../events/guard-events.ts';
import { largestMinFree, type MinFree } from '../policy/reserves.ts';
import { type BesideLoad, CallWindows } from './call-windows.ts';
import type { HeldModel } from './held-model.ts';
import { type IdleEnd, KeepAlive, type KeepAliveParts } from './keep-alive.ts';
import { type Stillness, watchKept } from './kept-memory.ts';
import { describeModel, type LoadedModel } from './loaded-model.ts';
import { type BeforeEnd, ModelEnds, type ModelEndsParts } from './model-ends.ts';
import { reserveAudio, type SettleModelParts, settleModel, tellObserved } from './settle-model.ts';
import type { SizedCalls } from './sized-calls.ts';
import { UseHistory } from './use-history.ts';

export interface LoadedModelsParts
  extends SettleModelParts,
    Omit<KeepAliveParts, 'expired'>,
    Pick<ModelEndsParts, 'freeBytes' | 'unevicted'> {
  /** The smallest limit over all scopes; infinite if it can't be read. */
  readonly totalBytes: () => number;
  readonly sizedCalls: SizedCalls;
  /** Called when a load begins, just after it was decided on: from now on memory is watched. */
  readonly began: () => void;
  /** Called after every other change. */
  readonly changed: () => void;
  /** Called once for a model that is forgotten. Resolves when its memory is seen to be back. */
  readonly removed: (held: HeldModel, cause: UnloadCause, before: BeforeEnd) => Promise<void>;
  /** Whether models may be evicted for memory: which ones goes by their uses. */
  readonly notesUses: boolean;
}

/** A load that runs. */
export interface LoadWindow extends BesideLoad {
  /** It is over: `replaced` by its model, which is told in its place. */
  end(replaced?: boolean): void;
}

export class LoadedModels {
  readonly #parts: LoadedModelsParts;
  readonly #held = new Set<HeldModel>();
  /** What loads that run ask to keep free. */
  readonly #loading = new Set<MinFree>();
  readonly #windows = new CallWindows(this.#held);
  readonly #keepAlive: KeepAlive;
  readonly #ends: ModelEnds;
  readonly #uses = new UseHistory();
  #closed = false;

  constructor(parts: LoadedModelsParts) {
    this.#parts = parts;
    this.#keepAlive = new KeepAlive({ ...parts, expired: (held) => this.#endIdle(held) });
    this.#ends = new ModelEnds({
      ...parts,
      watchKept: (held) => watchKept(held, () => this.#lookAround(held)),
      gone: (held, cause, before) => this.#remove(held, cause, before),
      kept: (held, cause) => this.#keep(held, cause),
    });
  }

  get size(): number {
    return this.#held.size;
  }

  /** Models that are loaded or just being loaded. */
  get watched(): number {
    return this.#held.size + this.#loading.size;
  }

  /** What all of them ask to keep free. */
  get minFree(): MinFree {
    const held = [...this.#held].map(({ facts }) => facts);
    return largestMinFree([...held, ...this.#loading]);
  }

  /** Whether the end of a model runs that is worth waiting for. */
  get ending(): boolean {
    return this.#ends.running;
  }

  /** Loads, unloads and calls that have begun. */
  get changes(): number {
    return this.#windows.changes;
  }

  list(): readonly LoadedModel[] {
    const totalBytes = this.#held.size === 0 ? 0 : this.#parts.totalBytes();
    return Object.freeze([...this.#held].map((held) => describeModel(held, totalBytes)));
  }

  /** The idle models that will end for their `keepAliveMs`, and when, by the guard's clock. */
  listIdleEnds(): readonly IdleEnd[] {
    return [...this.#held].flatMap(({ facts, keepAliveUntilMs: atMs }) =>
      atMs === undefined ? [] : [{ need: facts.reservation.need, atMs }],
    );
  }

  has(held: HeldModel): boolean {
    return this.#held.has(held);
  }

  /** From now on the guard ends no model by itself. */
  close(): void {
    this.#closed = true;
    this.#parts.sizedCalls.close();
    this.#ends.close();
    for (const held of this.#held) this.#keepAlive.end(held);
  }

  /** A load begins, with what it asks to keep free: from now on memory is watched. */
  beginLoad(minFree: MinFree): LoadWindow {
    const loading = { ...minFree };
    this.#loading.add(loading);
    const beside = this.#windows.beginLoad();
    this.#parts.began();
    return {
      ...beside,
      end: (replaced = false) => {
        if (this.#loading.delete(loading) && !replaced) this.#parts.changed();
      },
    };
  }

  /** `complete`: it has taken all that it ever will. */
  add(held: HeldModel, complete = false): void {
    this.#held.add(held);
    if (this.#parts.notesUses) held.uses = this.#uses.find(held.facts.sdk, held.facts.name);
    this.#noteUse(held);
    held.facts.owner?.held.contexts.add(held);
    held.facts.owner?.letGo();
    held.overlapping = this.#ends.listWholes();
    if (held.observing) tellObserved(held, held.observing, this.#parts);
    if (complete) this.#settle(held, true);
    this.#beginKeepAlive(held);
    this.#parts.changed();
  }

  /** Models and contexts that may be evicted: idle, not pinned, and with a way to end them. */
  idle(): readonly HeldModel[] {
    return [...this.#held].filter((held) => this.#canGo(held) && held.findDisposer() !== undefined);
  }

  /**
   * Begins to end an idle model, with its contexts, `choice` saying why that one. False if it can't be: it is in use, pinned, or has no way to
   * end it.
   */
  evict(held: HeldModel, reason: EvictionReason, choice?: EvictionChoice): boolean {
    if (!this.#canGo(held) || !this.#held.has(held)) return false;
    const dispose = held.findDisposer();
    if (!dispose) return false;
    const contexts = [...held.contexts].filter(({ life }) => life.alive);
    for (const each of [held, ...contexts]) {
      this.#keepAlive.end(each);
      each.choice = choice;
    }
    this.#ends.runOwn(held, reason, dispose, contexts);
    return true;
  }

  /** Resolves when one of the ends that run is over and its memory seen, or was waited for long enough. Rejects as the signal does. */
  waitForEnd(signal: AbortSignal): Promise<void> {
    return this.#ends.waitForOne(signal);
  }

  /** Something needs this model: it is neither evicted nor disposed as lost until the result is called. */
  hold(held: HeldModel): () => void {
    held.holds += 1;
    this.#keepAlive.end(held);
    let letGo = false;
    return () => {
      if (letGo) return;
      letGo = true;
      held.holds -= 1;
      this.#rest(held);
    };
  }

  /** The SDK ends it, whoever asked for that. */
  ended(held: HeldModel): void {
    // An end that runs forgets the model itself: it knows why, and how much was free before.
    held.life.told = true;
    if (held.life.alive) void this.#remove(held, 'unloaded', { beforeBytes: this.#parts.freeBytes() });
  }

  /** Its process has ended, though nobody had asked for that. `told` says so before what was reserved is seen to be back. */
  killed(held: HeldModel, told: (reloads: boolean) => void): void {
    if (!this.#held.has(held)) return;
    held.kill();
    held.life.told = true;
    const reloads = held.reload !== undefined;
    if (reloads) held.life.replace();
    void this.#remove(held, 'killed', { beforeBytes: undefined });
    told(reloads);
  }

  beginCall(held: HeldModel): void {
    this.#windows.beginCall(held);
    this.#noteUse(held);
    this.#keepAlive.end(held);
    if (held.facts.owner) this.#keepAlive.end(held.facts.owner.held);
  }

  /** A call was done at once: the model's idle time begins anew. */
  touch(held: HeldModel): void {
    this.#noteUse(held);
    this.#beginKeepAlive(held);
    if (held.facts.owner) this.#beginKeepAlive(held.facts.owner.held);
  }

  /** A stream has given its first part: its prompt is computed. */
  computed(held: HeldModel, called: unknown): void {
    if (this.#held.has(held)) this.#settle(held, held.facts.methods.hasFilledMicroBatch?.(called) === true);
  }

  /** A completed inference took what the model needs: its promise is settled. */
  endCall(held: HeldModel, settles: boolean, called: unknown = held.raw): void {
    this.#windows.endCall(held);
    this.#noteUse(held, true);
    if (settles) this.computed(held, called);
    if (held.callsInFlight === 0) held.disturbed = false;
    this.#rest(held);
    if (held.facts.owner) this.#rest(held.facts.owner.held);
  }

  /** Reserves what processing audio takes, until the model is gone at the most. The caller gets the way to release it. */
  reserveAudio(held: HeldModel, bytes?: number): () => void {
    if (!this.#held.has(held)) return () => {};
    const release = reserveAudio(held, this.#parts.gate, bytes);
    held.audioReleases.add(release);
    return () => {
      held.audioReleases.delete(release);
      release();
    };
  }

  /** Runs a call whose memory depends on its inputs, once there is room for it. */
  runSized(held: HeldModel, input: CallInput, invoke: () => unknown): unknown {
    return this.#parts.sizedCalls.run(held, input, invoke, () => ({
      changes: this.#windows.changes,
      running: this.#windows.callsInFlight + this.#loading.size,
    }));
  }

  /** Runs a disposal and forgets the model when it is done. If an end of it runs already, that is waited for in its place. */
  dispose(held: HeldModel, run: () => unknown): unknown {
    const again = () => this.dispose(held, run);
    if (held.life.end) return this.#ends.join(held, again);
    if (held.end) return this.#ends.whenOver([held.end]).then(again);
    return this.#end(this.#held.has(held) ? [held] : [], run);
  }

  /** The same for a model of this SDK that one call names, by the SDK's own object or by its name. */
  disposeNamed(sdk: object, model: unknown, run: () => unknown): unknown {
    const named = ({ raw, facts }: HeldModel) => facts.sdk === sdk && (raw === model || facts.askedName === model);
    const found = [...this.#held].filter(named);
    return found.length === 1 ? this.dispose(found[0]!, run) : this.disposeSome(named, run);
  }

  /** The same for every model that matches, if one call of the SDK disposes several. It waits for ends that run already. */
  disposeSome(match: (held: HeldModel) => boolean, run: () => unknown): unknown {
    const going = [...this.#held].filter(match);
    const ends = going.flatMap(({ life }) => (life.end?.recent ? [life.end] : []));
    if (ends.length === 0) return this.#end(going, run, true);
    // In a turn of its own: a load that was just answered is registered first, and goes too.
    return this.#ends
      .whenOver(ends)
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => this.disposeSome(match, run));
  }

  /** The handle was garbage-collected undisposed: once nothing needs its model any more, that is disposed for it, then forgotten. */
  lost(held: HeldModel): void {
    if (!this.#held.has(held)) return;
    const { life, facts } = held;
    held.orphaned = !held.unused || !life.alive || facts.owner?.held.life.alive === false;
    if (held.orphaned || this.#closed) return;
    const dispose = held.findDisposer();
    this.#keepAlive.end(held);
    // Nobody is left to hear of an error: the model is forgotten either way, and its memory is read, not assumed.
    this.#ends.runOwn(held, 'leaked', async () => {
      try {
        await dispose?.();
      } catch {
        // see above
      }
    });
  }

  /** `whole`: the call may end models that are not registered yet. */
  #end(going: readonly HeldModel[], run: () => unknown, whole = false): unknown {
    for (const held of going) this.#keepAlive.end(held);
    const called = going.some(({ callsInFlight, facts }) => callsInFlight > 0 && facts.methods.endsAfterCalls);
    const call = called ? () => this.#windows.whenDone(going).then(run) : run;
    return whole ? this.#ends.runWhole(going, call) : this.#ends.run(going, 'unloaded', call);
  }

  /** It was idle for too long. One that works on what its handle doesn't see begins its idle time anew. */
  #endIdle(held: HeldModel): void {
    if (!this.evict(held, 'keep-alive') && held.busy) this.#beginKeepAlive(held);
  }

  /** An end has failed: the model stays, and its contexts with it. One that could not be ended for its idle time is not tried again. */
  #keep(held: HeldModel, cause: UnloadCause): void {
    for (const other of [...held.contexts]) if (other.orphaned) this.lost(other);
    if (cause !== 'keep-alive' || held.orphaned) this.#rest(held);
  }

  /** Something of what needed it is over. */
  #rest(held: HeldModel): void {
    if (held.orphaned) this.lost(held);
    else this.#beginKeepAlive(held);
  }

  /** What is made from a model uses the model. `ends`: no new use, but the end of one. */
  #noteUse({ facts, uses }: HeldModel, ends = false): void {
    const { notesUses, clock } = this.#parts;
    if (notesUses) (facts.owner?.held.uses ?? uses).note(clock.nowMs(), ends);
  }

  #canGo(held: HeldModel): boolean {
    return !this.#closed && held.idle && !held.busy;
  }

  #beginKeepAlive(held: HeldModel): void {
    if (this.#held.has(held) && !this.#closed) this.#keepAlive.begin(held);
  }

  #settle(held: HeldModel, full: boolean): void {
    settleModel(held, { full, changes: this.#windows.changes }, this.#parts);
  }

  /** What else may make its process grow or shrink. */
  #lookAround(held: HeldModel): Stillness {
    const others = [...this.#held].filter((other) => other !== held);
    return {
      changes: this.#windows.changes,
      still: this.#loading.size === 0 && others.every(({ callsInFlight, life }) => callsInFlight === 0 && !life.end),
      shared: others.some(({ facts }) => facts.process !== undefined && facts.process === held.facts.process),
    };
  }

  /** Resolves when its memory is seen to be back. */
  #remove(held: HeldModel, cause: UnloadCause, before: BeforeEnd): Promise<void> {
    const { gate, removed, changed } = this.#parts;
    held.life.finish(cause);
    if (!held.life.evicted) held.forget();
    if (!this.#held.delete(held)) return Promise.resolve();
    this.#keepAlive.end(held);
    this.#windows.forget(held);
    gate.release(held.facts.reservation);
    for (const release of held.audioReleases) release();
    held.audioReleases.clear();
    // Contexts end with their model.
    for (const other of [...held.contexts]) void this.#remove(other, cause, { beforeBytes: before.beforeBytes });
    const owner = held.facts.owner?.held;
    if (owner?.contexts.delete(held)) this.#rest(owner);
    const seen = removed(held, cause, before);
    changed();
    return seen;
  }
}
