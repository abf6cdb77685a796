/**
 * Loads of the SDK's own library, of both generations: what their llama.cpp said of each, and what each then took, as `bench/footprint/nexa.mjs` has recorded
 * it. A 7B model in three quantizations, in two contexts, with a projector and without.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import { computeEngineFootprint } from '../../../src/footprint/engine/engine-footprint.ts';
import type { EngineAnswer } from '../../../src/footprint/engine/engine-question.ts';
import { completeSettings, type EstimateShape } from '../../../src/footprint/estimator.ts';
import { computeFootprint, type Footprint } from '../../../src/footprint/footprint.ts';
import { type GgufFile, readGguf } from '../../../src/gguf/read-gguf.ts';
import { completeLibraryShape } from '../../../src/sdk/library-shape.ts';
import {
  fullLanguage,
  fullProjector,
  writeAudioProjector,
  writeLanguageModel,
} from '../../../tools/synthetic-model.mjs';

interface Load {
  readonly version: 'v0.5.0' | 'v1.0.45';
  readonly quantization: 'Q4_0' | 'Q4_K_M' | 'Q5_K_M';
  readonly hears: boolean;
  readonly contextSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly answer: EngineAnswer;
  /** Anonymous memory after a short text. */
  readonly saidBytes: number;
  /** After a text that filled a micro-batch: of one load for each library. */
  readonly fullBytes?: number;
}

const PLACE = new URL('../../fixtures/nexa-loads.jsonl', import.meta.url);
const loads = readFileSync(PLACE, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Load);
const LAYOUTS = { 'v0.5.0': 'geniex-0.5', 'v1.0.45': 'nexa-1.0' } as const;
const LINUX = { platform: 'linux', arch: 'x64' } as const;

const folder = mkdtempSync(join(tmpdir(), 'nexa-loads-'));
const models = new Map<string, GgufFile>();
let projector: GgufFile;
beforeAll(async () => {
  for (const quantization of ['Q4_0', 'Q4_K_M', 'Q5_K_M'] as const) {
    const path = join(folder, `${quantization}.gguf`);
    writeLanguageModel(path, { ...fullLanguage, quantization });
    models.set(quantization, await readGguf(path));
  }
  const path = join(folder, 'mmproj.gguf');
  writeAudioProjector(path, fullProjector);
  projector = await readGguf(path);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a full micro-batch touches beside a short text. It depends on the library and the micro-batch, not on weights. */
const touchedBytes = (version: Load['version']) => {
  const full = loads.find((load) => load.version === version && load.fullBytes !== undefined)!;
  return full.fullBytes! - full.saidBytes;
};

/** Weights that are used where the file has them, if the library maps it; and anonymous memory. */
function countTaken({ version, answer, saidBytes }: Load): number {
  const places = version === 'v0.5.0' ? answer.weights.filter(({ host }) => host) : [];
  return places.reduce((sum, { bytes }) => sum + bytes, 0) + saidBytes + touchedBytes(version);
}

const countNeed = ({ mappedBytes, readOnceBytes, anonymousBytes }: Footprint) =>
  mappedBytes - readOnceBytes + anonymousBytes;

function completeLoad({ version, contextSize, batchSize, microBatchSize }: Load) {
  const shape = completeLibraryShape({ contextSize, batchSize, microBatchSize }, LAYOUTS[version], undefined, LINUX);
  return completeSettings(shape as EstimateShape);
}

const named = loads.map((load) => {
  const { version, quantization, contextSize, hears } = load;
  return [`${version} ${quantization}, ${contextSize}${hears ? ', with projector' : ''}`, load] as const;
});

test('all of them are there, and what a full micro-batch touches was measured', () => {
  expect(new Set(named.map(([name]) => name)).size).toBe(24);
  // Of 1283 and 343 MiB that are reserved.
  expect(touchedBytes('v0.5.0') / MiB).toBeCloseTo(377.7, 1);
  expect(touchedBytes('v1.0.45') / MiB).toBeCloseTo(87.35, 1);
});

describe('the estimate by what the library says', () => {
  test.each(named)('of %s is at most 3 %% below what was taken, and 10 %% above', (_, load) => {
    const { quantization, hears, answer } = load;
    const point = answer.contexts[0]!.at(-1)!;
    const files = [models.get(quantization)!, hears ? projector : undefined] as const;
    const estimate = computeEngineFootprint(...files, completeLoad(load), answer, point);
    const ratio = countNeed(estimate) / countTaken(load);
    expect(ratio).toBeGreaterThan(0.97);
    expect(ratio).toBeLessThan(1.1);
    // Anonymous memory by itself, which is what a process is killed for.
    expect(estimate.anonymousBytes).toBeGreaterThan(0.97 * (load.saidBytes + touchedBytes(load.version)));
  });
});

describe('the estimate without asking', () => {
  test.each(named)('of %s is not too low', (_, load) => {
    const files = [models.get(load.quantization)!, load.hears ? projector : undefined] as const;
    const estimate = computeFootprint(...files, completeLoad(load));
    expect(countNeed(estimate) / countTaken(load)).toBeGreaterThan(0.97);
    // The buffers of all logits are counted: 881 MiB for a micro-batch of 2048 tokens.
    expect(countNeed(estimate) / countTaken(load)).toBeLessThan(1.2);
  });
});
