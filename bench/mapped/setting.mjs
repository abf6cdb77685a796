/** The numbers of this benchmark, for the process that limits and the one that is limited. It acts on nothing. */
import { MiB } from 'nexa-memory-guard';

export const FIRST = 'first-F32.gguf';
export const SECOND = 'second-F32.gguf';

/** 396 MiB, all but 2 MiB of it needed for every token. F32: no engine repacks it into anonymous memory, and it is the least work per byte. */
export const SHAPE = {
  quantization: /** @type {const} */ ('F32'),
  random: true,
  hidden: 1024,
  layers: 8,
  heads: 8,
  kvHeads: 8,
  ffn: 2816,
  vocab: 512,
  context: 2048,
};

export const LOAD = { contextSize: 512 };

/** One model keeps 396 MiB mapped; the process takes up to 150 MiB beside them, so one model stays and two don't. */
export const LIMIT_BYTES = 576 * MiB;

/** So small that they refuse nothing which the mapped bytes would allow. */
export const RESERVES = { minFreeBytes: 16 * MiB, minFreeRatioAfterLoad: 0.05 };

export const ANSWER_TOKENS = 4;
export const ANSWERS = 7;

/** What a SATA SSD reads: the same once more at this speed, since a virtual disk may answer from its host's memory. */
export const DISK_BYTES_PER_SECOND = 500 * MiB;

export const ROWS = /** @type {const} */ ([
  'unguarded: A alone',
  'unguarded: A beside B, in turns',
  'unguarded: A beside B, at once',
  'guarded: A alone',
  'guarded: A after B was refused',
]);
