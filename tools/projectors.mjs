/** Writes sparse projectors of several types for images and sound, beside Qwen2-Audio's in synthetic-model.mjs. It knows nothing of this package. */
import { writeGgufFile } from './gguf-file.mjs';

/** @typedef {import('./gguf-file.mjs').Entry} Entry */
/** @typedef {import('./gguf-file.mjs').Tensor} Tensor */
/** @typedef {{ type: string, width: number, ffn: number, layers: number, heads: number, projection?: number }} Projector */

/** @typedef {{ kind: 'audio' | 'vision', image?: number, patch?: number, class?: boolean }} Encoder */
/** @typedef {Projector & Encoder & { entries: Entry[], tensors: Tensor[] }} Parts what is written */

/** @type {Record<string, Encoder>} */
const TYPES = {
  gemma3: { kind: 'vision', image: 896, patch: 14 },
  idefics3: { kind: 'vision', image: 512, patch: 16 },
  mlp: { kind: 'vision', image: 336, patch: 14, class: true },
  ultravox: { kind: 'audio' },
  voxtral: { kind: 'audio' },
};
const MELS = 128;
const POSITIONS = 1500;
/** Width of the language model. */
const PROJECTION = 512;

/** @param {string} file @param {Projector} shape */
export function writeProjector(file, shape) {
  /** @type {Parts} */
  const parts = { ...shape, ...(TYPES[shape.type] ?? { kind: 'audio' }), entries: [], tensors: [] };
  addGeneral(parts);
  if (parts.kind === 'audio') addSound(parts);
  else addImage(parts);
  addBlocks(parts);
  addProjection(parts);
  return writeGgufFile(file, parts.entries, parts.tensors);
}

/** @param {Parts} parts */
function addGeneral(parts) {
  const { type, kind, width, ffn, layers, heads, projection = PROJECTION, entries } = parts;
  entries.push(
    ['general.architecture', 'text', 'clip'],
    ['general.type', 'text', 'mmproj'],
    ['general.file_type', 'u32', 1],
    [`clip.has_${kind}_encoder`, 'bool', true],
    ['clip.projector_type', 'text', type],
    [own(kind, 'embedding_length'), 'u32', width],
    [own(kind, 'feed_forward_length'), 'u32', ffn],
    [own(kind, 'block_count'), 'u32', layers],
    [own(kind, 'attention.head_count'), 'u32', heads],
    [own(kind, 'attention.layer_norm_epsilon'), 'f32', 1e-6],
    [own(kind, 'projection_dim'), 'u32', projection],
    ['clip.use_gelu', 'bool', true],
  );
}

/** @param {Parts} parts */
function addSound(parts) {
  const { type, kind, width, entries } = parts;
  entries.push([own(kind, 'num_mel_bins'), 'u32', MELS]);
  entries.push([own(kind, 'projector.stack_factor'), 'u32', type === 'ultravox' ? 8 : 4]);
  addWeight(parts, 'a.conv1d.1', 3, MELS, width);
  addFloats(parts, 'a.conv1d.1.bias', 1, width);
  addWeight(parts, 'a.conv1d.2', 3, width, width);
  addFloats(parts, 'a.conv1d.2.bias', 1, width);
  addFloats(parts, 'a.position_embd.weight', width, POSITIONS);
}

/** @param {Parts} parts */
function addImage(parts) {
  const { kind, image = 0, patch = 1, class: classed = false, width, entries } = parts;
  entries.push([own(kind, 'image_size'), 'u32', image], [own(kind, 'patch_size'), 'u32', patch]);
  entries.push([own(kind, 'image_mean'), 'f32s', [0.5, 0.5, 0.5]], [own(kind, 'image_std'), 'f32s', [0.5, 0.5, 0.5]]);
  addFloats(parts, 'v.patch_embd.weight', patch, patch, 3, width);
  addFloats(parts, 'v.patch_embd.bias', width);
  addFloats(parts, 'v.position_embd.weight', width, (image / patch) ** 2 + (classed ? 1 : 0));
  if (classed) addFloats(parts, 'v.class_embd', width);
  if (classed) addNorm(parts, 'v.pre_ln', width);
}

/** @param {Parts} parts */
function addBlocks(parts) {
  const { kind, width, ffn, layers } = parts;
  const prefix = kind === 'audio' ? 'a' : 'v';
  addNorm(parts, `${prefix}.post_ln`, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = `${prefix}.blk.${layer}`;
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_out']) {
      addWeight(parts, `${block}.${part}`, width, width);
      if (kind === 'vision' || part !== 'attn_k') addFloats(parts, `${block}.${part}.bias`, width);
    }
    addNorm(parts, `${block}.ln1`, width);
    addNorm(parts, `${block}.ln2`, width);
    addWeight(parts, `${block}.ffn_up`, width, ffn);
    addFloats(parts, `${block}.ffn_up.bias`, ffn);
    addWeight(parts, `${block}.ffn_down`, ffn, width);
    addFloats(parts, `${block}.ffn_down.bias`, width);
  }
}

/** @param {Parts} parts */
function addProjection(parts) {
  const { type, kind, width, projection = PROJECTION, entries } = parts;
  switch (type) {
    case 'gemma3':
      addWeight(parts, 'mm.input_projection', projection, width);
      addFloats(parts, 'mm.soft_emb_norm.weight', width);
      break;
    case 'idefics3':
      entries.push([own(kind, 'projector.scale_factor'), 'u32', 4]);
      addWeight(parts, 'mm.model.fc', width * 16, projection);
      break;
    case 'mlp':
      addWeight(parts, 'mm.0', width, projection);
      addFloats(parts, 'mm.0.bias', projection);
      addWeight(parts, 'mm.2', projection, projection);
      addFloats(parts, 'mm.2.bias', projection);
      break;
    case 'ultravox':
      addFloats(parts, 'mm.a.norm_pre.weight', width * 8);
      addWeight(parts, 'mm.a.mlp.1', width * 8, 1024);
      addFloats(parts, 'mm.a.norm_mid.weight', 512);
      addWeight(parts, 'mm.a.mlp.2', 512, projection);
      break;
    default:
      addWeight(parts, 'mm.a.mlp.1', width * 4, projection);
      addWeight(parts, 'mm.a.mlp.2', projection, projection);
  }
}

/** @param {string} kind @param {string} key */
function own(kind, key) {
  return `clip.${kind}.${key}`;
}

/** @param {Parts} parts @param {string} name @param {number[]} dims */
function addWeight({ tensors }, name, ...dims) {
  tensors.push({ name: `${name}.weight`, dims, type: 'F16' });
}

/** @param {Parts} parts @param {string} name @param {number[]} dims */
function addFloats({ tensors }, name, ...dims) {
  tensors.push({ name, dims, type: 'F32' });
}

/** @param {Parts} parts @param {string} name @param {number} length */
function addNorm(parts, name, length) {
  addFloats(parts, `${name}.weight`, length);
  addFloats(parts, `${name}.bias`, length);
}
