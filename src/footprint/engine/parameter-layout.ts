/**
 * Knows where a build of llama.cpp keeps each of its parameters, by looking at what it fills in itself: every build has a layout of its own,
 * and the defaults are as good as a signature. It must not call anything.
 */

/** Where a flag, a 32-bit number or a pointer begins, in bytes, and which of them it is. */
interface Field {
  readonly at: number;
  readonly bytes: 1 | 4 | 8;
}

/** The fields that are set, by llama.cpp's names. One that a build doesn't have is absent. */
export type Layout = Readonly<Partial<Record<string, Field>>>;

/** What can't be set is said, not passed over: the answer would be about something else. */
export class LayoutError extends Error {}

/** Longer than any build's parameters are; behind them lies whatever was there. */
const MOST_BYTES = 256;

/** Reads defaults as whole numbers of four bytes. */
class Words {
  readonly #view: DataView;

  constructor(defaults: Uint8Array) {
    this.#view = new DataView(defaults.buffer, defaults.byteOffset, Math.min(defaults.byteLength, MOST_BYTES));
  }

  at(byte: number): number {
    return byte + 4 <= this.#view.byteLength ? this.#view.getInt32(byte, true) : Number.NaN;
  }

  byte(byte: number): number {
    return byte < this.#view.byteLength ? this.#view.getUint8(byte) : Number.NaN;
  }

  /** Whether these numbers stand there one after the other. */
  has(byte: number, ...numbers: readonly number[]): boolean {
    return numbers.every((number, index) => this.at(byte + 4 * index) === number);
  }

  hasBytes(byte: number, ...flags: readonly number[]): boolean {
    return flags.every((flag, index) => this.byte(byte + index) === flag);
  }

  /** The first multiple of `step` from `start` on, and before `end`, for which `holds` is true. */
  find(start: number, end: number, step: number, holds: (byte: number) => boolean): number | undefined {
    for (let byte = start; byte < end; byte += step) if (holds(byte)) return byte;
    return undefined;
  }
}

const flag = (at: number): Field => ({ at, bytes: 1 });
const number = (at: number): Field => ({ at, bytes: 4 });
const pointer = (at: number): Field => ({ at, bytes: 8 });

/**
 * `llama_model_params`: two pointers, the layers, how they are split, by newer builds how the file is read, the main device, four pointers that
 * are null, and flags of which the one for extra buffer types is set.
 *
 * @returns `undefined` if these are no such defaults, or those of a build that can't simulate.
 */
export function findModelLayout(defaults: Uint8Array): Layout | undefined {
  const words = new Words(defaults);
  const all = words.at(16);
  if (!words.has(0, 0, 0, 0, 0) || (all !== -1 && all !== 999) || words.at(20) !== 1) return undefined;
  // Behind the numbers come the null pointers, so the first byte that is set belongs to the flags.
  const set = words.find(32, 96, 1, (byte) => words.byte(byte) !== 0);
  if (set === undefined) return undefined;
  const flags = set - (set % 8);
  const common = { devices: pointer(0), overrides: pointer(8), n_gpu_layers: number(16), split_mode: number(20) };
  if (words.hasBytes(flags, 0, 0, 1, 0, 0)) {
    return {
      ...common,
      load_mode: number(24),
      ...(flags > 64 && { lazy_mode: number(28) }),
      vocab_only: flag(flags),
      use_extra_bufts: flag(flags + 2),
      no_host: flag(flags + 3),
      no_alloc: flag(flags + 4),
      // Builds without it have nothing there, and load them always.
      load_mtp: flag(flags + 5),
    };
  }
  // Earlier: vocab_only, use_mmap, sometimes use_direct_io, use_mlock, check_tensors, use_extra_bufts, no_host, no_alloc. The last that is set is
  // the one for extra buffer types.
  const extra = [7, 6, 5, 4].map((offset) => flags + offset).find((byte) => words.byte(byte) === 1);
  if (!words.hasBytes(flags, 0, 1) || extra === undefined) return undefined;
  return {
    ...common,
    vocab_only: flag(flags),
    use_mmap: flag(flags + 1),
    use_extra_bufts: flag(extra),
    no_host: flag(extra + 1),
    no_alloc: flag(extra + 2),
  };
}

/**
 * `llama_context_params`: sizes (512, 2048, 512, 1), threads (4, 4), in newer builds the type of context, four choices that are -1, numbers for positions, two null pointers, the types
 * of keys and values (F16 twice), two null pointers, flags.
 */
export function findContextLayout(defaults: Uint8Array): Layout | undefined {
  const words = new Words(defaults);
  if (!words.has(0, 512, 2048, 512, 1)) return undefined;
  const threads = words.find(16, 48, 4, (byte) => words.has(byte, 4, 4));
  if (threads === undefined) return undefined;
  const choices = words.find(threads + 8, threads + 24, 4, (byte) => words.has(byte, -1, -1, -1, -1));
  if (choices === undefined) return undefined;
  const types = words.find(choices + 32 - (choices % 8), 160, 8, (byte) => words.has(byte, 1, 1, 0, 0, 0, 0));
  // embeddings, offload_kqv, no_perf, op_offload, swa_full, kv_unified
  if (types === undefined || !words.hasBytes(types + 24, 0, 1, 1, 1, 1, 0)) return undefined;
  const flags = types + 24;
  return {
    n_ctx: number(0),
    n_batch: number(4),
    n_ubatch: number(8),
    n_seq_max: number(12),
    ...(threads >= 20 && { n_rs_seq: number(16) }),
    ...(threads >= 24 && { n_outputs_max: number(20) }),
    ...(choices - threads === 12 && { ctx_type: number(choices - 4) }),
    pooling_type: number(choices + 4),
    flash_attn_type: number(choices + 12),
    type_k: number(types),
    type_v: number(types + 4),
    embeddings: flag(flags),
    offload_kqv: flag(flags + 1),
    op_offload: flag(flags + 3),
    swa_full: flag(flags + 4),
    kv_unified: flag(flags + 5),
  };
}

/**
 * `mtmd_context_params`: use_gpu, in newer builds a null pointer for the device, print_timings, four threads, the media marker, flash attention
 * -1, warmup, image tokens -1 and -1.
 */
export function findProjectorLayout(defaults: Uint8Array): Layout | undefined {
  const words = new Words(defaults);
  const images = words.find(16, 80, 4, (byte) => words.has(byte, -1, -1) && words.at(byte - 8) === -1);
  if (words.byte(0) !== 1 || images === undefined) return undefined;
  return {
    use_gpu: flag(0),
    flash_attn_type: number(images - 8),
    warmup: flag(images - 4),
    image_min_tokens: number(images),
    image_max_tokens: number(images + 4),
  };
}

/**
 * A copy of the defaults with other values; a flag is 0 or 1.
 *
 * @throws LayoutError for a value that the build has no field for.
 */
export function writeParameters(
  defaults: Uint8Array,
  layout: Layout,
  values: Readonly<Record<string, number | undefined>>,
): Uint8Array {
  const bytes = Uint8Array.from(defaults);
  const view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const field = layout[name];
    if (!field) throw new LayoutError(`this build has no ${name}`);
    if (field.bytes === 1) view.setUint8(field.at, value);
    else view.setInt32(field.at, value, true);
  }
  return bytes;
}
