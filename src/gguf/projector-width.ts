/** Knows how wide the vectors are that a projector gives, type by type, and whether a language model takes them. It must not know memory. */
import type { RuledFile } from './header-rule.ts';
import { modelFileError } from './model-file.ts';
import { listEncoders } from './projector-encoders.ts';

/** The tensor whose dimension is the width, and the number of that dimension, the fastest first. */
type WidthSource = readonly [tensor: string, dimension: 0 | 1];

const LLAVA: WidthSource = ['mm.2.weight', 1];
const QWEN_VL: WidthSource = ['mm.2.bias', 0];
const FULLY_CONNECTED: WidthSource = ['mm.model.fc.weight', 1];
const AUDIO: WidthSource = ['mm.a.mlp.2.weight', 1];

/** llama.cpp asks the same tensor (`clip_n_mmproj_embd`) and can't do without it. Other types are compared by newer libraries only. */
const WIDTHS: Readonly<Record<string, WidthSource>> = {
  qwen2a: ['mm.a.fc.weight', 1],
  ultravox: AUDIO,
  voxtral: AUDIO,
  musicflamingo: AUDIO,
  glma: AUDIO,
  qwen3a: AUDIO,
  meralion: ['mm.a.mlp.3.weight', 1],
  gemma3: ['mm.input_projection.weight', 0],
  gemma3nv: ['mm.input_projection.weight', 0],
  idefics3: FULLY_CONNECTED,
  llama4: FULLY_CONNECTED,
  mlp: LLAVA,
  mlp_norm: ['mm.3.bias', 0],
  pixtral: LLAVA,
  lightonocr: LLAVA,
  lfm2: LLAVA,
  kimivl: LLAVA,
  paddleocr: LLAVA,
  qwen2vl_merger: QWEN_VL,
  'qwen2.5vl_merger': QWEN_VL,
  qwen3vl_merger: QWEN_VL,
  youtuvl: QWEN_VL,
  janus_pro: ['mm.1.bias', 0],
  internvl: ['mm.model.mlp.3.weight', 1],
  ldp: ['mm.model.mb_block.1.block.2.1.bias', 0],
  ldpv2: ['mm.model.peg.0.bias', 0],
  resampler: ['resampler.proj.weight', 0],
  adapter: ['adapter.linear.dense_4h_to_h.weight', 1],
  cogvlm: ['mm.down.weight', 1],
  glm4v: ['mm.down.weight', 1],
  lfm2a: ['a.position_embd.weight', 0],
};

/**
 * Refuses a projector whose vectors have another width than the tokens of the model. The older generation of the SDK's library loads such
 * a pair and ends the process at its first text.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseOtherWidth(model: RuledFile, projector: RuledFile): void {
  const key = `${model.architecture}.embedding_length`;
  const expected = model.metadata.get(key);
  for (const { type } of listEncoders(projector)) {
    const source = WIDTHS[type];
    if (source === undefined) continue;
    const [tensor, dimension] = source;
    const width = projector.tensors.find(tensor)?.dims[dimension];
    if (width === undefined) {
      const found = 'no such tensor';
      throw modelFileError(
        projector.path,
        `have the tensor ${tensor} of a projector of type ${type}`,
        found,
        'download the file again',
      );
    }
    if (typeof expected !== 'number' || width === expected) continue;
    const what = `give vectors of ${expected} elements, as ${key} of ${JSON.stringify(model.path)} says`;
    throw modelFileError(
      projector.path,
      what,
      `${width} in ${tensor}`,
      'pass the projector that belongs to this model',
    );
  }
}
