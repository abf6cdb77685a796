/** How the guard reads the module `@fugood/whisper.node`: a path in one object. It knows its names and no memory numbers. */

import { withoutPrototype } from '../core/copy-options.ts';
import { countHeardBytes } from '../core/heard-bytes.ts';
import type { LoadParts } from '../core/types.ts';
import type { Adapter, LoadRequest } from './adapter.ts';
import { countSamples } from './count-samples.ts';
import { defaultModelParts } from './default-adapter.ts';
import { findEngineVersion } from './find-engine-files.ts';
import { readPathOptions, withPath } from './path-options.ts';
import { listWhisperOffers, readWhisperStep } from './whisper-files.ts';

const PACKAGE = '@fugood/whisper.node';
const PATH = 'filePath';
const PATH_KIND = 'a model file of whisper.cpp';

/** Options that decide what the model needs. A device is used only if the engine's variant has one. */
const SHAPE_KEYS = ['useFlashAttn', 'useGpu'];

export function isWhisperNode(sdk: object): boolean {
  return ['initWhisper', 'initWhisperVad', 'toggleNativeLog'].every((name) => name in sdk);
}

export function whisperNodeAdapter(): Adapter {
  const version = findEngineVersion(PACKAGE);
  return withoutPrototype<Adapter>({
    loads: ['initWhisper'],
    ...(version !== undefined && { runtime: `${PACKAGE} ${version}` }),
    readRequest,
    withQuantization: (args, _quantization, modelPath) => withPath(args, PATH, modelPath),
    listOffers: async (args) => listWhisperOffers(readPathOptions(args, PATH, [], PATH_KIND)[PATH]),
    ...defaultModelParts,
    hasAudio,
    countCallAudio,
    sdkDisposers: {},
  });
}

function readRequest(args: readonly unknown[]): LoadRequest {
  const options = readPathOptions(args, PATH, SHAPE_KEYS, PATH_KIND);
  const { [PATH]: name, memoryGuard, useFlashAttn, useGpu } = options;
  const [, variant = 'default'] = args;
  return {
    name,
    quantization: readWhisperStep(name),
    memoryGuard,
    // A model of this engine has no context of its caller's choice.
    shape: {
      contextSize: 1,
      flashAttention: useFlashAttn === true ? 'on' : 'off',
      gpuLayers: useGpu !== false && variant !== 'default' ? 1 : 0,
    },
  };
}

/** A path or samples of a transcription; `bench` is told its threads, and hands the decoder a text as long as any. */
function hasAudio([sound]: readonly unknown[]): boolean {
  return typeof sound === 'string' || sound instanceof ArrayBuffer || typeof sound === 'number';
}

/** By the samples that are handed over, or by their file. */
function countCallAudio(_model: unknown, [sound, options]: readonly unknown[], predicted?: LoadParts): number {
  const { nProcessors, bestOf, beamSize } = Object(options) as Readonly<Record<string, unknown>>;
  return countHeardBytes(
    {
      samples:
        sound instanceof ArrayBuffer ? sound.byteLength / 2 : typeof sound === 'string' ? countSamples(sound) : 0,
      processors: readCount(nProcessors),
      decoders: Math.max(readCount(bestOf), readCount(beamSize)),
    },
    predicted,
  );
}

function readCount(value: unknown): number {
  return typeof value === 'number' && value >= 1 ? Math.floor(value) : 1;
}
