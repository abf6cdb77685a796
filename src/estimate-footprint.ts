/** The public estimate of what a model takes: with an engine that is asked, or without one. */
import { type EngineChoice, findEngine } from './adapters/named-engine.ts';
import { invalidOption } from './core/errors.ts';
import { readModelFormat } from './core/model-format.ts';
import { describedPath } from './core/validate.ts';
import { findCalibrationDirectory } from './footprint/calibration-store.ts';
import { openEstimators } from './footprint/draft-estimator.ts';
import { checkOptions, completeSettings, type EstimatorOptions, type Footprint } from './footprint/estimator.ts';
import { openEngines } from './machine/open-engines.ts';

export type { EngineFiles } from './core/engine-files.ts';
export type { EstimatorOptions, Footprint, FootprintPart } from './footprint/estimator.ts';

/** Options of `estimateFootprint`: a model, how it is to be run, and whom to ask. */
export interface EstimateFootprintOptions extends EstimatorOptions {
  /** The path of a model that guesses the next tokens of this one; see `draftTokens`. */
  readonly draftPath?: string;
  /**
   * The engine that is to load the model: it simulates the load in a process of its own, in 0.1 to 0.6 s, and its answer is kept. An npm package, or
   * the paths of a build of llama.cpp. Without it our own arithmetic serves, which is exact for some architectures and bounds the others; it also serves
   * where the engine can't be asked, and `basis` and `notes` say so.
   */
  readonly engine?: EngineChoice;
}

/**
 * Estimates what llama.cpp takes for a model, or whisper.cpp for a `.bin` file, part by part, from the headers of its files: nothing is loaded, which takes
 * some milliseconds. All sizes are bytes. The estimate is exact for the architectures and projectors that docs/footprint.md
 * names; for others it is an upper bound, and `upperBound` and `notes` say so.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for an option that can't be, and `ERR_MODEL_FILE` if a file is missing,
 * damaged, cut off or in the other's place, and `ERR_RUNTIME_NOT_FOUND` if the engine is not installed.
 *
 * @example
 * ```ts
 * import { estimateFootprint, formatBytes } from 'nexa-memory-guard';
 *
 * const footprint = await estimateFootprint({
 *   modelPath: './qwen2-audio-7b.Q4_K_M.gguf',
 *   projectorPath: './qwen2-audio-7b.mmproj-f16.gguf',
 *   contextSize: 2048,
 * });
 * console.log(formatBytes(footprint.totalBytes), 'of which the kernel can take back', formatBytes(footprint.mappedBytes));
 * ```
 */
export async function estimateFootprint(options: EstimateFootprintOptions): Promise<Footprint> {
  const { engine, draftPath: draft, ...own } = Object(options) as EstimateFootprintOptions;
  const draftPath = draft === undefined ? undefined : describedPath('the path of a GGUF file')(draft, 'draftPath');
  const { modelPath, projectorPath, ...shape } = checkOptions({ simulatesLoads: engine === 'node-llama-cpp', ...own });
  if (modelPath === undefined) throw invalidOption('modelPath', 'the path of a GGUF file', undefined);
  completeSettings(shape); // What is wrong with the options is said before files are read.
  if (engine === undefined) {
    const estimator = await openEstimators({ modelPath, projectorPath, draftPath, format: readModelFormat(modelPath) });
    await estimator.ask([shape]);
    return estimator.estimate(shape);
  }
  const files = await findEngine(engine);
  // Whoever estimates holds nothing else in mind: the process that asks takes what it takes.
  const engines = openEngines({ directory: findCalibrationDirectory(), hold: () => () => {}, tellProblem: () => {} });
  try {
    const estimator = await openEstimators({ modelPath, projectorPath, draftPath }, engines.of(files));
    await estimator.ask([shape], Number.POSITIVE_INFINITY);
    return estimator.estimate(shape);
  } finally {
    engines.close();
  }
}
