import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { computeFootprint } from '../../src/footprint/footprint.ts';
import { createReadState, readHeader } from '../../src/gguf/gguf-header.ts';
import type { GgufFile } from '../../src/gguf/read-gguf.ts';
import { SMALL } from '../../tools/architectures.mjs';
import { memorySource } from '../support/memory-source.ts';
import { makeModels } from '../support/model-headers.ts';
import { headerMutation, mutateHeader } from '../support/mutate-header.ts';

const RUNS = 4000;
const SEED = 20_260_102;

const models = makeModels();
afterAll(() => models.remove());

const LANGUAGE = Object.entries(SMALL).map(([architecture, small]) =>
  models.model({ architecture, vocab: 300, layers: 2, ...small }),
);
const PROJECTORS = [
  models.projector({ width: 64, layers: 2, heads: 4, ffn: 128 }),
  ...['gemma3', 'idefics3', 'mlp', 'ultravox', 'voxtral'].map((type) =>
    models.projector({ type, width: 64, ffn: 128, layers: 2, heads: 4 }),
  ),
];
const RUN = {
  contextSize: 4096,
  batchSize: 512,
  microBatchSize: 512,
  sequences: 1,
  keyType: 'f16',
  valueType: 'f16',
  mmap: true,
  repack: true,
  repackNote: 'a guess',
  gpuLayers: 0,
  repackForbidden: false,
  flashAttentionMode: 'auto' as const,
  unifiedKvCache: false,
  mlock: false,
  directIo: false,
  simulatesLoads: false,
  loraPaths: [],
  maxImagePixels: 1,
  stateCacheBytes: 0,
  stateSnapshots: 0,
  contextShift: false,
  part: 'all' as const,
  draftTokens: 0,
  draftRole: 'own' as const,
  draftKeyType: 'f16',
  draftValueType: 'f16',
  draftThreads: 4,
  fullSlidingCache: false,
  embeddings: false,
};

/** As `readGguf` gives it, with a sparse tail that is long enough for any tensor. */
async function read(bytes: Buffer): Promise<GgufFile> {
  const { metadata, tensors } = await readHeader(memorySource(bytes, bytes.length + 1e12), createReadState());
  const [architecture, type] = ['general.architecture', 'general.type'].map((key) => metadata.get(key));
  return { path: 'm.gguf', architecture: String(architecture), type, metadata, tensors } as unknown as GgufFile;
}

async function headerOf(path: string): Promise<{ bytes: Buffer; headerBytes: number }> {
  const bytes = readFileSync(path);
  const [shard] = (await read(bytes)).tensors.shards;
  return { bytes, headerBytes: shard?.dataOffset ?? Number.NaN };
}

test(`${RUNS} damaged headers are estimated or refused, in bounded time`, async () => {
  const headers = await Promise.all([...LANGUAGE, ...PROJECTORS].map(headerOf));
  const sound = await read((headers[0] as { bytes: Buffer }).bytes);
  const outcomes = { estimated: 0, refused: 0 };
  let longestMs = 0;
  const damaged = fc.tuple(
    fc.nat(headers.length - 1),
    fc.array(headerMutation, { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  );
  const property = fc.asyncProperty(damaged, async ([which, mutations, flashAttention]) => {
    const bytes = mutateHeader(headers[which] as { bytes: Buffer; headerBytes: number }, mutations);
    const start = performance.now();
    try {
      const file = await read(bytes);
      const [model, projector] = which < LANGUAGE.length ? [file, undefined] : [sound, file];
      const { totalBytes } = computeFootprint(model, projector, { ...RUN, flashAttention });
      if (!(totalBytes > 0)) expect(totalBytes).toBe('more than nothing');
      outcomes.estimated++;
    } catch (error) {
      if (!(error instanceof MemoryGuardError) || error.code !== 'ERR_MODEL_FILE') throw error;
      outcomes.refused++;
    }
    longestMs = Math.max(longestMs, performance.now() - start);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  expect(outcomes.estimated).toBeGreaterThan(RUNS / 20);
  expect(outcomes.refused).toBeGreaterThan(RUNS / 4);
  expect(longestMs).toBeLessThan(10_000);
}, 120_000);
