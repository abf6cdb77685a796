/** Knows which types of weights a language model may have. It must not know tensors by name. */
import type { RuledFile } from './header-rule.ts';
import { modelFileError } from './model-file.ts';

/** No build of llama.cpp multiplies these. */
export const NOT_MULTIPLIED: readonly string[] = ['I8', 'I16', 'I32', 'I64', 'F64'];
/** These have tables of numbers of tokens or experts. */
const WITH_TABLES = ['eagle3', 'dflash', 'deepseek4'];
const ADVICE = 'download the file again or convert the model again';

/**
 * Refuses a model with a vector that is not F32, as llama.cpp's converters write all of them, or with a matrix of whole numbers: a computation
 * with one ends the process.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseUnsoundWeights({ path, architecture, tensors }: RuledFile): void {
  if (WITH_TABLES.includes(architecture)) return;
  for (const { dims, type } of tensors.kinds) {
    const isVector = dims.length <= 1;
    if (isVector ? type.name === 'F32' : !NOT_MULTIPLIED.includes(type.name)) continue;
    const expected = isVector ? 'have its vectors in F32' : 'have weights that can be multiplied';
    throw modelFileError(path, expected, `${dims.join(' x ')} in ${type.name}`, ADVICE);
  }
}
