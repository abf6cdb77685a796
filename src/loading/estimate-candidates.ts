/** What a load of read files takes, as candidates: one for each cache type, with the contexts that it may have. It reads no file. */
import type { LoadRequest, ModelOffer, RequestedShape } from '../adapters/adapter.ts';
import { formatBytes } from '../core/bytes.ts';
import { withoutPrototype } from '../core/copy-options.ts';
import { applyObservations } from '../footprint/apply-observations.ts';
import type { EstimateShape, Estimator } from '../footprint/estimator.ts';
import { nameHeldFiles } from '../footprint/mapped-file-keys.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import { listNextShapes, readShapeRange, type ShapeRange } from './context-range.ts';
import type { LearnedLoads } from './learned-loads.ts';

/** An offer whose headers were read, or a known model's published shape in their place. */
export interface EstimatedOffer extends ModelOffer {
  readonly estimator: Estimator;
  /** What was observed of such loads, and under which key; absent if nothing is kept. */
  readonly observed?: (shape: EstimateShape) => LearnedLoads | undefined;
  /** How the SDK understands the shape that it is given. `readShapeRange` without it. */
  readonly readRange?: typeof readShapeRange;
}

/** What is kept free beside a candidate. */
export type CandidateReserves = Pick<Candidate, 'minFreeBytes' | 'minFreeByTotal' | 'documented'>;

/** One candidate for each cache type in order of preference; each tries its largest context first. */
export function estimateCandidates(
  offer: EstimatedOffer,
  { shape, nextContext }: Pick<LoadRequest, 'shape' | 'nextContext'>,
  reserves: CandidateReserves,
  processBytes: number,
): readonly Candidate[] {
  const range = (offer.readRange ?? readShapeRange)(shape, offer.estimator.trainedTokens);
  const roomBytes = countRoom(offer, nextContext);
  return range.kvCacheTypes.map((kvCacheType) => {
    const at = (contextSize: number) =>
      estimateCandidate(offer, range, { contextSize, kvCacheType }, { reserves, processBytes, roomBytes });
    const { min, max } = range.contextSize;
    if (offer.estimator.contextless) return at(max);
    return withoutPrototype({ ...at(max), smaller: { leastContextSize: min, at } });
  });
}

/** What the context takes that comes next. */
function countRoom({ estimator, observed }: EstimatedOffer, nextContext: RequestedShape | undefined): number {
  return listNextShapes(nextContext, estimator).reduce((most, shape) => {
    const { anonymousAfterCallBytes } = applyObservations(
      estimator.estimate(shape),
      observed?.(shape)?.observations ?? [],
    );
    return Math.max(most, anonymousAfterCallBytes);
  }, 0);
}

interface CandidateSurroundings {
  readonly reserves: CandidateReserves;
  readonly processBytes: number;
  readonly roomBytes: number;
}

function estimateCandidate(
  { quantization, modelPath, estimator, observed }: EstimatedOffer,
  { rest, contextAssumed }: ShapeRange,
  { contextSize, kvCacheType }: { readonly contextSize: number; readonly kvCacheType: unknown },
  { reserves, processBytes, roomBytes }: CandidateSurroundings,
): Candidate {
  // What the caller wrote is checked by the estimator, which throws for anything else.
  const shape = { ...rest, contextSize, ...(kvCacheType !== undefined && { kvCacheType }) } as EstimateShape;
  const footprint = estimator.estimate(shape);
  const { key, observations = [] }: Partial<LearnedLoads> = observed?.(shape) ?? {};
  const { basis, ...predicted } = applyObservations(footprint, observations);
  const { notes, readOnceBytes, lockedBytes, laterBytes } = footprint;
  const told = laterBytes > 0 ? [...notes, `${formatBytes(laterBytes)} of it come later, as it is used`] : notes;
  // Pages that were copied from are nobody's need, and locked ones can't be taken back.
  const mappedBytes = Math.max(0, predicted.mappedBytes - readOnceBytes - lockedBytes);
  const anonymousBytes = predicted.anonymousAfterCallBytes + lockedBytes + processBytes;
  const files = nameHeldFiles(estimator.shards, mappedBytes / Math.max(1, predicted.mappedBytes));
  return withoutPrototype<Candidate>({
    ...(quantization && { quantization }),
    // Weights alone have none.
    ...(!estimator.contextless && rest.part !== 'weights' && rest.part !== 'vocabulary' && { contextSize }),
    ...(!estimator.contextless && contextAssumed && { contextAssumed }),
    ...(shape.kvCacheType !== undefined && { kvCacheType: shape.kvCacheType }),
    ...(modelPath !== undefined && { modelPath }),
    need: { mappedBytes, anonymousBytes, basis, ...(mappedBytes > 0 && files.length > 0 && { files }) },
    ...reserves,
    ...(roomBytes > 0 && { roomBytes }),
    predicted,
    ...(told.length > 0 && { notes: told }),
    ...(key !== undefined && { calibrationKey: key }),
  });
}
