/** What one load asks of the gate: its candidates in order of quality, each with its need. It reads no memory. */

import type { LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { withoutPrototype } from '../core/copy-options.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { isKnownModel } from '../core/known-models.ts';
import {
  checkQuantization,
  findStepByFileType,
  isBelow,
  isQuantization,
  LADDER,
  type LadderStep,
  QUANTIZATIONS,
  type QuantizationName,
} from '../core/quantizations.ts';
import type { LoadNeed, Quantization } from '../core/types.ts';
import { createTableNeed, getRequirements, type ModelRequirements } from '../footprint/documented-requirements.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import type { AdmissionRequest } from '../policy/decision.ts';
import { largestMinFree, MIN_FREE_BY_TOTAL, type MinFree } from '../policy/reserves.ts';
import { type CandidateReserves, type EstimatedOffer, estimateCandidates } from './estimate-candidates.ts';
import { listAllowedSteps, missingStep } from './ladder-range.ts';
import { type FindLearned, measureCandidate, raiseCandidate } from './learned-loads.ts';
import type { LoadChoices } from './load-guard-options.ts';
import type { LoadSettings } from './load-settings.ts';

/** An offer that no file tells of: its need was given, or may have been seen. */
export interface ToldOffer extends ModelOffer {
  readonly estimator?: undefined;
  readonly need?: LoadNeed;
}

export interface ListCandidatesParts {
  readonly settings: Pick<LoadSettings, 'downgrade' | 'floor' | 'minFreeBytes' | 'unknownModels'>;
  /** What may be loaded; nothing if that is not known. */
  readonly offers: readonly (EstimatedOffer | ToldOffer)[];
  /** Their quantizations are names of their own. */
  readonly ownLadder?: boolean;
  /** How the caller tells what a model takes. */
  readonly footprintOption?: string;
  /** What was seen of loads whose files nobody tells. Absent if nothing is kept. */
  readonly findLearned?: FindLearned | undefined;
  /** If none was asked for: the quantization with which a known model begins. */
  readonly recommend: () => Quantization;
  /** What the models that are loaded already ask to keep free. */
  readonly heldMinFree: MinFree;
  /** What a process of its own takes beside the model; 0 if it gets none. */
  readonly processBytes: number;
}

/** Nobody knows what it needs, and the user chose to admit it. */
const UNKNOWN_NEED: LoadNeed = Object.freeze(
  withoutPrototype<LoadNeed>({ mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' }),
);

/** For a request that is only observed, since it was not understood: nothing is reserved for it. */
export function requestUnjudged(model: string): AdmissionRequest {
  return { model, candidates: [{ need: UNKNOWN_NEED, ...MIN_FREE_BY_TOTAL }], downgrade: false };
}

/** Checks the request and lists its candidates: by the user's own numbers, else by the files, else by the table. */
export function listCandidates(
  request: LoadRequest,
  choices: LoadChoices,
  parts: ListCandidatesParts,
): AdmissionRequest {
  // Forcing means this one and no other.
  const downgrade = !choices.force && (choices.downgrade ?? parts.settings.downgrade);
  const model = request.name;
  if (parts.ownLadder && !choices.giveNeed) return listOwnCandidates(request, downgrade, parts);
  const lying = listLadder(request, choices, parts);
  if (!lying) {
    const candidates = listCandidatesWithoutLadder(request, choices, parts);
    const own = candidates[0]?.quantization;
    return { model, ...(own && { askedQuantization: own }), candidates, downgrade };
  }
  const allowed = listAllowedSteps(lying, request, { ownFloor: choices.floor, floor: parts.settings.floor });
  const [asked, ...below] = request.quantization === undefined ? beginLadder(allowed, request, parts) : allowed;
  const candidates = [asked!, ...below].flatMap((step) => listCandidatesOfStep(step, request, choices, parts));
  return { model, askedQuantization: asked!, candidates, downgrade };
}

/** Those that the request allows, in their own order. What nobody knows of a step below the first leaves that step out. */
function listOwnCandidates(request: LoadRequest, downgrade: boolean, parts: ListCandidatesParts): AdmissionRequest {
  const [first, ...below] = parts.offers;
  const asked = first?.quantization;
  const candidates = first ? listCandidatesOfOffer(first, request, findReserves(request, asked, parts), parts) : [];
  if (candidates.length === 0) throw unknownNeed(request, parts, first?.unknownBecause);
  const rest = below.flatMap((offer) =>
    listCandidatesOfOffer(offer, request, findReserves(request, offer.quantization, parts), parts),
  );
  return {
    model: request.name,
    ...(asked !== undefined && { askedQuantization: asked }),
    candidates: [...candidates, ...rest],
    downgrade,
  };
}

/** None if nobody knows what it takes, and it isn't to be admitted so. */
function listCandidatesOfOffer(
  offer: EstimatedOffer | ToldOffer,
  request: LoadRequest,
  reserves: CandidateReserves,
  parts: ListCandidatesParts,
): readonly Candidate[] {
  if (offer.estimator) return estimateCandidates(offer, request, reserves, parts.processBytes);
  const { quantization, modelPath, need } = offer;
  const facts = {
    ...(quantization !== undefined && { quantization }),
    ...(modelPath !== undefined && { modelPath }),
    ...reserves,
  };
  if (need) return [raiseCandidate({ ...facts, need }, request, parts)];
  const admits = parts.settings.unknownModels === 'admit';
  const measured = measureCandidate({ ...facts, need: UNKNOWN_NEED }, request, { ...parts, admits });
  return measured ? [measured] : [];
}

/** The ladder of this model, best first. `undefined` if it has none. */
function listLadder(
  { name }: LoadRequest,
  { giveNeed }: LoadChoices,
  { offers }: ListCandidatesParts,
): readonly LadderStep[] | undefined {
  const offered = LADDER.filter((step) => offers.some(({ quantization }) => quantization === step));
  if (!giveNeed && offered.length > 0) return offered;
  return isKnownModel(name) && (giveNeed || offers.length === 0) ? QUANTIZATIONS : undefined;
}

/** Where a load begins that asks for no quantization: a known model with the recommended one, every other with the best. */
function beginLadder(
  allowed: readonly LadderStep[],
  { name }: LoadRequest,
  { recommend }: ListCandidatesParts,
): readonly LadderStep[] {
  if (!isKnownModel(name)) return allowed;
  const recommended = recommend();
  const below = allowed.filter((step) => !isBelow(recommended, step));
  // If the recommended file and all smaller ones are missing, the smallest of the larger ones is taken.
  return below.length > 0 ? below : allowed.slice(-1);
}

function listCandidatesOfStep(
  quantization: LadderStep,
  request: LoadRequest,
  { giveNeed }: LoadChoices,
  parts: ListCandidatesParts,
): readonly Candidate[] {
  const reserves = findReserves(request, quantization, parts);
  const offer = parts.offers.find((each) => each.quantization === quantization);
  if (!giveNeed && offer) return listCandidatesOfOffer(offer, request, reserves, parts);
  const lying = LADDER.filter((step) => parts.offers.some((each) => each.quantization === step));
  if (!giveNeed && lying.length > 0 && !isQuantization(quantization))
    throw missingStep(request.name, quantization, lying);
  const need = giveNeed?.(quantization) ?? createTableNeed(checkQuantization(quantization));
  return [raiseCandidate({ quantization, need, ...reserves }, request, parts)];
}

function listCandidatesWithoutLadder(
  request: LoadRequest,
  { giveNeed }: LoadChoices,
  parts: ListCandidatesParts,
): readonly Candidate[] {
  const reserves = findReserves(request, undefined, parts);
  if (giveNeed) return [raiseCandidate({ need: giveNeed(undefined), ...reserves }, request, parts)];
  const [offer = {}] = parts.offers;
  if (offer.estimator) return estimateUnnamed(offer, request, parts);
  const candidates = listCandidatesOfOffer(offer, request, reserves, parts);
  if (candidates.length === 0) throw unknownNeed(request, parts);
  return candidates;
}

function unknownNeed(
  { name }: LoadRequest,
  { footprintOption = '`memoryGuard: { footprint }`' }: ListCandidatesParts,
  because?: string,
): MemoryGuardError {
  return new MemoryGuardError(
    'ERR_UNKNOWN_MODEL',
    `Expected a model whose needs are known ('qwen2audio', the path of a GGUF file) or its size as ${footprintOption}, got ${describe(name)}${because === undefined ? '' : `: ${because}`}.`,
  );
}

/** A file whose name says no quantization may say it in its header. A context belongs to a model that was told of already. */
function estimateUnnamed(
  offer: EstimatedOffer,
  request: LoadRequest,
  parts: ListCandidatesParts,
): readonly Candidate[] {
  const quantization = request.shape?.part === 'context' ? undefined : findStepByFileType(offer.estimator.fileType);
  const reserves = findReserves(request, quantization, parts);
  const candidates = estimateCandidates(
    { ...offer, ...(quantization && { quantization }) },
    request,
    reserves,
    parts.processBytes,
  );
  return quantization === undefined
    ? candidates
    : candidates.map((candidate) => withoutPrototype({ ...candidate, unnamed: true as const }));
}

/** A row of the documented table, if there is one for this model. */
function findRow(name: string, quantization: QuantizationName | undefined): ModelRequirements | undefined {
  return isKnownModel(name) && isQuantization(quantization) ? getRequirements(quantization) : undefined;
}

/** What one model asks to keep free, whatever else is loaded. */
export function ownMinFree(
  { name }: Pick<LoadRequest, 'name'>,
  quantization: QuantizationName | undefined,
  { minFreeBytes = findRow(name, quantization)?.minFreeMemory }: Pick<LoadSettings, 'minFreeBytes'>,
): MinFree {
  return minFreeBytes === undefined ? MIN_FREE_BY_TOTAL : { minFreeBytes };
}

function findReserves(
  request: LoadRequest,
  quantization: QuantizationName | undefined,
  { settings, heldMinFree }: ListCandidatesParts,
): CandidateReserves {
  return {
    ...largestMinFree([ownMinFree(request, quantization, settings), heldMinFree]),
    ...(findRow(request.name, quantization) && { documented: true }),
  };
}
