/** What encoders of images like CLIP and SigLIP have that the engine doesn't ask for: a table of numbers. Whatever isn't here is found out by asking. */
import { PROJECTOR_SIZES } from './projector-dims.mjs';
import {
  BIASED,
  BIASES,
  CLASSED,
  listBlocks,
  listMobileBlock,
  MERGED,
  MERGER,
  MOBILE,
  NORMED_MERGER,
  PATCH,
  PATCH_BIAS,
  PIXELS,
  POSITIONS,
  POST,
  TWO_PATCHES,
  WEIGHTS,
  withBiases,
} from './projector-parts.mjs';

const { width, text } = PROJECTOR_SIZES;

/** @type {Readonly<Record<string, import('./projector-plans.mjs').ProjectorPlan>>} */
export const BIASED_VISION_PLANS = {
  mlp: {
    kind: 'vision',
    tensors: [
      ...BIASED,
      ...POSITIONS,
      'v.class_embd',
      'v.pre_ln.weight',
      'v.pre_ln.bias',
      ...['mm.0.weight', 'mm.0.bias', 'mm.2.weight', 'mm.2.bias'],
    ],
    dims: CLASSED,
  },
  ldp: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, 'v.class_embd', 'v.pre_ln.weight', 'v.pre_ln.bias'],
    dims: {
      ...MOBILE,
      ...withBiases({ 'mm.model.mlp.1': [width, text], 'mm.model.mlp.3': [text, text] }),
      ...listMobileBlock(1),
      ...listMobileBlock(2),
    },
    keys: { image_size: ['u32', 336] },
  },
  ldpv2: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, 'v.class_embd', 'v.pre_ln.weight', 'v.pre_ln.bias'],
    dims: {
      ...MOBILE,
      ...withBiases({
        'mm.model.mlp.0': [width, text],
        'mm.model.mlp.2': [text, text],
        'mm.model.peg.0': [3, 3, 1, text],
      }),
    },
    keys: { image_size: ['u32', 336] },
  },
  resampler: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: { 'v.position_embd.weight': [width, 4900] },
  },
  adapter: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: {
      ...withBiases({ 'adapter.conv': [2, 2, width, text], 'adapter.linear.norm1': [text] }),
      'adapter.linear.linear.weight': [text, text],
      'adapter.linear.dense_h_to_4h.weight': [text, 1024],
      'adapter.linear.gate.weight': [text, 1024],
      'adapter.linear.dense_4h_to_h.weight': [1024, text],
      'adapter.boi': [text],
      'adapter.eoi': [text],
    },
  },
  qwen2vl_merger: {
    kind: 'vision',
    tensors: [...listBlocks('v', ...WEIGHTS, ...BIASES), ...TWO_PATCHES, ...POST],
    dims: MERGER,
  },
  gemma3: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: { 'mm.input_projection.weight': [text, width] },
  },
  idefics3: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: { 'mm.model.fc.weight': [16 * width, text] },
    keys: { 'projector.scale_factor': ['u32', 4] },
  },
  internvl: {
    kind: 'vision',
    tensors: [...BIASED, ...listBlocks('v', 'ls1.weight', 'ls2.weight'), ...POSITIONS, 'v.class_embd'],
    dims: {
      ...CLASSED,
      ...withBiases({ 'mm.model.mlp.0': [MERGED], 'mm.model.mlp.1': [MERGED, text], 'mm.model.mlp.3': [text, text] }),
    },
    keys: { 'projector.scale_factor': ['u32', 2] },
  },
  nemotron_v2_vl: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, 'v.class_embd'],
    dims: {
      'v.class_embd': [width, 10],
      'mm.model.mlp.0.weight': [MERGED],
      'mm.model.mlp.1.weight': [MERGED, text],
      'mm.model.mlp.3.weight': [text, text],
    },
    keys: { 'projector.scale_factor': ['u32', 2] },
  },
  llama4: {
    kind: 'vision',
    tensors: [
      ...listBlocks('v', ...WEIGHTS, ...BIASES),
      ...PATCH,
      ...POSITIONS,
      'v.class_embd',
      'v.pre_ln.weight',
      'v.pre_ln.bias',
      ...POST,
    ],
    dims: {
      ...CLASSED,
      'v.patch_embd.weight': [14 * 14 * 3, width],
      'mm.model.mlp.1.weight': [MERGED, 1024],
      'mm.model.mlp.2.weight': [1024, 1024],
      'mm.model.fc.weight': [1024, text],
    },
    keys: { 'projector.scale_factor': ['u32', 2] },
  },
  lfm2: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST, 'mm.input_norm.weight', 'mm.input_norm.bias'],
    dims: { ...NORMED_MERGER, ...withBiases({ 'mm.input_norm': [MERGED] }) },
    keys: { 'projector.scale_factor': ['u32', 2] },
  },
  kimivl: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: NORMED_MERGER,
    keys: { 'projector.scale_factor': ['u32', 2] },
  },
  kimik25: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: { ...NORMED_MERGER, 'v.position_embd.weight': [width, 16, 16] },
    keys: { 'projector.scale_factor': ['u32', 2], ...PIXELS },
  },
  paddleocr: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: NORMED_MERGER,
    keys: { ...PIXELS },
  },
  janus_pro: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: withBiases({ 'mm.0': [width, text], 'mm.1': [text, text] }),
  },
  youtuvl: {
    kind: 'vision',
    tensors: [...listBlocks('v', ...WEIGHTS, ...BIASES), ...PATCH_BIAS, ...POST],
    dims: { ...MERGER, 'v.patch_embd.weight': [14 * 14 * 3, width] },
    keys: { window_size: ['u32', 112], wa_layer_indexes: ['i32s', [1]] },
  },
  step3vl: {
    kind: 'vision',
    tensors: [
      ...BIASED,
      ...listBlocks('v', 'ls1.weight', 'ls2.weight'),
      ...POSITIONS,
      'v.pre_ln.weight',
      'v.pre_ln.bias',
    ],
    dims: {
      'mm.0.weight': [3, 3, width, 2 * width],
      'mm.1.weight': [3, 3, 2 * width, 4 * width],
      'mm.model.fc.weight': [MERGED, text],
    },
  },
  phi4: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    keys: { ...PIXELS },
    dims: withBiases({ 'mm.0': [width, text] }),
  },
  hunyuanvl: {
    kind: 'vision',
    tensors: [...BIASED, ...POSITIONS, ...POST],
    dims: {
      ...withBiases({ 'mm.0': [2, 2, width, 512], 'mm.2': [1, 1, 512, 1024], 'mm.model.fc': [1024, text] }),
      'mm.pre_norm.weight': [width],
      'mm.post_norm.weight': [text],
      'v.image_newline': [1024],
    },
  },
  minimax_m3: {
    kind: 'vision',
    tensors: [...listBlocks('v', ...WEIGHTS, ...BIASES), ...TWO_PATCHES, 'v.pre_ln.weight', 'v.pre_ln.bias'],
    dims: withBiases({
      'mm.1': [width, text],
      'mm.2': [text, text],
      'mm.merger.fc1': [4 * text, text],
      'mm.merger.fc2': [text, text],
    }),
  },
};
