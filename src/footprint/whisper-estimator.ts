/** Knows the estimate of one model for whisper.cpp: it reads its header and hands it to the arithmetic. It must not compute sizes itself. */
import { setImmediate } from 'node:timers/promises';
import { isSameFile } from '../gguf/model-file.ts';
import { checkOptions, type EstimateShape, type Estimator } from './estimator.ts';
import { type Footprint, sumFootprint } from './footprint.ts';
import { readWhisper, type WhisperFile } from './whisper-cpp/read-whisper.ts';
import { computeWhisperParts } from './whisper-cpp/whisper-footprint.ts';

/** `enum ggml_ftype` counts K types otherwise than `enum llama_ftype`. */
const K_TYPES: Readonly<Record<number, number>> = { 10: 10, 11: 12, 12: 15, 13: 17, 14: 18 };

/**
 * Reads the header. Of a shape only `flashAttention` and `gpuLayers` count: such a model has no context of its caller's choice.
 * Rejects with `ERR_MODEL_FILE` if the file is not one that the engine reads.
 */
export async function openWhisperEstimator(modelPath: string): Promise<Estimator> {
  const file = await readWhisper(modelPath);
  // In a turn of its own: the graphs of the largest model take some milliseconds.
  await setImmediate();
  const known = new Map<string, Footprint>();
  return {
    fileType: K_TYPES[file.fileType] ?? file.fileType,
    contextless: true,
    shards: [file.identity],
    files: [file.identity],
    haveFilesChanged: () => !isSameFile(file.path, file.identity),
    async ask(shapes) {
      for (const shape of shapes) checkOptions(shape);
    },
    estimate(shape) {
      const { flashAttention = 'off', gpuLayers = 0 } = checkOptions(shape) as EstimateShape;
      const key = `${flashAttention} ${gpuLayers > 0}`;
      const footprint = known.get(key) ?? estimate(file, flashAttention === 'on', gpuLayers > 0);
      known.set(key, footprint);
      return footprint;
    },
  };
}

function estimate(file: WhisperFile, flashAttention: boolean, onGpu: boolean): Footprint {
  return sumFootprint(
    {
      ...computeWhisperParts(file, { flashAttention }),
      projectorBytes: 0,
      projectorComputeBytes: 0,
      audioBytes: 0,
      imageBytes: 0,
    },
    {
      mappedBytes: 0,
      readOnceBytes: 0,
      lockedBytes: 0,
      basis: 'gguf',
      notes: onGpu ? ['what goes to a GPU is counted as if it stayed in main memory'] : [],
    },
  );
}
