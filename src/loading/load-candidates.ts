/** What one load asks of the gate: its candidates in order of quality, each with its need. It reads no memory. */

import type { LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { isKnownModel } from '../core/known-models.ts';
import { QUANTIZATIONS } from '../core/quantizations.ts';
import type { LoadNeed, Quantization } from '../core/types.ts';
import { applyObservations, type Observation } from '../footprint/apply-observations.ts';
import { createTableNeed, DEFAULT_MIN_FREE_BYTES, getRequirements } from '../footprint/documented-requirements.ts';
import type { EstimateShape, Estimator } from '../footprint/estimate-footprint.ts';
import { nameHeldFiles } from '../footprint/mapped-file-keys.ts';
import { type GuardSettings, givenNeed, knownQuantization, type LoadGuardOptions } from '../guard-options.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import type { AdmissionRequest } from '../policy/decision.ts';
import { readShapeRange, type ShapeRange } from './context-range.ts';

/** An offer whose headers were read. */
export interface EstimatedOffer extends ModelOffer {
  readonly estimator: Estimator;
  /** What was observed of such loads, and under which key; absent where nothing is kept. */
  readonly observed?: (shape: EstimateShape) => { readonly key: string; readonly observations: readonly Observation[] };
}

export interface AskParts {
  readonly settings: Pick<GuardSettings, 'downgrade' | 'minFreeBytes' | 'unknownModels'>;
  /** The files that may be loaded; none where they are not known. */
  readonly offers: readonly EstimatedOffer[];
  /** Where none was asked for: the quantization to begin with. */
  readonly recommendQuantization: () => Quantization;
  /** The largest reserve of the models that are loaded already. */
  readonly heldMinFreeBytes: number;
}

/** Nobody knows what it needs, and the user chose to admit it. */
const UNKNOWN_NEED: LoadNeed = Object.freeze({ mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' });

/** For a request that is only observed, since it was not understood: nothing is reserved for it. */
export function requestUnjudged(model: string): AdmissionRequest {
  return { model, candidates: [{ need: UNKNOWN_NEED, minFreeBytes: DEFAULT_MIN_FREE_BYTES }], downgrade: false };
}

/** Checks the request and lists its candidates: the user's own numbers, else the files, else the table. */
export function listCandidates(request: LoadRequest, own: LoadGuardOptions, parts: AskParts): AdmissionRequest {
  // Forcing means this one and no other.
  const downgrade = own.force !== true && (own.downgrade ?? parts.settings.downgrade);
  const model = request.name;
  const steps = stepsOf(request, own, parts);
  if (!steps) return { model, candidates: [candidateWithoutLadder(request, own, parts)], downgrade };
  const asked = askedOf(request, steps, parts);
  const below = steps.filter((step) => QUANTIZATIONS.indexOf(step) > QUANTIZATIONS.indexOf(asked));
  const candidates = [asked, ...below].flatMap((step) => candidatesOf(step, request, own, parts));
  return { model, askedQuantization: asked, candidates, downgrade };
}

/** The ladder of this model, best first; `undefined` where it has none. */
function stepsOf(
  { name }: LoadRequest,
  { footprint }: LoadGuardOptions,
  { offers }: AskParts,
): readonly Quantization[] | undefined {
  const offered = QUANTIZATIONS.filter((step) => offers.some(({ quantization }) => quantization === step));
  if (footprint === undefined && offered.length > 0) return offered;
  return isKnownModel(name) && (footprint !== undefined || offers.length === 0) ? QUANTIZATIONS : undefined;
}

function askedOf(
  { quantization }: LoadRequest,
  steps: readonly Quantization[],
  { recommendQuantization }: AskParts,
): Quantization {
  if (quantization !== undefined) return knownQuantization(quantization);
  const start = QUANTIZATIONS.indexOf(recommendQuantization());
  // Where the recommended file and all smaller ones are missing, the smallest of the larger ones is.
  return steps.find((step) => QUANTIZATIONS.indexOf(step) >= start) ?? (steps.at(-1) as Quantization);
}

function candidatesOf(
  quantization: Quantization,
  request: LoadRequest,
  own: LoadGuardOptions,
  parts: AskParts,
): readonly Candidate[] {
  const minFreeBytes = minFreeOf(quantization, parts);
  const offer = parts.offers.find((each) => each.quantization === quantization);
  if (own.footprint === undefined && offer) return estimatedCandidates(offer, request, minFreeBytes);
  const given = typeof own.footprint === 'function' ? own.footprint(quantization) : own.footprint;
  return [{ quantization, need: given === undefined ? createTableNeed(quantization) : givenNeed(given), minFreeBytes }];
}

function candidateWithoutLadder(request: LoadRequest, own: LoadGuardOptions, parts: AskParts): Candidate {
  const minFreeBytes = minFreeOf(undefined, parts);
  if (own.footprint !== undefined) {
    const given = typeof own.footprint === 'function' ? own.footprint(undefined) : own.footprint;
    return { need: givenNeed(given), minFreeBytes };
  }
  const [offer] = parts.offers;
  if (offer) return estimatedCandidates(offer, request, minFreeBytes)[0] as Candidate;
  if (parts.settings.unknownModels === 'admit') return { need: UNKNOWN_NEED, minFreeBytes };
  throw new MemoryGuardError(
    'ERR_UNKNOWN_MODEL',
    `Expected a model whose needs are known ('qwen2audio', the path of a GGUF file) or its size as \`memoryGuard: { footprint }\`, got ${describe(request.name)}.`,
  );
}

/** One candidate for each cache type in order of preference; each tries its largest context first. */
function estimatedCandidates(offer: EstimatedOffer, request: LoadRequest, minFreeBytes: number): readonly Candidate[] {
  const range = readShapeRange(request.shape);
  return range.kvCacheTypes.map((kvCacheType) => {
    const at = (contextSize: number) => candidateAt(offer, range, contextSize, kvCacheType, minFreeBytes);
    const { min, max } = range.contextSize;
    return { ...at(max), smaller: { leastContextSize: min, at } };
  });
}

function candidateAt(
  { quantization, modelPath, estimator, observed }: EstimatedOffer,
  { rest }: ShapeRange,
  contextSize: number,
  kvCacheType: string | undefined,
  minFreeBytes: number,
): Candidate {
  const shape = { ...rest, contextSize, ...(kvCacheType !== undefined && { kvCacheType }) };
  const footprint = estimator.estimate(shape as EstimateShape);
  const { key, observations } = observed?.(shape as EstimateShape) ?? { observations: [] };
  const { basis, ...predicted } = applyObservations(footprint, observations);
  const { mappedBytes, anonymousAfterCallBytes: anonymousBytes } = predicted;
  const { notes } = footprint;
  return {
    ...(quantization && { quantization }),
    // Weights alone have no context.
    ...(rest.part !== 'weights' && { contextSize }),
    ...(kvCacheType !== undefined && { kvCacheType }),
    modelPath,
    need: { mappedBytes, anonymousBytes, basis, ...(mappedBytes > 0 && { files: nameHeldFiles(estimator.shards) }) },
    minFreeBytes,
    predicted,
    ...(notes.length > 0 && { notes }),
    ...(key !== undefined && { calibrationKey: key }),
  };
}

/** What one model asks to keep free, whatever else is loaded. */
export function ownMinFreeBytes(
  quantization: Quantization | undefined,
  { minFreeBytes }: Pick<GuardSettings, 'minFreeBytes'>,
): number {
  return minFreeBytes ?? (quantization ? getRequirements(quantization).minFreeMemory : DEFAULT_MIN_FREE_BYTES);
}

function minFreeOf(quantization: Quantization | undefined, { settings, heldMinFreeBytes }: AskParts): number {
  return Math.max(ownMinFreeBytes(quantization, settings), heldMinFreeBytes);
}
