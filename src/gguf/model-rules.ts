/**
 * Knows which values in a language model's header end the process of llama.cpp's builds, row by row. It must not know projectors
 * or engines' interfaces.
 */
import {
  type Bounds,
  fraction,
  type HeaderRule,
  type RuledFile,
  type RuledHeader,
  refuseBrokenRules,
  typed,
  wholeNumber,
  wholeNumberList,
  word,
} from './header-rule.ts';
import { modelFileError } from './model-file.ts';
import { isPlainAttention } from './plain-attention.ts';

/** `LLAMA_MAX_LAYERS` and `LLAMA_MAX_EXPERTS`. */
const MAX_LAYERS = 512;
const MAX_EXPERTS = 512;
/** These architectures take one expert for none. */
const SINGLE_EXPERT = ['hunyuan-dense', 'hunyuan_vl'];

/** Keys of a layer's numbers that stand below the architecture. A value that is legal for some architecture is right in every rule. */
const MODEL_RULES: readonly HeaderRule[] = [
  wholeNumber('block_count', { least: 1, most: MAX_LAYERS }),
  fraction('attention.layer_norm_rms_epsilon'),
  fraction('attention.layer_norm_epsilon'),
  fraction('attention.group_norm_epsilon'),
  word('rope.scaling.type', ['none', 'linear', 'yarn', 'longrope']),
  wholeNumberList('attention.head_count'),
  wholeNumberList('attention.head_count_kv'),
  wholeNumberList('feed_forward_length'),
  wholeNumberList('rope.dimension_sections'),
  wholeNumber('rope.dimension_count', boundRotation),
  wholeNumber('attention.sliding_window_pattern', boundPattern),
  typed('classifier.output_labels', ['string[]']),
  wholeNumber('expert_count', { least: 0, most: MAX_EXPERTS }),
  wholeNumber('expert_used_count', boundUsedExperts, { absent: 0 }),
  wholeNumber('expert_group_count', boundExpertGroups, { absent: 0 }),
  wholeNumber('expert_group_used_count', boundUsedGroups, { absent: 0 }),
];

/** Architectures with plain attention have one length of a head everywhere, all of which is rotated. */
const PLAIN_ATTENTION_RULES: readonly HeaderRule[] = [
  wholeNumber('attention.key_length', boundToHeadLength),
  wholeNumber('rope.dimension_count', boundToHeadLength),
];

/**
 * Refuses a language model over whose header an engine would end the process.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseUnsoundModel(file: RuledFile): void {
  refuseBrokenRules(file, file.architecture, MODEL_RULES);
  if (!isPlainAttention(file.architecture)) return;
  refuseBrokenRules(file, file.architecture, PLAIN_ATTENTION_RULES);
  refuseOtherKeyRows(file);
}

function boundUsedExperts({ file, number }: RuledHeader): Bounds {
  const experts = number('expert_count') ?? 0;
  const has = experts > (SINGLE_EXPERT.includes(file.architecture) ? 1 : 0);
  return has ? { least: 1, most: experts } : { least: 0, most: experts };
}

function boundExpertGroups({ number }: RuledHeader): Bounds {
  const experts = number('expert_count') ?? 0;
  const groups = number('expert_group_count') ?? 0;
  return { least: 0, most: Math.max(0, experts - 1), divides: groups > 1 ? experts : undefined };
}

function boundUsedGroups({ number }: RuledHeader): Bounds | undefined {
  const groups = number('expert_group_count') ?? 0;
  return groups > 1 ? { least: 1, most: groups - 1 } : undefined;
}

/** Pairs of elements of a head are rotated, at most all of them. */
function boundRotation(header: RuledHeader): Bounds | undefined {
  const length = readHeadLength(header, 'attention.key_length');
  return length === undefined ? undefined : { least: 0, most: length, multipleOf: 2 };
}

/** If each group has one layer, no layer has the window that the header names. A list of truth values is not judged. */
function boundPattern({ file, number }: RuledHeader): Bounds | undefined {
  const value = file.metadata.get(`${file.architecture}.attention.sliding_window_pattern`);
  const hasWindow = (number('attention.sliding_window') ?? 0) > 0;
  return value === 1 && hasWindow ? { least: 2 } : undefined;
}

function boundToHeadLength(header: RuledHeader): Bounds | undefined {
  const length = readHeadLength(header, 'attention.value_length');
  return length === undefined ? undefined : { least: length, most: length };
}

/** Without heads in the first layer no length is read. */
function readHeadLength({ number }: RuledHeader, key: string): number | undefined {
  const heads = number('attention.head_count') ?? 0;
  return heads === 0 ? undefined : (number(key) ?? Math.floor((number('embedding_length') ?? 0) / heads));
}

/** A layer whose keys have other rows than the first layer's heads say ends the process when its cache is written. */
function refuseOtherKeyRows({ path, architecture, metadata, tensors }: RuledFile): void {
  const heads = metadata.get(`${architecture}.attention.head_count_kv`);
  const first = tensors.find('blk.0.attn_k.weight')?.dims[1];
  if (!Array.isArray(heads) || first === undefined || !(heads[0] > 0)) return;
  for (const [layer, count] of heads.entries()) {
    const rows = tensors.find(`blk.${layer}.attn_k.weight`)?.dims[1];
    if (rows === undefined || rows * heads[0] === first * count) continue;
    const expected = `have as many rows in blk.${layer}.attn_k.weight as ${architecture}.attention.head_count_kv says`;
    throw modelFileError(path, expected, `${rows} for ${count} heads`, 'download the file again');
  }
}
