/** Knows what only the older generation of the SDK's library ends the process over. It loads nothing. */

import type { RuledFile } from '../../gguf/header-rule.ts';
import { modelFileError, quote } from '../../gguf/model-file.ts';
import { listEncoders } from '../../gguf/projector-encoders.ts';

/** The types that its source has. Of any other one the load succeeds, and the first text ends the process. */
const PROJECTOR_TYPES: ReadonlySet<string> = new Set([
  ...[
    'mlp',
    'mlp_norm',
    'ldp',
    'ldpv2',
    'resampler',
    'adapter',
    'qwen2vl_merger',
    'qwen2.5vl_merger',
    'qwen3vl_merger',
  ],
  ...['gemma3', 'gemma3nv', 'gemma3na', 'idefics3', 'pixtral', 'ultravox', 'internvl', 'llama4', 'qwen2a', 'glma'],
  ...['voxtral', 'musicflamingo', 'lfm2', 'kimivl', 'lightonocr', 'cogvlm', 'janus_pro', 'lfm2a', 'glm4v', 'youtuvl'],
]);

/**
 * Refuses a projector that the older generation can't take.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseForOlderGeneration(projector: RuledFile): void {
  refuseWideKernels(projector);
  const unknown = listEncoders(projector).find(({ type }) => !PROJECTOR_TYPES.has(type));
  if (unknown === undefined) return;
  const expected = 'be a projector of a type that this version of the library has';
  throw modelFileError(
    projector.path,
    expected,
    quote(unknown.type),
    'load it with GenieX or with the embedded runtime',
  );
}

/** Convolutions along one dimension in F32; published projectors have them in F16. */
function refuseWideKernels({ path, tensors }: RuledFile): void {
  const wide = tensors.kinds.find(({ dims, type }) => type.name === 'F32' && dims.length === 3);
  if (wide === undefined) return;
  const found = `F32 (${wide.dims.join(' x ')})`;
  throw modelFileError(path, 'have convolution kernels in F16', found, 'convert the projector with --outtype f16');
}
