/**
 * What was seen of loads whose files nobody tells, found by the name of the SDK, the model, its quantization and its shape; and what that
 * says of the next one. It opens no file of a model.
 */
import type { LoadRequest } from '../adapters/adapter.ts';
import { withoutPrototype } from '../core/copy-options.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { Observation } from '../footprint/apply-observations.ts';
import { createNamedKey } from '../footprint/calibration-key.ts';
import type { CalibrationStore } from '../footprint/calibration-store.ts';
import { measureNeed, NOISE_BYTES, raiseNeed } from '../footprint/raise-need.ts';
import type { Candidate } from '../policy/choose-candidate.ts';

/** What was seen of loads of one kind, and under which key they are kept. */
export interface LearnedLoads {
  readonly key: string;
  readonly observations: readonly Observation[];
}

/** Finds the loads in this quantization and shape. `undefined` if they can't be told from others. */
export type FindLearned = (quantization: unknown, shape: object) => LearnedLoads | undefined;

/** Reads what is kept of a model by its name. `undefined` if nothing is kept, or the SDK has no name that says which it is. */
export async function readLearnedLoads(
  calibration: CalibrationStore | undefined,
  sdk: string | undefined,
  model: string,
): Promise<FindLearned | undefined> {
  if (!calibration || sdk === undefined) return undefined;
  const observations = await calibration.readObservations();
  return (quantization, shape) => {
    const key = createNamedKey({ sdk, model, quantization, shape });
    return key === undefined ? undefined : { key, observations: observations(key) };
  };
}

interface LearnedParts {
  readonly findLearned?: FindLearned | undefined;
  /** What a process of its own takes beside the model; 0 if it gets none. */
  readonly processBytes: number;
}

/** A candidate whose need the caller gave, or the documented table has. What was seen counts if it was more. */
export function raiseCandidate(candidate: Candidate, request: LoadRequest, parts: LearnedParts): Candidate {
  const learned = findLearned(candidate, request, parts);
  if (!learned) return withoutPrototype(candidate);
  const need = raiseNeed(candidate.need, learned.observations);
  const raised = need === candidate.need ? {} : { need: addProcess(need, parts), outgrownNeed: candidate.need };
  return withoutPrototype({ ...candidate, ...raised, calibrationKey: learned.key });
}

/**
 * A candidate whose need nobody knows, with what was seen of it. `undefined` if nothing was and it is not admitted all the same. If it is not
 * admitted unknown, then only loads count that were seen until a call had completed: before that a model may have taken next to nothing. One
 * of which no more than noise was seen lives elsewhere, for example in another process.
 */
export function measureCandidate(
  unknown: Candidate,
  request: LoadRequest,
  parts: LearnedParts & { readonly admits: boolean },
): Candidate | undefined {
  const learned = findLearned(unknown, request, parts);
  const called = learned?.observations.some(({ anonymousAfterCallBytes }) => anonymousAfterCallBytes !== undefined);
  const seen = learned && (called || parts.admits) ? measureNeed(learned.observations) : undefined;
  const need = seen && neededBytes(seen) > NOISE_BYTES ? seen : undefined;
  if (!need && !parts.admits) return undefined;
  return withoutPrototype({
    ...unknown,
    ...(need && { need: addProcess(need, parts) }),
    ...(learned && { calibrationKey: learned.key }),
  });
}

function findLearned({ quantization }: Candidate, request: LoadRequest, parts: LearnedParts): LearnedLoads | undefined {
  return parts.findLearned?.(quantization ?? request.quantization, request.shape ?? {});
}

function addProcess(need: Candidate['need'], { processBytes }: LearnedParts): Candidate['need'] {
  return Object.freeze({ ...need, anonymousBytes: need.anonymousBytes + processBytes });
}
