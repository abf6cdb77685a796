/** The calls on one loaded model and on its parts: counted, held back while the model ends, with what audio takes reserved. */
import type { CallInput } from '../core/call-input.ts';
import { type Invoke, type Takeover, wrapObject } from '../core/wrap-object.ts';
import type { EvictedModel } from './evicted-model.ts';
import type { HeldModel } from './held-model.ts';
import type { LoadedModels } from './loaded-models.ts';
import type { ModelMethods } from './model-methods.ts';
import { answersLater, type CallStandIn, type CallWatch, trackCall } from './track-call.ts';

/** What calls are counted with, and read by. */
export interface ModelCallParts<C> {
  readonly models: LoadedModels;
  readonly methods: ModelMethods<C>;
}

/** What stands behind one handle. */
export interface HandleFacts {
  readonly held: HeldModel;
  readonly successor: EvictedModel;
  readonly own: CallStandIn['own'];
}

/** A call on the model itself: counted, and with what audio takes reserved while it runs. */
export function trackModelCall<C>(
  key: PropertyKey,
  { held, successor, own }: HandleFacts,
  { models, methods }: ModelCallParts<C>,
): Takeover {
  const inference = isInference(key, methods);
  return (invoke, args) => {
    // Asked before the engine is: what throws here must neither lose a call that runs nor leave one counted.
    const audio = mayHaveAudio(args, methods) ? countAudio(held, args, methods) : undefined;
    const watch = watchModelCall(models, held, inference, audio);
    const input = measureCall(key, held.raw, args, methods);
    const result = callNow(input ? runSized(models, held, input, invoke) : invoke, args, watch);
    if (args.includes(result)) return result; // `pipe` gives back what it was given
    if (result !== undefined && !answersLater(result)) held.answeredAtOnce.add(key);
    // What these capture lives as long as the call: nothing of it leads to the handle.
    const standIn: CallStandIn = {
      own,
      instead(stream) {
        const stay = () => trackCall(stream, watch, standIn);
        return isHeldBack(key, held, methods) ? successor.callLater(key, args, stay) : undefined;
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

/** Apart, since `invoke` leads to the handle, and what stands beside it there would too. */
function runSized(models: LoadedModels, held: HeldModel, input: CallInput, invoke: Invoke): Invoke {
  return (args) => models.runSized(held, input, () => invoke(args));
}

/** Apart, since what it captures lives as long as a stream that was dropped is waited for. */
function watchModelCall(
  models: LoadedModels,
  held: HeldModel,
  inference: boolean,
  audioBytes: number | undefined,
): CallWatch {
  const takeBackAudio: (() => void)[] = []; // one call's stream can be read twice
  return {
    done: () => models.touch(held),
    begin() {
      models.beginCall(held);
      if (audioBytes !== undefined) takeBackAudio.push(models.reserveAudio(held, audioBytes));
    },
    end(completed) {
      takeBackAudio.pop()?.();
      models.endCall(held, completed && inference);
    },
  };
}

/** Something that works in the memory of a loaded model: its calls are that model's, its disposal is its own affair. */
export function wrapPart<C>(part: unknown, held: HeldModel, { models, methods }: ModelCallParts<C>): unknown {
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

/** Nothing beside what is documented if the adapter can't say. */
function countAudio<C>({ raw, facts }: HeldModel, args: readonly unknown[], methods: ModelMethods<C>): number {
  try {
    const bytes = methods.countCallAudio?.(raw, args, facts.predicted);
    return Number.isSafeInteger(bytes) ? bytes! : 0;
  } catch {
    return 0;
  }
}

/** Calls that nobody can measure run as all others do: the engine finds out by itself. */
function measureCall<C>(
  key: PropertyKey,
  model: unknown,
  args: readonly unknown[],
  methods: ModelMethods<C>,
): CallInput | undefined {
  try {
    return typeof key === 'string' ? methods.measureCall?.(model, key, args) : undefined;
  } catch {
    return undefined;
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

/** Whether a method never gives a promise of its answer. */
export function answersAtOnce<C>(key: PropertyKey, held: HeldModel, methods: ModelMethods<C>): boolean {
  const { partMethods = [], synchronousMethods = [] } = methods;
  return partMethods.includes(key) || synchronousMethods.includes(key) || held.answeredAtOnce.has(key);
}

/**
 * Nothing is called on a model that the guard ends, or has ended. While its user ends it a call waits for that, since engines crash over
 * calls on what they free; one that may stop what still runs goes through.
 */
export function isHeldBack<C>(
  key: PropertyKey,
  { life, end, callsInFlight }: HeldModel,
  methods: ModelMethods<C>,
): boolean {
  return life.evicted || (end !== undefined && (callsInFlight === 0 || isInference(key, methods)));
}
