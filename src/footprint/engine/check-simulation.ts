/**
 * Finds out whether a build is understood: it is asked about the tiny model, whose memory is known, once for each value that is set later. A build
 * that answers otherwise is not believed in anything.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineAnswer, EngineQuestion, EngineValues } from './engine-question.ts';
import { type EngineSimulation, SimulationError } from './engine-simulation.ts';
import { countTinyCache, makeTinyModel, TINY_WEIGHTS_BYTES, WINDOW } from './tiny-model.ts';

const F16 = 1;
const F32 = 0;
const Q8_0 = 8;
/** A block of Q8_0 has 32 elements in 34 bytes. */
const Q8_0_BYTES = 34 / 32;

const BASE = { n_batch: 512, n_ubatch: 256, n_seq_max: 1, type_k: F16, type_v: F16, flash_attn_type: 1 };

/** What is set beside `BASE`, and what the answer must be: cells of both kinds of layers, and bytes of a key and a value. */
interface Case {
  readonly values: EngineValues;
  readonly tokens: number;
  readonly cells: number;
  readonly slidingCells: number;
  readonly keyBytes?: number;
  readonly valueBytes?: number;
}

const SLIDING = WINDOW + BASE.n_ubatch;
const FEW = { swa_full: 0, kv_unified: 0 };

const CASES = {
  base: { values: FEW, tokens: 4096, cells: 4096, slidingCells: SLIDING },
  whole: { values: { ...FEW, swa_full: 1 }, tokens: 4096, cells: 4096, slidingCells: 4096 },
  types: {
    values: { ...FEW, type_k: Q8_0, type_v: F32 },
    tokens: 2048,
    cells: 2048,
    slidingCells: SLIDING,
    keyBytes: Q8_0_BYTES,
    valueBytes: 4,
  },
  // 600 tokens are 768 cells; shared out, each of two sequences gets 384, which are 512.
  apart: { values: { ...FEW, n_seq_max: 2, swa_full: 1 }, tokens: 600, cells: 1024, slidingCells: 1024 },
  together: {
    values: { ...FEW, n_seq_max: 2, swa_full: 1, kv_unified: 1 },
    tokens: 600,
    cells: 768,
    slidingCells: 768,
  },
  // A sliding cache is longer by what a micro-batch is longer.
  wide: { values: { ...FEW, n_ubatch: 512 }, tokens: 4096, cells: 4096, slidingCells: WINDOW + 512 },
  // Batches are no longer than asked, and micro-batches no longer than batches.
  narrow: { values: { ...FEW, n_batch: 128 }, tokens: 4096, cells: 4096, slidingCells: 512 },
  // Only what is given out needs logits. A build that can't be told so answers as `base`.
  few: { values: { ...FEW, n_outputs_max: 1 }, tokens: 4096, cells: 4096, slidingCells: SLIDING },
  slow: { values: { ...FEW, flash_attn_type: 0 }, tokens: 4096, cells: 4096, slidingCells: SLIDING },
} as const satisfies Record<string, Case>;

/** Throws a `SimulationError` that says what the build got wrong. */
export function checkSimulation(simulation: EngineSimulation): void {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-'));
  try {
    const modelPath = join(folder, 'tiny.gguf');
    writeFileSync(modelPath, makeTinyModel());
    checkAnswer(simulation.answer(askAllCases(modelPath)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One question with a context for each case. */
function askAllCases(modelPath: string): EngineQuestion {
  const contexts = Object.values(CASES).map(({ values, tokens }) => ({
    values: { ...BASE, ...values },
    leastTokens: tokens,
    mostTokens: tokens,
    stepTokens: 256,
  }));
  return { modelPath, values: { n_gpu_layers: 0 }, loraPaths: [], contexts };
}

/** Throws a `SimulationError`. */
export function checkAnswer({ weights, contexts }: EngineAnswer): void {
  expect(
    'weights',
    weights.reduce((sum, { bytes }) => sum + bytes, 0),
    TINY_WEIGHTS_BYTES,
  );
  const compute: Record<string, number> = {};
  for (const [index, [name, found]] of Object.entries<Case>(CASES).entries()) {
    const { cells, slidingCells, keyBytes = 2, valueBytes = 2 } = found;
    const [{ cacheBytes, computeBytes } = { cacheBytes: 0, computeBytes: 0 }] = contexts[index] ?? [];
    expect(`the cache of "${name}"`, cacheBytes, countTinyCache(cells, slidingCells, keyBytes, valueBytes));
    compute[name] = computeBytes;
  }
  const { base = 0, wide = 0, narrow = 0, few = 0, slow = 0 } = compute;
  if (!(narrow > 0 && narrow < base && base < wide)) throw unbelievable('buffers that do not grow with a batch');
  if (!(few > 0 && few <= base)) throw unbelievable('logits of one token that take more than those of all');
  if (!(slow > base)) throw unbelievable('flash attention that takes as much as none');
}

function expect(what: string, found: number, expected: number): void {
  if (found !== expected) throw unbelievable(`${found} bytes for ${what}, which are ${expected}`);
}

function unbelievable(found: string): SimulationError {
  return new SimulationError(`asked about a model whose memory is known, it says ${found}`);
}
