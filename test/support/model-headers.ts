/** Synthetic models of any shape for the tests of estimates, in a folder of their own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EstimatorOptions, Footprint } from '../../src/footprint/estimator.ts';
import type { EngineBuild } from '../../src/footprint/llama-cpp/engine-version.ts';
import { type Shape, writeModel } from '../../tools/architectures.mjs';
import { type Projector, writeProjector } from '../../tools/projectors.mjs';
import { type ProjectorShape, writeAudioProjector } from '../../tools/synthetic-model.mjs';

/** One of Qwen2-Audio, or of another type by its name. */
export type AnyProjector = ProjectorShape | Projector;

export interface Transcript {
  readonly shape: Shape;
  readonly projector?: AnyProjector;
  readonly run: Omit<EstimatorOptions, 'modelPath' | 'projectorPath'>;
  /** The lines of the engine that name a size. */
  readonly said: readonly string[];
}

export interface LoadedModels {
  readonly folder: string;
  model(shape: Shape, name?: string): string;
  projector(shape: AnyProjector): string;
  remove(): void;
}

export function makeModels(): LoadedModels {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-footprint-'));
  return {
    folder,
    model(shape, name = `${JSON.stringify(shape).replaceAll(/[^\w]+/g, '-')}.gguf`) {
      const path = join(folder, name);
      writeModel(path, shape);
      return path;
    },
    projector(shape) {
      const path = join(folder, `mmproj-${JSON.stringify(shape).replaceAll(/[^\w]+/g, '-')}.gguf`);
      if (isOther(shape)) writeProjector(path, shape);
      else writeAudioProjector(path, shape as ProjectorShape);
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The type of a projector as its header names it. */
export function getProjectorType({ type }: AnyProjector): string {
  return type === undefined || type === 'F16' || type === 'F32' ? 'qwen2a' : type;
}

function isOther(shape: AnyProjector): shape is Projector {
  return shape.type !== undefined && shape.type !== 'F16' && shape.type !== 'F32';
}

/** The engine that the transcripts were recorded with, and the system that it ran on. */
export interface RecordedEngine extends EngineBuild {
  readonly system: string;
}

/** What the real engine said when it was recorded; `node tools/transcripts.mjs` records it anew. */
export function transcripts(): readonly Transcript[] {
  return readLines().slice(1) as Transcript[];
}

/** The first line of the transcripts. */
export function readRecordedEngine(): RecordedEngine {
  return (readLines()[0] as { readonly engine: RecordedEngine }).engine;
}

function readLines(): readonly unknown[] {
  const text = readFileSync(new URL('../fixtures/engine-transcripts.jsonl', import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** A footprint in the words of `sumBuffersMiB`, in MiB. */
export function predicted(footprint: Footprint): Record<string, number> {
  const mib = (bytes: number) => bytes / 2 ** 20;
  return {
    model: mib(footprint.weightsBytes),
    cache: mib(footprint.kvCacheBytes),
    compute: mib(footprint.computeBytes),
    output: mib(footprint.outputBytes),
    projector: mib(footprint.projectorBytes),
    projectorCompute: mib(footprint.projectorComputeBytes),
  };
}
