/** Which steps of the ladder one load may take, by what was asked, what is there and the floor. It knows no sizes. */
import type { ModelOffer } from '../adapters/adapter.ts';
import { invalidOption, MemoryGuardError } from '../core/errors.ts';
import { checkLadderStep, isBelow, LADDER, type LadderStep } from '../core/quantizations.ts';

/** What decides how far down a load may go. */
export interface LadderLimits {
  /** The load's own, which must not contradict what it asks for. */
  readonly ownFloor: LadderStep | undefined;
  /** The guard's. */
  readonly floor: LadderStep;
}

/** A load by its model's name and the quantization that it asks for. */
interface AskedModel {
  readonly name: string;
  readonly quantization?: unknown;
}

/** The offers that the load may take, before their headers are read. Offers without a quantization are no matter of the ladder. */
export function selectOffers<O extends ModelOffer>(
  offers: readonly O[],
  model: AskedModel,
  limits: LadderLimits,
): readonly O[] {
  const lying = LADDER.filter((step) => offers.some(({ quantization }) => quantization === step));
  if (lying.length === 0) return offers;
  const allowed = listAllowedSteps(lying, model, limits);
  return offers.filter(
    ({ quantization }) => quantization === undefined || allowed.includes(quantization as LadderStep),
  );
}

/**
 * Of the steps that are there, in their order: the asked one and those below it down to the floor, or without an asked one all down
 * to the floor. A file that is asked for by name or path is loaded wherever the guard's floor is: asking for it lowers the floor for
 * that load, and only as far as that file.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_QUANTIZATION`; `ERR_INVALID_OPTION` if the load's own floor lies above what it asks for;
 * `ERR_MODEL_FILE` if nothing was asked for and everything lies below the floor.
 */
export function listAllowedSteps(
  lying: readonly LadderStep[],
  model: AskedModel,
  { ownFloor, floor }: LadderLimits,
): readonly LadderStep[] {
  const lowest = ownFloor ?? floor;
  const reachable = lying.filter((step) => !isBelow(step, lowest));
  if (model.quantization === undefined) {
    if (reachable.length === 0) throw belowFloor(model.name, lowest, lying);
    return reachable;
  }
  const asked = checkLadderStep(model.quantization, 'quantization');
  if (ownFloor !== undefined && isBelow(asked, ownFloor)) {
    throw invalidOption('memoryGuard.floor', `${asked}, which was asked for, or a type below it`, ownFloor);
  }
  return [asked, ...reachable.filter((step) => isBelow(step, asked))];
}

/** Whether a load can do without the offer: it is a step below the one that was asked for. */
export function isBelowAsked({ quantization }: ModelOffer, asked: AskedModel): boolean {
  return quantization !== undefined && asked.quantization !== undefined && quantization !== asked.quantization;
}

/** A type was asked for that no file has, and whose need the documented table doesn't know either. */
export function missingStep(name: string, asked: LadderStep, lying: readonly LadderStep[]): MemoryGuardError {
  const message = `Expected a file of ${name} in ${asked}, found only ${listSteps(lying)}.`;
  return new MemoryGuardError('ERR_MODEL_FILE', message);
}

function belowFloor(name: string, floor: LadderStep, lying: readonly LadderStep[]): MemoryGuardError {
  const message =
    `Found ${name} only in ${listSteps(lying)}, below the floor ${floor}; ` +
    `set \`floor\` to '${lying[0]}' or below, or ask for one of them by \`quantization\`.`;
  return new MemoryGuardError('ERR_MODEL_FILE', message);
}

/** "Q3_K_M, IQ3_S and Q2_K" */
function listSteps(steps: readonly LadderStep[]): string {
  return steps.join(', ').replace(/, ([^,]*)$/, ' and $1');
}
