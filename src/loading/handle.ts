/** The guarded handle of one loaded model: its disposers unregister it, its calls are counted, its loss is noticed. */

import { type Takeover, wrapObject } from '../wrap.ts';
import { followResult } from './calls.ts';
import { DISPOSERS, type Held, type Models } from './models.ts';

/** Calls that run the model: the first that completes has touched what the model needs. */
const INFERENCE = /^(generate|complet|chat|prompt|infer|transcri|respond|predict|run|ask)/i;

/** Guarded handles by the raw model, so that a model returned twice is one model. */
const handles = new WeakMap<object, { readonly held: Held; readonly handle: WeakRef<object> }>();

const collected = new FinalizationRegistry<{ readonly models: Models; readonly held: Held }>(({ models, held }) => {
  // The model may have been returned again before this was told, and then has another handle.
  const now = handles.get(Object(held.raw));
  if (now?.held !== held || !now.handle.deref()) models.lost(held);
});

/** The handle that stands for this model already. */
export function knownHandle(raw: object, models: Models): object | undefined {
  const known = handles.get(raw);
  if (!known || !models.has(known.held)) return undefined;
  known.held.orphaned = false;
  return known.handle.deref() ?? guardModel(raw, known.held, models);
}

/** Wraps a loaded model. Nothing that outlives the handle leads back to it, or its loss would never be noticed. */
export function guardModel(raw: object, held: Held, models: Models): object {
  const dispose: Takeover = (invoke, args) => models.dispose(held, () => invoke(args));

  const call =
    (settles: boolean): Takeover =>
    (invoke, args) => {
      const takeBackAudio: (() => void)[] = []; // one call's stream can be read twice
      return followResult(invoke(args), {
        begin() {
          models.beginCall(held);
          if (args.some(hasAudio)) takeBackAudio.push(models.reserveAudio(held));
        },
        end(completed) {
          takeBackAudio.pop()?.();
          models.endCall(held, completed && settles);
        },
      });
    };

  const [inference, other] = [call(true), call(false)];
  const handle = wrapObject(raw, {
    extra: extraOf(raw, held, models),
    takeover: (key) =>
      DISPOSERS.includes(key) ? dispose : typeof key === 'string' && INFERENCE.test(key) ? inference : other,
  });
  handles.set(raw, { held, handle: new WeakRef(handle) });
  collected.register(handle, { models, held });
  return handle;
}

/** What the raw model lacks: the quantization that was chosen, and a way to be used with `await using`. */
function extraOf(raw: object, held: Held, models: Models): ReadonlyMap<PropertyKey, unknown> {
  const extra = new Map<PropertyKey, unknown>();
  if (held.quantization !== undefined && !('quantization' in raw)) extra.set('quantization', held.quantization);
  const disposer = DISPOSERS.find((key) => typeof (raw as Record<PropertyKey, unknown>)[key] === 'function');
  if (disposer !== undefined && !(Symbol.asyncDispose in raw)) {
    const run = () => (raw as Record<PropertyKey, () => unknown>)[disposer]?.();
    extra.set(Symbol.asyncDispose, async () => models.dispose(held, run));
  }
  return extra;
}

function hasAudio(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'audio' in options && options.audio != null;
}
