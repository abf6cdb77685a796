/**
 * Knows how to tell a language model from its projector, and whether the two were swapped. It must not know memory or
 * engines.
 */
import { modelFileError } from './model-file.ts';
import type { GgufFile } from './read-gguf.ts';

/** True for a file with encoders for audio or images ("mmproj"), which is loaded beside a language model. */
export function isProjector(file: Pick<GgufFile, 'architecture' | 'type'>): boolean {
  return file.type === 'mmproj' || file.architecture === 'clip';
}

/** Throws `ERR_MODEL_FILE` if the model is a projector, or the projector is none. */
export function refuseSwappedFiles(model: GgufFile, projector: GgufFile | undefined): void {
  if (isProjector(model)) {
    throw modelFileError(model.path, 'be a model', 'a projector', 'pass it as `projectorPath`');
  }
  if (projector && !isProjector(projector)) {
    const found = `a model of architecture ${JSON.stringify(projector.architecture)}`;
    throw modelFileError(projector.path, 'be a projector', found, 'pass its mmproj file');
  }
}
