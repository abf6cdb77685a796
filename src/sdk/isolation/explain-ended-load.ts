/** Why a load failed whose process ended over it: engines end their process over files that they can't load, and print why before. */
import type { MemoryGuardError } from '../../core/errors.ts';
import { type EngineFailure, explainEngineFailure } from '../engine-failure.ts';
import type { RuntimeLoad } from '../runtime.ts';
import type { EngineProcess } from './engine-process.ts';

/** Signals by which an engine ends its own process. Any other one came from outside. */
const OWN_SIGNALS: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP'];

/** The same error, unless the engine has ended its own process and said why. */
export async function explainEndedLoad(
  error: unknown,
  { modelPath, projectorPath }: Pick<RuntimeLoad, 'modelPath' | 'projectorPath'>,
  process: Pick<EngineProcess, 'end' | 'takeErrors'>,
): Promise<unknown> {
  const { end } = process;
  if ((error as MemoryGuardError).code !== 'ERR_MODEL_KILLED' || !end || end.hung) return error;
  if (end.signal !== undefined && !OWN_SIGNALS.includes(end.signal)) return error;
  const lines = await process.takeErrors();
  if (lines.length === 0) return error;
  const files = [modelPath, ...(projectorPath === undefined ? [] : [projectorPath])].map((path) =>
    JSON.stringify(path),
  );
  const failure: EngineFailure = {
    what: `could not load the model ${files.join(' with the projector ')}`,
    reason: `it ended its process`,
    atFile: true,
  };
  return explainEngineFailure(failure, lines, error);
}
