/** The guarded handle of one loaded model: its disposers unregister it, its calls are counted, its loss is noticed. */
import type { QuantizationName } from '../core/quantizations.ts';
import type { KvCacheType } from '../core/types.ts';
import { type Invoke, type Takeover, unwrap, wrapObject } from '../core/wrap-object.ts';
import { EvictedModel } from './evicted-model.ts';
import { findDisposerName, type HeldModel } from './held-model.ts';
import type { LoadedModels } from './loaded-models.ts';
import { answersAtOnce, isHeldBack, type ModelCallParts, trackModelCall, wrapPart } from './model-calls.ts';

/** What a guarded model has besides its own properties, unless it has one of that name itself. */
export interface GuardedModelChoice {
  /** The quantization that was chosen. `undefined` for a model without a ladder. */
  readonly quantization?: QuantizationName;
  /** Tokens of context, if the guard chose them. */
  readonly contextSize?: number;
  /** The type of the KV cache, if the guard chose it. */
  readonly kvCacheType?: KvCacheType;
  /**
   * Resolves once the model is loaded: loads it again if the guard has unloaded it and `reload` is on. What answers at once, such as a
   * tokenizer, can be called then.
   *
   * @throws MemoryGuardError `ERR_MODEL_EVICTED` without `reload`, `ERR_RUNTIME` if it is disposed, and what loading it throws.
   */
  ready(): Promise<void>;
  /** Disposes the model at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a handle needs besides its model. */
export interface ModelHandleParts<C> extends ModelCallParts<C> {
  /** Makes a context of this model as a load of its own. `again` makes another one by the model's handle. */
  readonly makeContext: (
    owner: HeldModel,
    invoke: Invoke,
    args: readonly unknown[],
    context: C,
    again: (args: readonly unknown[]) => unknown,
  ) => Promise<unknown>;
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
    const run = chooseRun(key);
    return (invoke, args) => {
      const enter = (): unknown => {
        if (!isHeldBack(key, held, methods)) return run(invoke, args);
        return answersAtOnce(key, held, methods) ? successor.callAtOnce(key, args) : successor.call(key, args, enter);
      };
      return enter();
    };
  }

  function chooseRun(key: PropertyKey): Takeover {
    if (methods.partMethods?.includes(key)) return (invoke, args) => wrapPart(invoke(args), held, parts);
    const context = methods.adaptContext?.(raw, key, facts.files);
    if (!context) return trackModelCall(key, { held, successor, own }, parts);
    return (invoke, args) => makeContext(held, invoke, args, context, callAgain(handles.get(raw)?.handle.deref(), key));
  }

  // A call of the model itself, such as a pipeline, is one as well.
  const takeCalls: Takeover = (invoke, args) => takeover('')!(invoke, args);
  const handle = wrapObject(raw, {
    extra: listExtra(raw, held, models, successor),
    takeover,
    successor: () => (held.life.evicted ? successor.successor : undefined),
    explain: (key, error) =>
      held.life.evicted ? successor.explain(`\`${String(key)}\` can't be read`, { cause: error }) : error,
    ...(typeof raw === 'function' && { call: takeCalls }),
  });
  handles.set(raw, { held, successor: new WeakRef(successor), handle: new WeakRef(handle) });
  // What other objects lead to is lost only when the model itself can't be reached.
  collected.register(methods.onEnd ? raw : handle, { models, held });
  return handle;
}

/** Apart, so that only who may call the handle keeps it. */
function callAgain(handle: object | undefined, key: PropertyKey): (args: readonly unknown[]) => unknown {
  return (args) => (handle as AnyModel | undefined)?.[key]?.(...args);
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
  const { quantization, shape, methods } = held.facts;
  const extra = new Map<PropertyKey, unknown>();
  for (const [key, value] of Object.entries({ quantization, ...shape })) {
    if (value !== undefined && !(key in raw)) extra.set(key, value);
  }
  if (!('ready' in raw)) extra.set('ready', () => successor.ready());
  // A way to end it that was given goes before its own, since more may be to be done.
  const disposer = methods.end ? 'dispose' : findDisposerName(raw, methods.disposers);
  if (disposer === undefined) return extra;
  const call = (model: object) => (model as AnyModel)[disposer]?.();
  const end = () => (methods.end ? methods.end(raw) : call(raw));
  const dispose = async () => disposeModel(held, successor, models, call, end);
  if (methods.end) extra.set('dispose', dispose);
  if (methods.end || !(Symbol.asyncDispose in raw)) extra.set(Symbol.asyncDispose, dispose);
  return extra;
}
