// Writes sparse projectors of several types for images and sound, beside Qwen2-Audio's in synthetic-model.mjs. It knows nothing of this package.
import { writeGgufFile } from './gguf-file.mjs';

/** @typedef {import('./gguf-file.mjs').Entry} Entry */
/** @typedef {import('./gguf-file.mjs').Tensor} Tensor */
/** @typedef {{ type: string, width: number, ffn: number, layers: number, heads: number, projection?: number }} Projector */

/** @type {Record<string, { kind: 'audio' | 'vision', image?: number, patch?: number, class?: boolean }>} */
const TYPES = {
  gemma3: { kind: 'vision', image: 896, patch: 14 },
  idefics3: { kind: 'vision', image: 512, patch: 16 },
  mlp: { kind: 'vision', image: 336, patch: 14, class: true },
  ultravox: { kind: 'audio' },
  voxtral: { kind: 'audio' },
};
const MELS = 128;
const POSITIONS = 1500;

/** @param {string} file @param {Projector} shape */
export function writeProjector(file, { type, width, ffn, layers, heads, projection = 512 }) {
  const { kind, image = 0, patch = 1, class: classed = false } = TYPES[type] ?? { kind: 'audio' };
  const own = (/** @type {string} */ key) => `clip.${kind}.${key}`;
  /** @type {Entry[]} */
  const entries = [
    ['general.architecture', 'text', 'clip'],
    ['general.type', 'text', 'mmproj'],
    ['general.file_type', 'u32', 1],
    [`clip.has_${kind}_encoder`, 'bool', true],
    ['clip.projector_type', 'text', type],
    [own('embedding_length'), 'u32', width],
    [own('feed_forward_length'), 'u32', ffn],
    [own('block_count'), 'u32', layers],
    [own('attention.head_count'), 'u32', heads],
    [own('attention.layer_norm_epsilon'), 'f32', 1e-6],
    [own('projection_dim'), 'u32', projection],
    ['clip.use_gelu', 'bool', true],
  ];
  /** @type {Tensor[]} */
  const tensors = [];
  /** @param {string} name @param {number[]} dims */
  const weight = (name, ...dims) => tensors.push({ name: `${name}.weight`, dims, type: 'F16' });
  /** @param {string} name @param {number[]} dims */
  const floats = (name, ...dims) => tensors.push({ name, dims, type: 'F32' });
  /** @param {string} name @param {number} length */
  const norm = (name, length) => {
    floats(`${name}.weight`, length);
    floats(`${name}.bias`, length);
  };
  const pre = kind === 'audio' ? 'a' : 'v';
  if (kind === 'audio') {
    entries.push([own('num_mel_bins'), 'u32', MELS]);
    entries.push([own('projector.stack_factor'), 'u32', type === 'ultravox' ? 8 : 4]);
    weight('a.conv1d.1', 3, MELS, width);
    floats('a.conv1d.1.bias', 1, width);
    weight('a.conv1d.2', 3, width, width);
    floats('a.conv1d.2.bias', 1, width);
    floats('a.position_embd.weight', width, POSITIONS);
  } else {
    entries.push([own('image_size'), 'u32', image], [own('patch_size'), 'u32', patch]);
    entries.push([own('image_mean'), 'f32s', [0.5, 0.5, 0.5]], [own('image_std'), 'f32s', [0.5, 0.5, 0.5]]);
    floats('v.patch_embd.weight', patch, patch, 3, width);
    floats('v.patch_embd.bias', width);
    floats('v.position_embd.weight', width, (image / patch) ** 2 + (classed ? 1 : 0));
    if (classed) floats('v.class_embd', width);
    if (classed) norm('v.pre_ln', width);
  }
  norm(`${pre}.post_ln`, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = `${pre}.blk.${layer}`;
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_out']) {
      weight(`${block}.${part}`, width, width);
      if (kind === 'vision' || part !== 'attn_k') floats(`${block}.${part}.bias`, width);
    }
    norm(`${block}.ln1`, width);
    norm(`${block}.ln2`, width);
    weight(`${block}.ffn_up`, width, ffn);
    floats(`${block}.ffn_up.bias`, ffn);
    weight(`${block}.ffn_down`, ffn, width);
    floats(`${block}.ffn_down.bias`, width);
  }
  switch (type) {
    case 'gemma3':
      weight('mm.input_projection', projection, width);
      floats('mm.soft_emb_norm.weight', width);
      break;
    case 'idefics3':
      entries.push([own('projector.scale_factor'), 'u32', 4]);
      weight('mm.model.fc', width * 16, projection);
      break;
    case 'mlp':
      weight('mm.0', width, projection);
      floats('mm.0.bias', projection);
      weight('mm.2', projection, projection);
      floats('mm.2.bias', projection);
      break;
    case 'ultravox':
      floats('mm.a.norm_pre.weight', width * 8);
      weight('mm.a.mlp.1', width * 8, 1024);
      floats('mm.a.norm_mid.weight', 512);
      weight('mm.a.mlp.2', 512, projection);
      break;
    default:
      weight('mm.a.mlp.1', width * 4, projection);
      weight('mm.a.mlp.2', projection, projection);
  }
  return writeGgufFile(file, entries, tensors);
}
