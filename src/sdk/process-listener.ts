/** How whoever stands before `NexaSDK.loadModel` hears of the process that a model will live in: an option that no program writes. */
import type { ModelProcess } from '../core/model-process.ts';

export type ProcessListener = (process: ModelProcess) => void | Promise<void>;

const LISTENER: unique symbol = Symbol('hears of the process of the model');

interface HeardOptions {
  readonly [LISTENER]?: ProcessListener;
}

/** The arguments of `loadModel` with a listener. The given ones are not changed. */
export function withProcessListener(args: readonly unknown[], listener: ProcessListener): readonly unknown[] {
  const [name, options, ...rest] = args;
  const given = Object(options ?? {}) as object;
  const copy = Object.create(Object.getPrototypeOf(given), Object.getOwnPropertyDescriptors(given)) as object;
  return [name, Object.defineProperty(copy, LISTENER, { value: listener }), ...rest];
}

/** The listener that stands in these options. */
export function findProcessListener(options: unknown): ProcessListener | undefined {
  return (Object(options) as HeardOptions)[LISTENER];
}
