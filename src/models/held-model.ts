/** A loaded model as the guard holds it: facts that stay, and the little that changes. It knows no SDK and acts on nothing. */
import type { QuantizationName } from '../core/quantizations.ts';
import type { KvCacheType, LoadParts } from '../core/types.ts';
import type { EvictionChoice } from '../events/guard-events.ts';
import type { Reservation } from '../ledger/ledger.ts';
import type { MinFree } from '../policy/reserves.ts';
import type { HeldProcess } from './held-process.ts';
import { ModelLife, type RunningEnd } from './model-life.ts';
import type { LifeMethods } from './model-methods.ts';
import type { Observing } from './observe-load.ts';
import { ModelUses } from './use-history.ts';

/** What is known of a model once it is loaded, and never changes. */
export interface ModelFacts extends MinFree {
  /** What was loaded: if a file was asked for and a smaller one is loaded, that one. */
  readonly name: string;
  /** What its user knows it by. */
  readonly askedName: string;
  /** The file that was loaded. `undefined` if it isn't known. */
  readonly modelPath?: string | undefined;
  readonly quantization: QuantizationName | undefined;
  /** What was chosen and passed to the SDK. */
  readonly shape: { readonly contextSize?: number; readonly kvCacheType?: KvCacheType };
  /** Why it was loaded so. */
  readonly reason: string;
  readonly reservation: Reservation;
  /** When its load was done: the guard's clock, in milliseconds. */
  readonly loadedMs: number;
  /** How long its load took, in milliseconds, without the wait to be let in. */
  readonly loadMs: number;
  /** What its estimate expected, part by part. */
  readonly predicted: LoadParts | undefined;
  /** Paths of its files, if the SDK tells. */
  readonly files: readonly string[];
  /** It is never evicted. */
  readonly pinned: boolean;
  /** What stands for the SDK that it was loaded by: ways to unload that an SDK has reach its own models. */
  readonly sdk: object;
  readonly methods: LifeMethods;
  /** Loads it again, through every rule, and gives its new handle. Absent if the user did not choose that. */
  readonly reload: (() => Promise<unknown>) | undefined;
  /** The process that it lives in. `undefined` if that is this one. */
  readonly process?: HeldProcess | undefined;
  /**
   * Its process was killed just now. Returns what loads it again, and gives its new handle; `undefined` if that is not to be done, or was
   * done too often.
   */
  readonly planReload?: (() => (() => Promise<unknown>) | undefined) | undefined;
  /** Under which it is kept what its loads and calls take. `undefined` if nothing is kept. */
  readonly calibrationKey?: string | undefined;
  /** Its engine gives back what a call took, and takes it anew for the next one. */
  readonly returnsCallMemory?: boolean;
  /** The model whose context this is. */
  readonly owner: ContextOwner | undefined;
}

/** The model that a context is made from. */
export interface ContextOwner {
  readonly held: HeldModel;
  /** The context is made, or won't be: it no longer keeps its model from being evicted by being made. */
  letGo(): void;
  /** Makes the context once more, and gives its new handle. It keeps the model's handle. Absent if the user did not choose that. */
  again?: (() => Promise<unknown>) | undefined;
}

export class HeldModel {
  /** What is kept for its first context, beside what is reserved for itself. */
  roomBytes = 0;
  readonly facts: ModelFacts;
  readonly life = new ModelLife();
  readonly #reach: () => unknown;
  #killed = false;
  #reloadKilled: (() => Promise<unknown>) | undefined;
  /** What is known of its memory so far. */
  observing: Observing | undefined;
  /** When it was used. Nothing is noted if no model is evicted for memory. */
  uses = new ModelUses();
  /** Why it was chosen to make room. `undefined` if it was not. */
  choice: EvictionChoice | undefined;
  /** Calls that are running. */
  callsInFlight = 0;
  /** Calls that have begun. */
  callsBegun = 0;
  /** Contexts that it has. They end with it. */
  readonly contexts = new Set<HeldModel>();
  /** What needs it besides, such as a context that is just being made: while there is any of that it is not idle. */
  holds = 0;
  /** Methods that gave their answer at once, and no promise of one. */
  readonly answeredAtOnce = new Set<PropertyKey>();
  /** Ways to release what is reserved for the audio of calls that run. */
  readonly audioReleases = new Set<() => void>();
  /** Whether one of its calls had audio. */
  heard = false;
  /** Another guarded call or load runs beside one of this model's: of such a call nothing is observed. */
  disturbed = false;
  /** Its handle was collected while a call ran, a context lived or an end of it ran. The model ends when nothing of that is left. */
  orphaned = false;
  /** Ends of the SDK as a whole that ran when it was registered: nobody knows whether they end it too. */
  overlapping: readonly RunningEnd[] = [];
  /** Ends the wait until it has been idle for too long. */
  cancelKeepAlive: (() => void) | undefined;
  /** When that will be, by the guard's clock. `undefined` if it isn't waited for. */
  keepAliveUntilMs: number | undefined;

  /**
   * `raw` must not lead back to the guarded handle, or the handle is never collected. `weak`: the registration must not keep the
   * model alive, and forgets it when it is collected.
   */
  constructor(raw: unknown, weak: boolean, facts: ModelFacts, observing: Observing | undefined) {
    this.facts = facts;
    this.observing = observing;
    this.#reach = weak && typeof raw === 'object' && raw !== null ? reachWeakly(new WeakRef(raw)) : reachStrongly(raw);
  }

  /** The SDK's own object. `undefined` if it is held weakly and was collected. */
  get raw(): unknown {
    return this.#reach();
  }

  /** Nothing runs on it, and nothing depends on it. */
  get unused(): boolean {
    return this.#rests && this.contexts.size === 0;
  }

  /** The end of it that runs, or one that may be its end. `undefined` if none does. */
  get end(): RunningEnd | undefined {
    return this.life.gone ? undefined : (this.life.end ?? this.overlapping.find(({ recent }) => recent));
  }

  /** Loads it again once it is gone. `undefined` if it stays gone. */
  get reload(): (() => Promise<unknown>) | undefined {
    return this.#killed ? this.#reloadKilled : (this.facts.reload ?? this.facts.owner?.again);
  }

  /** It is never loaded again. */
  forget(): void {
    if (this.facts.owner) this.facts.owner.again = undefined;
  }

  /** Its calls have made it so much larger: that is to come back with it. */
  noteCallGrowth(bytes: number): void {
    if (!this.observing) return;
    const { observation } = this.observing;
    const anonymousAfterCallBytes = observation.anonymousAfterLoadBytes + bytes;
    this.observing = { ...this.observing, observation: { ...observation, anonymousAfterCallBytes } };
  }

  /** Its process has ended, though nobody had asked for that. */
  kill(): void {
    this.#killed = true;
    this.#reloadKilled = this.facts.planReload?.();
  }

  /** Nobody uses it or its contexts, as far as their handles show, nobody is ending it, and all of them may go. */
  get idle(): boolean {
    if (this.life.gone || this.end || !this.#rests || this.facts.pinned) return false;
    return [...this.contexts].every((context) => context.idle || context.life.evicted);
  }

  /** It or one of its contexts works on something that no handle shows. */
  get busy(): boolean {
    return this.facts.methods.isBusy?.(this.raw) === true || [...this.contexts].some(({ busy }) => busy);
  }

  get #rests(): boolean {
    return this.callsInFlight === 0 && this.holds === 0;
  }

  /** The way to end it. `undefined` if it has none. */
  findDisposer(): (() => unknown) | undefined {
    const { end } = this.facts.methods;
    if (end) return () => end(this.raw);
    const raw = Object(this.raw) as Record<PropertyKey, unknown>;
    const key = findDisposerName(raw, this.facts.methods.disposers);
    return key === undefined ? undefined : () => (raw[key] as () => unknown)();
  }
}

/** The first of these methods that an object has. One whose getter throws can't be called, and counts as missing. */
export function findDisposerName(raw: object, disposers: readonly PropertyKey[]): PropertyKey | undefined {
  return disposers.find((name) => {
    try {
      return typeof (raw as Record<PropertyKey, unknown>)[name] === 'function';
    } catch {
      return false;
    }
  });
}

// Apart, so that neither closure holds what only the other may.
function reachWeakly(ref: WeakRef<object>): () => unknown {
  return () => ref.deref();
}

function reachStrongly(raw: unknown): () => unknown {
  return () => raw;
}
