/** The files of a load, looked at before an engine sees them: engines end the process over some. It knows no engine. */
import { refuseSwappedFiles } from '../gguf/model-pair.ts';
import { type GgufFile, readGguf } from '../gguf/read-gguf.ts';
import type { RuntimeLoad } from './runtime.ts';

/** The projector's header; rejects with `ERR_MODEL_FILE` for anything but a model and its projector. */
export async function checkModelFiles({
  modelPath,
  projectorPath,
}: Pick<RuntimeLoad, 'modelPath' | 'projectorPath'>): Promise<GgufFile | undefined> {
  const model = await readGguf(modelPath);
  refuseSwappedFiles(model, undefined);
  if (projectorPath === undefined) return undefined;
  const projector = await readGguf(projectorPath);
  refuseSwappedFiles(model, projector);
  return projector;
}
