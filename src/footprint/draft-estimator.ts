/** A model with another one that guesses its next tokens: both are loaded, each with a context of the same tokens. It computes no size. */

import { type ModelFormat, readModelFormat } from '../core/model-format.ts';
import type { EnginePort } from './engine/engine-port.ts';
import { type EstimateShape, type Estimator, openEstimator } from './estimator.ts';
import type { Footprint } from './footprint.ts';
import { sumFootprint } from './footprint.ts';
import { type ModelBytes, openBytesEstimator, openOnnxEstimator } from './onnx-estimator.ts';
import { openWhisperEstimator } from './whisper-estimator.ts';

/** The files of one load. */
export interface LoadFiles {
  /** Absent for a model in memory. */
  readonly modelPath?: string | undefined;
  readonly modelBytes?: ModelBytes | undefined;
  readonly projectorPath?: string | undefined;
  readonly draftPath?: string | undefined;
  readonly format?: ModelFormat | undefined;
}

/** The estimator of all of them. Rejects as `openEstimator` does. */
export async function openEstimators(files: LoadFiles, engine?: EnginePort): Promise<Estimator> {
  const { modelPath = '', modelBytes } = files;
  if (modelBytes) return openBytesEstimator(modelBytes);
  const { format = readModelFormat(modelPath) } = files;
  if (format === 'onnx') return openOnnxEstimator(modelPath);
  // Files of other engines are named .bin as well.
  if (files.format === 'whisper') return openWhisperEstimator(modelPath);
  const main = await openEstimator(modelPath, files.projectorPath, engine);
  return files.draftPath === undefined ? main : addDraft(main, await openEstimator(files.draftPath, undefined, engine));
}

/** The estimator of both. */
export function addDraft(main: Estimator, draft: Estimator): Estimator {
  return {
    shards: [...main.shards, ...draft.shards],
    files: [...main.files, ...draft.files],
    fileType: main.fileType,
    ...(main.trainedTokens !== undefined && { trainedTokens: main.trainedTokens }),
    haveFilesChanged: () => main.haveFilesChanged() || draft.haveFilesChanged(),
    async ask(shapes, leastTokens) {
      await Promise.all([
        main.ask(shapes.map(shapeOfTarget), leastTokens),
        draft.ask(shapes.map(shapeOfDraft), leastTokens),
      ]);
    },
    estimate: (shape) => addFootprints(main.estimate(shapeOfTarget(shape)), draft.estimate(shapeOfDraft(shape))),
  };
}

function shapeOfTarget(shape: EstimateShape): EstimateShape {
  return { ...shape, draftRole: 'target' };
}

/** Its cache has a type of its own, and adapters are for the model that they were made for. */
function shapeOfDraft({ kvCacheType: _type, loraPaths: _paths, ...shape }: EstimateShape): EstimateShape {
  return { ...shape, draftRole: 'draft' };
}

function addFootprints(main: Footprint, draft: Footprint): Footprint {
  const add = (part: keyof Parts) => main[part] + draft[part];
  return sumFootprint(
    {
      weightsBytes: add('weightsBytes'),
      kvCacheBytes: add('kvCacheBytes'),
      computeBytes: add('computeBytes'),
      outputBytes: add('outputBytes'),
      projectorBytes: add('projectorBytes'),
      projectorComputeBytes: add('projectorComputeBytes'),
      // It hears and sees nothing by itself.
      audioBytes: main.audioBytes,
      imageBytes: main.imageBytes,
      runtimeBytes: add('runtimeBytes'),
      laterBytes: add('laterBytes'),
    },
    {
      mappedBytes: add('mappedBytes'),
      readOnceBytes: add('readOnceBytes'),
      lockedBytes: add('lockedBytes'),
      // As good as the worse of the two.
      basis: main.basis === draft.basis ? main.basis : 'gguf',
      notes: [...main.notes, ...draft.notes.map((note) => `draft model: ${note}`)],
    },
  );
}

type Parts = Omit<Footprint, 'totalBytes' | 'anonymousBytes' | 'basis' | 'upperBound' | 'notes'>;
