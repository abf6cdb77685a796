/** The guard that a plan asks: of the SDK, of its model files without a runtime, or of a known model's published shape. It plans nothing itself. */

import { readModelFormat, tellFormat } from '../../core/model-format.ts';
import {
  type GuardOptions,
  type MemoryGuard,
  MemoryGuardError,
  NexaSDK,
  type PlanOptions,
  withMemoryGuard,
} from '../../index.ts';
import { openQueryGuard } from '../query-guard.ts';

export interface Planner {
  readonly guard: MemoryGuard;
  close(): Promise<void>;
}

/**
 * Planning needs no runtime. If there is one, what its loads took before counts in the plan. A known model whose files are
 * not there is planned by its published shape, unless the caller says in which folder they are. `asked` is what will be planned.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_MODEL` or `ERR_MODEL_FILE` if neither files nor a shape tell of the model, `ERR_SENSOR` if memory can't
 * be read.
 */
export async function openPlanner(
  model: string,
  modelsDir: string | undefined,
  options: GuardOptions,
  asked: PlanOptions = {},
): Promise<Planner> {
  const planner = isFileOfItsOwn(model)
    ? openOtherEnginePlanner(model, options)
    : await openFilePlanner(modelsDir, options);
  try {
    await planner.guard.plan(model, asked);
    return planner;
  } catch (error) {
    await planner.close();
    if (!hasCode(error, 'ERR_UNKNOWN_MODEL') || modelsDir !== undefined) throw error;
    return await openShapePlanner(model, options, asked, error);
  }
}

/** Stands in a runtime's place if none is installed. */
export const NO_RUNTIME = {
  name: 'llama',
  version: 'none',
  load: () => Promise.reject(new Error('nothing is loaded for a plan')),
  close: async () => {},
} as const;

async function openFilePlanner(modelsDir: string | undefined, options: GuardOptions): Promise<Planner> {
  const sdk = await NexaSDK.initialize(modelsDir === undefined ? {} : { modelsDir }).catch((error: unknown) => {
    if (hasCode(error, 'ERR_RUNTIME_NOT_FOUND')) return new NexaSDK(NO_RUNTIME, modelsDir);
    throw error;
  });
  const { guard } = withMemoryGuard(sdk, options);
  return {
    guard,
    async close() {
      guard.close();
      await sdk.dispose();
    },
  };
}

/** A file that no runtime of NexaSDK loads, and other engines do. */
function isFileOfItsOwn(model: string): boolean {
  return readModelFormat(model) !== 'gguf';
}

/** It has no process of its own then, and no smaller files beside it are looked for. */
function openOtherEnginePlanner(modelPath: string, options: GuardOptions): Planner {
  const { guard } = openQueryGuard({
    ...options,
    adapter: { listOffers: async () => [{ modelPath, ...tellFormat(modelPath) }] },
  });
  return { guard, close: async () => guard.close() };
}

/** Whatever loads the model later can be told a context, as NexaSDK can. */
export const TOLD_SHAPES = { withShape: (args: readonly unknown[]) => args };

async function openShapePlanner(
  model: string,
  options: GuardOptions,
  asked: PlanOptions,
  missing: unknown,
): Promise<Planner> {
  const { guard } = openQueryGuard({ ...options, adapter: TOLD_SHAPES });
  try {
    await guard.plan(model, asked);
  } catch (error) {
    guard.close();
    // Any other error is about the machine, and not about what was asked for.
    throw hasCode(error, 'ERR_UNKNOWN_MODEL') ? missing : error;
  }
  return { guard, close: async () => guard.close() };
}

function hasCode(error: unknown, code: MemoryGuardError['code']): boolean {
  return error instanceof MemoryGuardError && error.code === code;
}
