/**
 * Knows the estimate of a known model whose files the SDK keeps to itself: the arithmetic of a header over the published shape. It must
 * not know the documented table.
 */
import { invalidOption } from '../core/errors.ts';
import { DEFAULT_IMAGE_PIXELS } from '../core/image-pixels.ts';
import type { ModelHeader } from '../gguf/read-gguf.ts';
import { computeEncoders } from './encoders.ts';
import { checkOptions, completeSettings, type Estimator } from './estimator.ts';
import { computeFootprint, type Footprint } from './footprint.ts';
import { findPublishedShape, type PublishedShape } from './published-shapes.ts';
import { describeLanguageModel, describeProjector } from './shape-header.ts';

const estimators = new Map<string, Estimator>();
const projectors = new Map<string, ModelHeader>();

/**
 * Returns the estimator of a model that is known by name, which is made once, or `undefined` if its shape or how this quantization mixes
 * types isn't known. All of it counts as anonymous: nobody knows whether the SDK maps its files, and anonymous memory is what can't be
 * taken back. What loads were seen to map corrects that.
 */
export function findKnownModelEstimator(name: string, quantization: string): Estimator | undefined {
  const key = `${name} ${quantization}`;
  const estimator = estimators.get(key) ?? createEstimator(name, quantization);
  if (estimator) estimators.set(key, estimator);
  return estimator;
}

/** Computes what takes longest, the first graph of an encoder, so that a caller can do it in a turn of its own. */
export function prepareKnownModel(name: string): void {
  const shape = findPublishedShape(name);
  if (shape) computeEncoders(describeProjectorOnce(name, shape), DEFAULT_IMAGE_PIXELS);
}

function createEstimator(name: string, quantization: string): Estimator | undefined {
  const shape = findPublishedShape(name);
  const model = shape && describeLanguageModel(name, shape, quantization);
  if (!model) return undefined;
  const projector = describeProjectorOnce(name, shape);
  const known = new Map<string, Footprint>();
  return {
    shards: [],
    files: [],
    fileType: undefined,
    trainedTokens: shape.language.context,
    haveFilesChanged: () => false,
    // There is no file that an engine could be asked about.
    ask: async () => {},
    estimate(run) {
      const settings = completeSettings(checkOptions(run));
      const key = JSON.stringify(settings);
      const footprint = known.get(key) ?? countAsAnonymous(computeFootprint(model, projector, settings));
      known.set(key, footprint);
      if (Number.isSafeInteger(footprint.totalBytes)) return footprint;
      throw invalidOption('contextSize', 'small enough for its cache to be counted in bytes', settings.contextSize);
    },
  };
}

/** All quantizations share it, and with it the buffers of its encoder. */
function describeProjectorOnce(name: string, shape: PublishedShape): ModelHeader {
  const projector = projectors.get(name) ?? describeProjector(name, shape);
  projectors.set(name, projector);
  return projector;
}

function countAsAnonymous(footprint: Footprint): Footprint {
  const { totalBytes: anonymousBytes } = footprint;
  return Object.freeze({
    ...footprint,
    mappedBytes: 0,
    readOnceBytes: 0,
    lockedBytes: 0,
    anonymousBytes,
    basis: 'shape',
  });
}
