/** The files that may be loaded, with their headers read, their engine asked, and what earlier loads took. It decides nothing. */
import { setImmediate } from 'node:timers/promises';
import type { Adapter, LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { copyOptions, withoutPrototype } from '../core/copy-options.ts';
import type { EngineFiles } from '../core/engine-files.ts';
import { boundOnnxSizes } from '../footprint/bound-onnx-sizes.ts';
import { createCalibrationKey } from '../footprint/calibration-key.ts';
import type { CalibrationStore } from '../footprint/calibration-store.ts';
import { openEstimators } from '../footprint/draft-estimator.ts';
import type { EnginePort } from '../footprint/engine/engine-port.ts';
import type { EstimateShape, Estimator } from '../footprint/estimator.ts';
import { listLargestShapes, listNextShapes } from './context-range.ts';
import type { EstimatedOffer } from './estimate-candidates.ts';
import { isBelowAsked, type LadderLimits, selectOffers } from './ladder-range.ts';
import type { ToldOffer } from './load-candidates.ts';
import { readGivenNeed } from './load-guard-options.ts';
import { selectOwnOffers } from './own-ladder.ts';

/** Asks the engine whose files these are. */
export type EngineQuestions = (files: EngineFiles) => EnginePort;

/** Who is asked about them. */
export interface EstimateOffersParts {
  readonly adapter: Adapter;
  /** What earlier loads took. Absent if nothing is kept. */
  readonly calibration: CalibrationStore | undefined;
  /** Asks engines what loads take. Absent if none is to be asked. */
  readonly engines?: EngineQuestions | undefined;
}

/** Rejects with `ERR_MODEL_FILE` or `ERR_INVALID_OPTION`. */
export async function estimateOffers(
  args: readonly unknown[],
  request: LoadRequest,
  limits: LadderLimits,
  { adapter, calibration, engines }: EstimateOffersParts,
): Promise<readonly (EstimatedOffer | ToldOffer)[]> {
  const all = ((await adapter.listOffers?.(args)) ?? []).map(copyOffer);
  const offers = adapter.ownLadder ? selectOwnOffers(all, request) : selectOffers(all, request, limits);
  const { runtime } = adapter;
  const observations = runtime === undefined ? undefined : await calibration?.readObservations();
  const files = offers.length > 0 ? await adapter.findEngine?.(args) : undefined;
  const engine = files && engines?.(files);
  const estimated = await Promise.all(
    offers.map(async (offer): Promise<readonly (EstimatedOffer | ToldOffer)[]> => {
      const { modelPath, modelBytes, footprint, sizes } = offer;
      if (footprint !== undefined) return [{ ...offer, need: readGivenNeed(footprint, 'footprint') }];
      if (sizes !== undefined) return [{ ...offer, need: boundOnnxSizes(sizes) }];
      if (modelPath === undefined && modelBytes === undefined) return [offer];
      const opened = await openEstimators(offer, engine).catch((error: unknown) => {
        // A smaller file that is still being downloaded doesn't hold up the one that was asked for.
        if (isBelowAsked(offer, request)) return undefined;
        throw error;
      });
      if (opened === undefined) return [];
      const estimator = adapter.findEngine ? opened : countCopies(opened);
      await estimator.ask([
        ...listLargestShapes(request.shape, estimator.trainedTokens),
        ...listNextShapes(request.nextContext, estimator),
      ]);
      // A header with 150,000 tokens takes 11 ms to read, and the first estimate 6 more: not in one turn of the event loop.
      await setImmediate();
      if (!observations || runtime === undefined) return [{ ...offer, estimator }];
      const observed = (shape: EstimateShape) => {
        const key = createCalibrationKey({ files: estimator.files, shape, runtime });
        return { key, observations: observations(key) };
      };
      return [{ ...offer, estimator, observed }];
    }),
  );
  return estimated.flat();
}

/** An engine that nobody names may copy weights into an arrangement of its own, unless the caller says how that is. */
function countCopies(estimator: Estimator): Estimator {
  const add = (shape: EstimateShape): EstimateShape => withoutPrototype({ repack: true, ...shape });
  return {
    ...estimator,
    ask: (shapes, leastTokens) => estimator.ask(shapes.map(add), leastTokens),
    estimate: (shape) => estimator.estimate(add(shape)),
  };
}

const OFFER_KEYS = [
  'quantization',
  'modelPath',
  'format',
  'modelBytes',
  'projectorPath',
  'draftPath',
  'footprint',
  'sizes',
  'unknownBecause',
] as const satisfies readonly (keyof ModelOffer)[];

function copyOffer(offer: ModelOffer): ModelOffer {
  return copyOptions(offer, 'listOffers()', OFFER_KEYS) as ModelOffer;
}
