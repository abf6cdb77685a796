/** The files of a load, looked at before an engine sees them: engines end the process over some. It knows no engine. */
import { MemoryGuardError } from '../core/errors.ts';
import { type GgufFile, readGguf } from '../gguf/read-gguf.ts';
import type { RuntimeLoad } from './runtime.ts';

/** The projector's header; rejects with `ERR_MODEL_FILE` for anything but a model and its projector. */
export async function checkModelFiles({
  modelPath,
  projectorPath,
}: Pick<RuntimeLoad, 'modelPath' | 'projectorPath'>): Promise<GgufFile | undefined> {
  const model = await readGguf(modelPath);
  if (isProjector(model)) {
    throw fileError(
      `Expected ${JSON.stringify(modelPath)} to be a model, found a projector; pass it as \`projectorPath\`.`,
    );
  }
  if (projectorPath === undefined) return undefined;
  const projector = await readGguf(projectorPath);
  if (!isProjector(projector)) {
    const found = `found a model of architecture ${JSON.stringify(projector.architecture)}; pass its mmproj file`;
    throw fileError(`Expected ${JSON.stringify(projectorPath)} to be a projector, ${found}.`);
  }
  return projector;
}

function isProjector(file: { readonly architecture: string; readonly type?: string }): boolean {
  return file.type === 'mmproj' || file.architecture === 'clip';
}

function fileError(message: string): MemoryGuardError {
  return new MemoryGuardError('ERR_MODEL_FILE', message);
}
