/** Which growth of this process counts as what a load took. It reads nothing until it is asked. */
import type { ModelMemory } from '../core/types.ts';
import type { Candidate } from '../policy/choose-candidate.ts';

/**
 * What native code has taken. Where nobody tells a model's files, also what JavaScript holds outside of its heap, if the adapter says that
 * models live there, or if what is seen is all that is known: a model of which only its native part was seen would be let in too easily.
 */
export function selectGrowth(
  readNativeBytes: () => number | undefined,
  candidate: Candidate,
  modelsLiveIn: ModelMemory | undefined,
): () => number | undefined {
  const inJavaScript = modelsLiveIn === 'javascript' || isKnownByLoadsAlone(candidate);
  if (candidate.predicted !== undefined || !inJavaScript) return readNativeBytes;
  return () => {
    const bytes = readNativeBytes();
    return bytes === undefined ? undefined : bytes + process.memoryUsage().external;
  };
}

function isKnownByLoadsAlone({ need, outgrownNeed }: Candidate): boolean {
  return need.basis === 'unknown' || (need.basis === 'measured' && outgrownNeed === undefined);
}
