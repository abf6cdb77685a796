/** The guarded handle of one loaded model: its disposers unregister it, its calls are counted, its loss is noticed. */

import type { Adapter } from '../adapters/adapter.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { type Invoke, type Takeover, unwrap, wrapObject } from '../core/wrap-object.ts';
import { DISPOSERS, type HeldModel } from './loaded-model.ts';
import type { LoadedModels } from './loaded-models.ts';
import { trackCall } from './track-call.ts';

/** Calls that run the model: the first that completes has touched what the model needs. */
const INFERENCE =
  /^(generate|complet|chat|prompt|infer|transcri|respond|predict|run|ask|evaluate|controlledEval|embed|getEmbed|rank|rerank)/i;

/** Guarded handles by the raw model, so that a model returned twice is one model. */
const handles = new WeakMap<object, { readonly held: HeldModel; readonly handle: WeakRef<object> }>();

/** What a handle needs besides its model. */
export interface HandleParts {
  readonly models: LoadedModels;
  readonly adapter: Adapter;
  /** Makes a context of this model as a load of its own. */
  readonly makeContext: (
    owner: HeldModel,
    invoke: Invoke,
    args: readonly unknown[],
    adapter: Adapter,
  ) => Promise<unknown>;
}

const collected = new FinalizationRegistry<{ readonly models: LoadedModels; readonly held: HeldModel }>(
  ({ models, held }) => {
    // The model may have been returned again before this was told, and then has another handle.
    const now = handles.get(Object(held.raw));
    if (now?.held !== held || !now.handle.deref()) models.lost(held);
  },
);

/** The handle that stands for this model already. */
export function findHandle(raw: object, parts: HandleParts): object | undefined {
  const { models } = parts;
  const known = handles.get(raw);
  if (!known || !models.has(known.held)) return undefined;
  known.held.orphaned = false;
  return known.handle.deref() ?? wrapModel(raw, known.held, parts);
}

/** Wraps a loaded model. Nothing that outlives the handle leads back to it, or its loss would never be noticed. */
export function wrapModel(raw: object, held: HeldModel, { models, adapter, makeContext }: HandleParts): object {
  const successor = new Successor(held);

  const dispose =
    (key: PropertyKey): Takeover =>
    (invoke, args) =>
      held.evicted ? successor.dispose(key, args) : models.dispose(held, () => invoke(args));

  const call =
    (key: PropertyKey): Takeover =>
    (invoke, args) => {
      if (held.evicted) return successor.call(key, args);
      const takeBackAudio: (() => void)[] = []; // one call's stream can be read twice
      return trackCall(invoke(args), {
        begin() {
          models.beginCall(held);
          if (args.some(hasAudio)) takeBackAudio.push(models.reserveAudio(held));
        },
        end(completed) {
          takeBackAudio.pop()?.();
          models.endCall(held, completed && isInference(key));
        },
      });
    };

  const handle = wrapObject(raw, {
    extra: extraOf(raw, held, models, successor),
    takeover(key) {
      if (DISPOSERS.includes(key)) return dispose(key);
      if (adapter.partMethods?.includes(key)) return (invoke, args) => guardPart(invoke(args), held, models);
      const context = adapter.adaptContext?.(raw, key, held.files);
      if (!context) return call(key);
      return (invoke, args) => (held.evicted ? successor.call(key, args) : makeContext(held, invoke, args, context));
    },
  });
  handles.set(raw, { held, handle: new WeakRef(handle) });
  // What other objects lead to is lost only when the model itself can't be reached.
  collected.register(adapter.onEnd ? raw : handle, { models, held });
  return handle;
}

/** Something that works in the memory of a loaded model: its calls are that model's, its disposal is its own affair. */
function guardPart(part: unknown, held: HeldModel, models: LoadedModels): unknown {
  if (typeof part !== 'object' || part === null) return part;
  return wrapObject(part, {
    takeover: (key) => (invoke, args) =>
      trackCall(invoke(args), {
        begin: () => models.beginCall(held),
        gave: () => (isInference(key) ? models.computed(held, part) : undefined),
        end: (completed) => models.endCall(held, completed && isInference(key), part),
      }),
  });
}

function isInference(key: PropertyKey): boolean {
  return typeof key === 'string' && INFERENCE.test(key);
}

type AnyModel = Record<PropertyKey, (...args: readonly unknown[]) => unknown>;

/** What an evicted model's handle does instead: the same model, loaded again where the user chose that. */
class Successor {
  readonly #held: HeldModel;
  #handle: Promise<object> | undefined;

  constructor(held: HeldModel) {
    this.#held = held;
  }

  /** A promise that can be read as a stream as well: what the call would have returned is known only once it has run. */
  call(key: PropertyKey, args: readonly unknown[]): unknown {
    const { reload, name } = this.#held;
    if (!reload) {
      throw new MemoryGuardError(
        'ERR_MODEL_EVICTED',
        `${name} was unloaded to make room or since it was idle: load it again, pin it (\`memoryGuard: { pin: true }\`), or use \`reload: true\`.`,
      );
    }
    const result = this.#loaded(reload).then((handle) => (handle as AnyModel)[key]?.(...args));
    return Object.assign(result, {
      async *[Symbol.asyncIterator]() {
        yield* (await result) as AsyncIterable<unknown>;
      },
    });
  }

  /** Nothing is left to dispose, unless it was loaded again. */
  dispose(key: PropertyKey, args: readonly unknown[]): unknown {
    return this.#handle?.then((handle) => (handle as AnyModel)[key]?.(...args));
  }

  /** Calls that come at once share one load; one that failed is tried again by the next call. */
  #loaded(reload: () => Promise<unknown>): Promise<object> {
    if (this.#handle) return this.#handle.then((handle) => (isEvicted(handle) ? this.#again(reload) : handle));
    return this.#again(reload);
  }

  #again(reload: () => Promise<unknown>): Promise<object> {
    const handle = reload() as Promise<object>;
    this.#handle = handle;
    handle.catch(() => {
      if (this.#handle === handle) this.#handle = undefined;
    });
    return handle;
  }
}

function isEvicted(handle: object): boolean {
  return handles.get(unwrap(handle))?.held.evicted === true;
}

/** What the raw model lacks: what was chosen for it, and a way to be used with `await using`. */
function extraOf(
  raw: object,
  held: HeldModel,
  models: LoadedModels,
  successor: Successor,
): ReadonlyMap<PropertyKey, unknown> {
  const extra = new Map<PropertyKey, unknown>();
  const chosen = { quantization: held.quantization, ...held.shape };
  for (const [key, value] of Object.entries(chosen)) if (value !== undefined && !(key in raw)) extra.set(key, value);
  const disposer = DISPOSERS.find((key) => typeof (raw as Record<PropertyKey, unknown>)[key] === 'function');
  if (disposer !== undefined && !(Symbol.asyncDispose in raw)) {
    const run = () => (raw as Record<PropertyKey, () => unknown>)[disposer]?.();
    extra.set(Symbol.asyncDispose, async () =>
      held.evicted ? successor.dispose(disposer, []) : models.dispose(held, run),
    );
  }
  return extra;
}

/** As `audio`, or somewhere in the parts of `messages`. */
function hasAudio(options: unknown): boolean {
  const { audio, messages } = Object(options) as { audio?: unknown; messages?: unknown };
  if (audio != null) return true;
  return listOf(messages).some((message) =>
    listOf(Object(message).content).some((part) => Object(part).type === 'audio'),
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
