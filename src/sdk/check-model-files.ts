/** The files of a load, looked at before an engine sees them: engines end the process over some. It knows no engine. */
import { modelFileError } from '../gguf/model-file.ts';
import { refuseSwappedFiles } from '../gguf/model-pair.ts';
import { refuseUnsoundModel } from '../gguf/model-rules.ts';
import { refuseUnsoundProjector } from '../gguf/projector-rules.ts';
import { refuseUnsoundTensors } from '../gguf/projector-tensors.ts';
import { refuseOtherWidth } from '../gguf/projector-width.ts';
import { type GgufFile, readGguf } from '../gguf/read-gguf.ts';
import { readHeaderText } from '../gguf/read-header-text.ts';
import { readVocabulary } from '../gguf/vocabulary.ts';
import { refuseUnsoundTokens, refuseUnsoundVocabulary } from '../gguf/vocabulary-rules.ts';
import { refuseUnsoundWeights } from '../gguf/weight-types.ts';
import { findTemplateFault } from './check-template.ts';
import type { RuntimeLoad } from './runtime.ts';

const TEMPLATE = 'tokenizer.chat_template';
/** Templates have up to 20 KB. */
const MOST_TEMPLATE_BYTES = 2 ** 20;
const ADVICE = 'convert the model again with another template';

/** What was read of a model on the way. */
export interface CheckedModel {
  readonly model: GgufFile;
  /** The texts of the tokens that a prompt is cut at first. */
  readonly specialTokens: readonly string[];
  /** By their names, `tool_use` for example; the one that serves without tools has the empty name. */
  readonly templates: ReadonlyMap<string, string>;
}

export interface CheckedFiles extends CheckedModel {
  readonly projector: GgufFile | undefined;
}

/** Models that passed: a header that was read once is not read again as long as its file stays as it is. */
const passed = new WeakMap<GgufFile, CheckedModel>();

/** Rejects with `ERR_MODEL_FILE` for anything but a sound model and a projector that belongs to it. */
export async function checkModelFiles({
  modelPath,
  projectorPath,
}: Pick<RuntimeLoad, 'modelPath' | 'projectorPath'>): Promise<CheckedFiles> {
  const model = await readGguf(modelPath);
  const checked = passed.get(model) ?? (await checkModel(model));
  passed.set(model, checked);
  if (projectorPath === undefined) return { ...checked, projector: undefined };
  const projector = await readGguf(projectorPath);
  refuseSwappedFiles(model, projector);
  refuseUnsoundProjector(projector);
  refuseUnsoundTensors(projector);
  refuseOtherWidth(model, projector);
  return { ...checked, projector };
}

async function checkModel(model: GgufFile): Promise<CheckedModel> {
  refuseSwappedFiles(model, undefined);
  refuseUnsoundModel(model);
  refuseUnsoundWeights(model);
  refuseUnsoundVocabulary(model);
  const vocabulary = await readVocabulary(model);
  if (vocabulary) refuseUnsoundTokens(model, vocabulary);
  return { model, specialTokens: vocabulary?.listSpecialTokens() ?? [], templates: await readTemplates(model) };
}

async function readTemplates(model: GgufFile): Promise<Map<string, string>> {
  const templates = new Map<string, string>();
  for (const key of model.metadata.keys()) {
    if (key !== TEMPLATE && !key.startsWith(`${TEMPLATE}.`)) continue;
    const text = await readHeaderText(model, key, MOST_TEMPLATE_BYTES);
    if (text === undefined) continue;
    const fault = findTemplateFault(text);
    if (fault !== undefined) {
      throw modelFileError(
        model.path,
        `have a chat template in ${key} that engines can parse`,
        `that ${fault}`,
        ADVICE,
      );
    }
    templates.set(key.slice(TEMPLATE.length + 1), text);
  }
  return templates;
}
