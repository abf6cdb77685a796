/** Writes a LoRA adapter for a model as a sparse GGUF file: every weight is zero, every shape is real. It knows no architecture. */
import { writeGgufFile } from './gguf-file.mjs';

/** @typedef {import('./gguf-file.mjs').Tensor} Tensor */

/** The matrices of each layer that adapters usually change; those that a model has not are left out. */
const CHANGED = /^blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down))\.weight$/;

/**
 * Each changed matrix gets two: one to `rank` values, and one back.
 * @param {string} file @param {string} architecture of the model @param {readonly Tensor[]} tensors of the model @param {number} rank
 */
export function writeLora(file, architecture, tensors, rank) {
  const changed = tensors.filter(({ name, dims }) => dims.length === 2 && CHANGED.test(name));
  return writeGgufFile(
    file,
    [
      ['general.type', 'text', 'adapter'],
      ['general.architecture', 'text', architecture],
      ['general.name', 'text', `rank ${rank} synthetic`],
      ['adapter.type', 'text', 'lora'],
      ['adapter.lora.alpha', 'f32', rank],
    ],
    changed.flatMap(({ name, dims: [columns = 0, rows = 0] }) => [
      { name: `${name}.lora_a`, dims: [columns, rank], type: /** @type {const} */ ('F16') },
      { name: `${name}.lora_b`, dims: [rank, rows], type: /** @type {const} */ ('F16') },
    ]),
  );
}
