/** The quantization in the name of a file, in all the ways in which publishers write it. It reads no folder and no file. */
import { isLadderStep, LADDER, type LadderStep } from '../core/quantizations.ts';

/** A quantization as somebody wrote it. */
export interface WrittenQuantization {
  /** In capital letters and with its mark: `Q4_K_M`, or a recipe such as `UD-Q4_K_XL`. */
  readonly quantization: string;
  /** The step of the ladder that it counts as. */
  readonly step: LadderStep;
}

/** What a name says of its quantization. */
export interface NamedQuantization extends WrittenQuantization {
  /** The name around it. */
  readonly before: string;
  readonly after: string;
}

/** Other spellings of a type, and what is left of a recipe such as `Q4_K_XL` without its size. */
const OTHER_NAMES: Readonly<Record<string, LadderStep>> = {
  FP32: 'F32',
  FP16: 'F16',
  MXFP4_MOE: 'MXFP4',
  Q8_K: 'Q8_0',
  Q5_K: 'Q5_K_M',
  Q4_K: 'Q4_K_M',
  Q3_K: 'Q3_K_M',
  // Recipes whose sizes lie nearest to another type than that of their first part.
  Q3_K_XL: 'Q3_K_L',
  Q3_K_XS: 'Q3_K_S',
  Q2_K_XS: 'Q2_K_S',
};

/** How a file was made, apart from its type: `UD` and `AD` choose a type for each tensor, the others used an importance matrix. */
const MARKS: Readonly<Record<string, string>> = { ud: 'UD', ad: 'AD', i1: 'i1', imat: 'imat', imatrix: 'imat' };

const NAMES = [...LADDER, ...Object.keys(OTHER_NAMES)].sort((a, b) => b.length - a.length).join('|');
const MARK = Object.keys(MARKS).join('|');

/**
 * A type between separators. Two endings make it another type: `_4_4` an arrangement for some processors that llama.cpp reads no
 * more, and `_R4` one that only a fork reads.
 */
const QUANTIZATION = new RegExp(
  `(?<![a-z0-9])(?:(${MARK})[-._])?(${NAMES})(_(?:xs|s|m|l|xl|p))?(?![a-z0-9]|_r?[0-9])(?:[-._](imat(?:rix)?)(?![a-z0-9]))?`,
  'gi',
);

/** Not of the types that a K type's first part tells apart: `q4` may be any of six. */
const VAGUE = /(?<![a-z0-9])q[1-8](?![a-z0-9]|_[0-9k])/i;

const FLOAT = /^(?:F32|F16|BF16)$/;

/** `undefined` if the name says none that llama.cpp has. `name` has no ending and no shard. */
export function readQuantization(name: string): NamedQuantization | undefined {
  const found = [...name.matchAll(QUANTIZATION)];
  const last = found.at(-1);
  const previous = found.at(-2);
  if (last === undefined) return undefined;
  // A model's own name can have a type in it, so the last one counts; but `Q6_K-f32` is a Q6_K with embeddings of another type.
  const chosen = previous && isFloat(last) && !isFloat(previous) && isNextTo(previous, last) ? previous : last;
  if (isFloat(chosen) && VAGUE.test(name)) return undefined;
  const { index, 0: text } = chosen;
  return { ...nameOf(chosen), before: name.slice(0, index), after: name.slice(index + text.length) };
}

/** The same for a text that is nothing but a quantization, such as `q4_k_m` or `UD-Q4_K_XL`. */
export function normalizeQuantization(text: string): WrittenQuantization | undefined {
  const read = readQuantization(text);
  if (read === undefined || read.before !== '' || read.after !== '') return undefined;
  const { quantization, step } = read;
  return { quantization, step };
}

function nameOf([, markBefore, type, size = '', markAfter]: RegExpExecArray) {
  const mark = MARKS[(markBefore ?? markAfter ?? '').toLowerCase()];
  const [name, base] = [`${type}${size}`.toUpperCase(), type!.toUpperCase()];
  const step = findStep(name) ?? findStep(base)!;
  const other = size === '' && FLOAT.test(step) ? step : name;
  return { quantization: mark === undefined ? other : `${mark}-${other}`, step };
}

function findStep(name: string): LadderStep | undefined {
  return isLadderStep(name) ? name : OTHER_NAMES[name];
}

function isFloat(found: RegExpExecArray): boolean {
  return FLOAT.test(nameOf(found).step);
}

function isNextTo(previous: RegExpExecArray, next: RegExpExecArray): boolean {
  return next.index === previous.index + previous[0].length + 1;
}
