import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryGuardError } from '../../src/errors.ts';
import { CHUNK_BYTES } from '../../src/footprint/cursor.ts';
import { type GgufHeader, newReadState, readHeader } from '../../src/footprint/header.ts';
import type { TensorKind } from '../../src/footprint/tensortable.ts';
import { ggufBytes, smallModel, smallProjector } from '../support/gguf-writer.ts';
import { memorySource } from '../support/memory-source.ts';

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

const HUGE = [
  0n,
  1n,
  255n,
  4097n,
  2n ** 16n,
  2n ** 24n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 60n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Where in the header, from 0 to 1. */
const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'write'; readonly at: number; readonly width: 4 | 8; readonly value: bigint }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'copy'; readonly at: number; readonly from: number; readonly bytes: number };

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: place, bit: fc.nat(7) } as const),
  fc.record({
    kind: fc.constant('write'),
    at: place,
    width: fc.constantFrom(4, 8),
    value: fc.constantFrom(...HUGE),
  } as const),
  fc.record({ kind: fc.constant('cut'), at: place } as const),
  fc.record({ kind: fc.constant('copy'), at: place, from: place, bytes: fc.nat(64) } as const),
);

/** The bytes of a file after `mutations` to its header. */
function mutate(base: Header, mutations: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(base.bytes);
  for (const change of mutations) {
    const at = Math.min(Math.floor(change.at * base.headerBytes), bytes.length);
    if (change.kind === 'flip') bytes[at] = (bytes[at] ?? 0) ^ (1 << change.bit);
    else if (change.kind === 'cut') bytes = bytes.subarray(0, at);
    else if (change.kind === 'copy') copyWithin(bytes, change, at);
    else if (at + change.width > bytes.length) continue;
    else if (change.width === 4) bytes.writeUInt32LE(Number(change.value & 0xffff_ffffn), at);
    else bytes.writeBigUInt64LE(change.value, at);
  }
  return bytes;
}

function copyWithin(bytes: Buffer, change: { readonly from: number; readonly bytes: number }, at: number): void {
  const from = Math.floor(change.from * bytes.length);
  bytes.copyWithin(at, from, Math.min(from + change.bytes, from + bytes.length - at));
}

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
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
    fc.boolean(),
  );
  const property = fc.asyncProperty(damaged, async ([which, mutations, longer]) => {
    const bytes = mutate(HEADERS[which] as Header, mutations);
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
    const state = newReadState(buffer);
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
