/** What the life of a loaded model must know of the SDK that it comes from. It knows no SDK. */
import type { CallInput } from '../core/call-input.ts';

import type { LoadParts } from '../core/types.ts';

/** How models of an SDK are ended, and what they do that no call shows. */
export interface LifeMethods {
  /** Methods that end a model, in the order in which one is chosen for a handle that was lost. */
  readonly disposers: readonly PropertyKey[];
  /** Ends a model, if that is done by none of its own methods, or if more is to be done than they do. */
  end?(model: unknown): unknown;
  /** How long a model may be idle. Absent if the guard says that. */
  readonly keepAliveMs?: number;
  /** Whether a disposal is handed on only once the model's calls are done. */
  readonly endsAfterCalls?: boolean;
  /** Whether a model works on what its handle doesn't see. */
  isBusy?(model: unknown): boolean;
  /** Whether the last call on a model, or on one of its parts, touched all that it ever will. */
  hasFilledMicroBatch?(model: unknown): boolean;
}

/** The same with the methods that are called on a model. `C` is how a method that makes a context is read. */
export interface ModelMethods<C> extends LifeMethods {
  /** Methods whose results work in the model's memory. */
  readonly partMethods?: readonly PropertyKey[];
  /** Methods that answer at once. What has answered at once before counts as one too. */
  readonly synchronousMethods?: readonly PropertyKey[];
  /** Whether a method runs the model: the first such call that completes has touched what the model needs. */
  isInference(method: string): boolean;
  /** Whether a call with these arguments processes audio. */
  hasAudio(args: readonly unknown[]): boolean;
  /** How many bytes such a call takes at most while it runs. Absent if that is what is documented. */
  countCallAudio?(model: unknown, args: readonly unknown[], predicted?: LoadParts): number;
  /** How large the inputs of a call are, if what it takes depends on that. */
  measureCall?(model: unknown, method: string, args: readonly unknown[]): CallInput | undefined;
  /** How a method is read that makes something with memory of its own. `undefined` for every other method. */
  adaptContext?(model: unknown, method: PropertyKey, files: readonly string[]): C | undefined;
  /** Calls `tell` when the SDK ends the model, whoever asked for that. */
  onEnd?(model: unknown, tell: () => void): void;
}
