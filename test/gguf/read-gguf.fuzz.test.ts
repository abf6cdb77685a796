import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { createReadState, type GgufHeader, readHeader } from '../../src/gguf/gguf-header.ts';
import type { TensorKind } from '../../src/gguf/gguf-tensors.ts';
import { CHUNK_BYTES } from '../../src/gguf/header-cursor.ts';
import { ggufBytes, smallModel, smallProjector } from '../support/gguf-writer.ts';
import { memorySource } from '../support/memory-source.ts';
import { headerMutation, mutateHeader } from '../support/mutate-header.ts';

const RUNS = 40_000;
const SEED = 20_260_101;

const HEADERS = [
  smallModel({ vocabulary: 12, layers: 1 }),
  smallModel({ vocabulary: 3, layers: 3, version: 2 }),
  smallProjector(),
  {
    entries: [['general.architecture', 'string', 'llama'] as const],
    tensors: [{ name: 't', dims: [64], type: 'F32' as const }],
  },
].map((spec) => ggufBytes(spec));

type Header = (typeof HEADERS)[number];

/** What holds for every header that is accepted. */
function expectSound({ tensors, alignment, dataOffset }: GgufHeader, sizeBytes: number): void {
  const { kinds, shards } = tensors;
  const sum = (of: (kind: TensorKind) => number) => kinds.reduce((all, kind) => all + of(kind), 0);
  const [shard] = shards;
  const end = dataOffset + (shard?.dataBytes ?? Number.NaN);
  const padded = sum(({ bytes, count }) => count * Math.ceil(bytes / alignment) * alignment);
  const sound =
    shards.length === 1 &&
    shard?.dataOffset === dataOffset &&
    dataOffset % alignment === 0 &&
    sum(({ count }) => count) === tensors.length &&
    kinds.every(({ bytes, count }) => bytes > 0 && count > 0) &&
    (tensors.length === 0 || end <= sizeBytes) &&
    end - dataOffset <= padded &&
    end - dataOffset > padded - alignment;
  if (!sound) expect({ kinds, shards, alignment, dataOffset, sizeBytes }).toBe('sound');
}

test(`${RUNS} damaged headers are read soundly or refused, in bounded time and memory`, async () => {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  const outcomes = { accepted: 0, refused: 0 };
  let longestMs = 0;
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const damaged = fc.tuple(
    fc.nat(HEADERS.length - 1),
    fc.array(headerMutation, { minLength: 1, maxLength: 4 }),
    fc.boolean(),
  );
  const property = fc.asyncProperty(damaged, async ([which, mutations, longer]) => {
    const bytes = mutateHeader(HEADERS[which] as Header, mutations);
    // A sparse tail: huge counts pass the first comparison with the file's length.
    const sizeBytes = longer ? bytes.length + 1e12 : bytes.length;
    const source = memorySource(bytes, sizeBytes);
    let readBytes = 0;
    const counting = {
      ...source,
      async read(into: Uint8Array, position: number) {
        const count = await source.read(into, position);
        readBytes += count;
        return count;
      },
    };
    const state = createReadState(buffer);
    const start = performance.now();
    try {
      const header = await readHeader(counting, state);
      expectSound(header, sizeBytes);
      outcomes.accepted++;
    } catch (error) {
      if (!(error instanceof MemoryGuardError) || error.code !== 'ERR_MODEL_FILE') throw error;
      outcomes.refused++;
    }
    longestMs = Math.max(longestMs, performance.now() - start);
    expect(state.budget.leftBytes).toBeGreaterThanOrEqual(0);
    expect(readBytes).toBeLessThanOrEqual(bytes.length + CHUNK_BYTES);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  globalThis.gc?.();
  expect(outcomes.accepted + outcomes.refused).toBe(RUNS);
  expect(outcomes.accepted).toBeGreaterThan(RUNS / 100);
  expect(outcomes.refused).toBeGreaterThan(RUNS / 4);
  expect(longestMs).toBeLessThan(1000);
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(16 * 2 ** 20);
});
