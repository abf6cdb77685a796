/** Knows the estimate of one ONNX model, from a file or from bytes in memory. It must not compute sizes itself. */
import { loadNodeModule } from '../core/node-module.ts';
import { type ByteSource, type FileIdentity, isSameFile, openModelFile } from '../gguf/model-file.ts';
import type { EstimateShape, Estimator } from './estimator.ts';
import { type Footprint, sumFootprint } from './footprint.ts';
import { type ExternalFile, listExternalFiles } from './onnx/external-files.ts';
import { type OnnxModel, readOnnx } from './onnx/read-onnx.ts';
import { countSessionBytes } from './onnx/session-bytes.ts';
import { readSessionSettings } from './onnx/session-settings.ts';

/** A model that its program has in memory. */
export interface ModelBytes {
  readonly bytes: Uint8Array;
  /** The files beside it that the program has in memory too, as the model names them. */
  readonly externalFiles?: readonly string[];
}

/** So much of the beginning and of the end of a model in memory tells it from others of its length. */
const TOLD_BYTES = 65_536;
const NAME_IN_MEMORY = 'the model in memory';

/** Reads the model's structure. Rejects with `ERR_MODEL_FILE` if it can't be understood, or a file beside it is not there. */
export async function openOnnxEstimator(modelPath: string): Promise<Estimator> {
  const file = await openModelFile(modelPath);
  try {
    const model = await readOnnx(file);
    await file.assertUnchanged();
    const external = await listExternalFiles(modelPath, model);
    const own: ExternalFile = { path: modelPath, stamp: file.stamp };
    return makeEstimator(model, [own, ...external], external, []);
  } finally {
    await file.close();
  }
}

/** The same for a model in memory. What its weights are named by lies in the folder that the program works in. */
export async function openBytesEstimator({ bytes, externalFiles = [] }: ModelBytes): Promise<Estimator> {
  const source: ByteSource = {
    path: NAME_IN_MEMORY,
    sizeBytes: bytes.byteLength,
    read: async (into, position) => {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
  };
  const model = await readOnnx(source);
  const external = await listExternalFiles(NAME_IN_MEMORY, model, externalFiles);
  return makeEstimator(model, external, external, externalFiles, [identifyBytes(bytes)]);
}

function makeEstimator(
  model: OnnxModel,
  files: readonly ExternalFile[],
  mapped: readonly ExternalFile[],
  given: readonly string[],
  others: readonly FileIdentity[] = [],
): Estimator {
  const mapsFiles = process.platform !== 'win32';
  return {
    fileType: undefined,
    contextless: true,
    shards: mapped.map(({ stamp }) => stamp),
    files: [...files.map(({ stamp }) => stamp), ...others],
    haveFilesChanged: () => files.some(({ path, stamp }) => !isSameFile(path, stamp)),
    ask: async () => {},
    estimate: (shape) => estimateSession(model, shape, mapsFiles, given),
  };
}

function estimateSession(
  model: OnnxModel,
  shape: EstimateShape,
  mapsFiles: boolean,
  given: readonly string[],
): Footprint {
  const settings = readSessionSettings(shape.session);
  const { inlineBytes, mappedBytes, readOnceBytes, besideBytes } = countSessionBytes(model, settings, {
    mapsFiles,
    given,
  });
  const notes = ['which weights the engine copies depends on the CPU, so every copy that it may make is counted'];
  if (!settings.cpuOnly) notes.push('weights that go to a device are counted as if they stayed in main memory');
  return sumFootprint(
    {
      weightsBytes: inlineBytes + mappedBytes,
      kvCacheBytes: 0,
      computeBytes: 0,
      outputBytes: 0,
      projectorBytes: 0,
      projectorComputeBytes: 0,
      audioBytes: 0,
      imageBytes: 0,
      runtimeBytes: besideBytes,
      laterBytes: 0,
    },
    { mappedBytes, readOnceBytes, lockedBytes: 0, basis: 'onnx', notes },
  );
}

/** What stands for a file's identity. */
function identifyBytes(bytes: Uint8Array): FileIdentity {
  const hash = loadNodeModule('node:crypto').createHash('sha256');
  hash.update(bytes.subarray(0, TOLD_BYTES)).update(bytes.subarray(-TOLD_BYTES));
  const number = hash.digest().readUIntBE(0, 6);
  return { device: -1, inode: number, sizeBytes: bytes.byteLength, mtimeMs: 0 };
}
