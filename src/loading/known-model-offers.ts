/** What may be loaded of a model that is known by name, if the SDK keeps its files to itself: the steps of the documented table. */
import { setImmediate } from 'node:timers/promises';
import type { Adapter, LoadRequest } from '../adapters/adapter.ts';
import { isQuantization, LADDER } from '../core/quantizations.ts';
import { findKnownModelEstimator, prepareKnownModel } from '../footprint/estimate-known-model.ts';
import { findPublishedShape } from '../footprint/published-shapes.ts';
import { assumeShapeRange } from './context-range.ts';
import type { EstimatedOffer } from './estimate-candidates.ts';
import type { FindLearned } from './learned-loads.ts';

/** Estimates each step by the published shape. Empty for a model that has none. */
export async function offerKnownModel(
  { name, quantization: asked }: LoadRequest,
  { withShape }: Pick<Adapter, 'withShape'>,
  findLearned: FindLearned | undefined,
): Promise<readonly EstimatedOffer[]> {
  if (!findPublishedShape(name)) return [];
  prepareKnownModel(name);
  // The first graph of an encoder takes 6 ms: what follows is not in the same turn of the event loop.
  await setImmediate();
  return LADDER.filter((step) => isQuantization(step) || step === asked).flatMap((quantization) => {
    const estimator = findKnownModelEstimator(name, quantization);
    if (!estimator) return [];
    const observed = findLearned && ((shape: object) => findLearned(quantization, shape));
    const readRange = withShape ? undefined : assumeShapeRange;
    return [{ quantization, estimator, ...(observed && { observed }), ...(readRange && { readRange }) }];
  });
}
