/** The guarded handle of one loaded model: its disposers unregister it, its calls are counted, its loss is noticed. */
import type { KvCacheType, Quantization } from '../core/types.ts';
import { type Invoke, type Takeover, unwrap, wrapObject } from '../core/wrap-object.ts';
import { EvictedModel } from './evicted-model.ts';
import { findDisposerName, type HeldModel } from './held-model.ts';
import type { LoadedModels } from './loaded-models.ts';
import { type CallStandIn, type CallWatch, trackCall } from './track-call.ts';

/** What a guarded model has besides its own properties, unless it has one of that name itself. */
export interface GuardedModelChoice {
  /** The quantization that was chosen. `undefined` for a model without a ladder. */
  readonly quantization?: Quantization;
  /** Tokens of context, if the guard chose them. */
  readonly contextSize?: number;
  /** The type of the KV cache, if the guard chose it. */
  readonly kvCacheType?: KvCacheType;
  /** Disposes the model at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the life of a model must know of the SDK's methods. `C` is how a method that makes a context is read. */
export interface ModelMethods<C> {
  /** Methods that end a model, in the order in which one is chosen for a handle that was lost. */
  readonly disposers: readonly PropertyKey[];
  /** Methods whose results work in the model's memory. */
  readonly partMethods?: readonly PropertyKey[];
  /** Whether a method runs the model: the first such call that completes has touched what the model needs. */
  isInference(method: string): boolean;
  /** Whether a call with these arguments processes audio. */
  hasAudio(args: readonly unknown[]): boolean;
  /** How a method is read that makes something with memory of its own. `undefined` for every other method. */
  adaptContext?(model: unknown, method: PropertyKey, files: readonly string[]): C | undefined;
  /** Calls `tell` when the SDK ends the model, whoever asked for that. */
  onEnd?(model: unknown, tell: () => void): void;
}

/** What a handle needs besides its model. */
export interface ModelHandleParts<C> {
  readonly models: LoadedModels;
  readonly methods: ModelMethods<C>;
  /** Makes a context of this model as a load of its own. */
  readonly makeContext: (owner: HeldModel, invoke: Invoke, args: readonly unknown[], context: C) => Promise<unknown>;
}

interface KnownHandle {
  readonly held: HeldModel;
  /** Only the handle keeps it: what was loaded again is lost with the handle. */
  readonly successor: WeakRef<EvictedModel>;
  readonly handle: WeakRef<object>;
}

type AnyModel = Record<PropertyKey, (...args: readonly unknown[]) => unknown>;

/** Guarded handles by the raw model, so that a model returned twice is one model. */
const handles = new WeakMap<object, KnownHandle>();

const collected = new FinalizationRegistry<{ readonly models: LoadedModels; readonly held: HeldModel }>(
  ({ models, held }) => {
    // The model may have been returned again before this was told, and then has another handle.
    const now = handles.get(Object(held.raw));
    if (now?.held !== held || !now.handle.deref()) models.lost(held);
  },
);

/** The handle that stands for this model already. `undefined` if none does. */
export function findHandle<C>(raw: object, parts: ModelHandleParts<C>): object | undefined {
  const { models } = parts;
  const known = handles.get(raw);
  if (!known || !models.has(known.held)) return undefined;
  known.held.orphaned = false;
  return known.handle.deref() ?? wrapModel(raw, known.held, parts);
}

/** What stands for the model behind a handle, if the guard has ended that or is ending it. */
export function findSuccessor(handle: unknown): EvictedModel | undefined {
  const known = handles.get(Object(unwrap(handle)));
  return known?.held.life.evicted ? known.successor.deref() : undefined;
}

/** Resolves when the end of this model is over that the guard chose. `undefined` if none runs. */
export function findOwnEnd(raw: object): Promise<void> | undefined {
  const life = handles.get(raw)?.held.life;
  return life?.evicted ? life.end?.over : undefined;
}

/** Wraps a loaded model. Nothing that outlives the handle leads back to it, or its loss would never be noticed. */
export function wrapModel<C>(raw: object, held: HeldModel, parts: ModelHandleParts<C>): object {
  const { models, methods, makeContext } = parts;
  const { facts } = held;
  const successor = new EvictedModel(held, (other) => (isGone(other) ? findSuccessor(other) : undefined));
  // A call that runs doesn't keep the handle.
  const own = (value: unknown) => (value === raw ? (findHandle(raw, parts) ?? raw) : undefined);

  function takeover(key: PropertyKey): Takeover | undefined {
    if (methods.disposers.includes(key)) {
      return (invoke, args) => {
        const again = (other: object) => (other as AnyModel)[key]?.(...args);
        return disposeModel(held, successor, models, again, () => invoke(args));
      };
    }
    if (methods.partMethods?.includes(key)) return (invoke, args) => wrapPart(invoke(args), held, parts);
    const context = methods.adaptContext?.(raw, key, facts.files);
    const run: Takeover = context
      ? (invoke, args) => makeContext(held, invoke, args, context)
      : trackModelCall(key, { held, successor, own }, parts);
    return (invoke, args) => {
      const enter = (): unknown =>
        isHeldBack(key, held, methods) ? successor.call(key, args, enter) : run(invoke, args);
      return enter();
    };
  }

  const handle = wrapObject(raw, { extra: listExtra(raw, held, models, successor), takeover });
  handles.set(raw, { held, successor: new WeakRef(successor), handle: new WeakRef(handle) });
  // What other objects lead to is lost only when the model itself can't be reached.
  collected.register(methods.onEnd ? raw : handle, { models, held });
  return handle;
}

/**
 * Nothing is called on a model that the guard ends, or has ended. While its user ends it a call waits for that, since engines crash over
 * calls on what they free; one that may stop what still runs goes through.
 */
function isHeldBack<C>(key: PropertyKey, { life, end, callsInFlight }: HeldModel, methods: ModelMethods<C>): boolean {
  return life.evicted || (end !== undefined && (callsInFlight === 0 || isInference(key, methods)));
}

/** `again` ends what was loaded in its place, `run` the model itself. */
function disposeModel(
  held: HeldModel,
  successor: EvictedModel,
  models: LoadedModels,
  again: (handle: object) => unknown,
  run: () => unknown,
): unknown {
  const dispose = () => models.dispose(held, run);
  return held.life.evicted ? successor.dispose(again, dispose) : dispose();
}

/** What stands behind one handle. */
interface HandleFacts {
  readonly held: HeldModel;
  readonly successor: EvictedModel;
  readonly own: CallStandIn['own'];
}

/** A call on the model itself: counted, and with what audio takes reserved while it runs. */
function trackModelCall<C>(
  key: PropertyKey,
  { held, successor, own }: HandleFacts,
  { models, methods }: ModelHandleParts<C>,
): Takeover {
  const inference = isInference(key, methods);
  return (invoke, args) => {
    // Asked before the engine is: what throws here must neither lose a call that runs nor leave one counted.
    const watch = watchModelCall(models, held, inference, mayHaveAudio(args, methods));
    const result = callNow(invoke, args, watch);
    if (args.includes(result)) return result; // `pipe` gives back what it was given
    // What these capture lives as long as the call: nothing of it leads to the handle.
    const standIn: CallStandIn = {
      own,
      instead(stream) {
        const stay = () => trackCall(stream, watch, standIn);
        return isHeldBack(key, held, methods) ? successor.call(key, args, stay) : undefined;
      },
    };
    return trackCall(result, watch, standIn);
  };
}

/** Also a call that throws has used the model. */
function callNow(invoke: Invoke, args: readonly unknown[], watch: CallWatch): unknown {
  try {
    return invoke(args);
  } catch (error) {
    watch.done?.();
    throw error;
  }
}

/** Apart, since what it captures lives as long as a stream that was dropped is waited for. */
function watchModelCall(models: LoadedModels, held: HeldModel, inference: boolean, audio: boolean): CallWatch {
  const takeBackAudio: (() => void)[] = []; // one call's stream can be read twice
  return {
    done: () => models.touch(held),
    begin() {
      models.beginCall(held);
      if (audio) takeBackAudio.push(models.reserveAudio(held));
    },
    end(completed) {
      takeBackAudio.pop()?.();
      models.endCall(held, completed && inference);
    },
  };
}

/** Something that works in the memory of a loaded model: its calls are that model's, its disposal is its own affair. */
function wrapPart<C>(part: unknown, held: HeldModel, { models, methods }: ModelHandleParts<C>): unknown {
  if (typeof part !== 'object' || part === null) return part;
  return wrapObject(part, {
    takeover: (key) => {
      const inference = isInference(key, methods);
      return (invoke, args) =>
        trackCall(invoke(args), {
          begin: () => models.beginCall(held),
          gave: () => (inference ? models.computed(held, part) : undefined),
          end: (completed) => models.endCall(held, completed && inference, part),
        });
    },
  });
}

/** Arguments that throw when they are looked at may have it. The engine finds out by itself. */
function mayHaveAudio<C>(args: readonly unknown[], methods: ModelMethods<C>): boolean {
  try {
    return methods.hasAudio(args);
  } catch {
    return true;
  }
}

/** An adapter that can't answer keeps the model's memory reserved, and its calls are counted all the same. */
function isInference<C>(key: PropertyKey, methods: ModelMethods<C>): boolean {
  try {
    return typeof key === 'string' && methods.isInference(key);
  } catch {
    return false;
  }
}

function isGone(handle: object): boolean {
  return handles.get(unwrap(handle))?.held.life.gone === true;
}

/** What the raw model lacks: what was chosen for it, and a way to be used with `await using`. */
function listExtra(
  raw: object,
  held: HeldModel,
  models: LoadedModels,
  successor: EvictedModel,
): ReadonlyMap<PropertyKey, unknown> {
  const { quantization, shape, disposers } = held.facts;
  const extra = new Map<PropertyKey, unknown>();
  for (const [key, value] of Object.entries({ quantization, ...shape })) {
    if (value !== undefined && !(key in raw)) extra.set(key, value);
  }
  const disposer = findDisposerName(raw, disposers);
  if (disposer !== undefined && !(Symbol.asyncDispose in raw)) {
    const end = (model: object) => (model as AnyModel)[disposer]?.();
    extra.set(Symbol.asyncDispose, async () => disposeModel(held, successor, models, end, () => end(raw)));
  }
  return extra;
}
