/** What the engine itself takes, by what it grows with. */
import { expect, it } from 'vitest';
import { computeRuntimeBytes } from '../../../src/footprint/llama-cpp/runtime-overhead.ts';

const NOTHING = { layers: 0, cells: 0, tokens: 0, merges: 0, scratchBytes: 0, projector: false };
const grownBy = (parts: Partial<typeof NOTHING>) =>
  computeRuntimeBytes({ ...NOTHING, ...parts }) - computeRuntimeBytes(NOTHING);

it('is 5 MiB before it grows', () => {
  expect(computeRuntimeBytes(NOTHING)).toBe(5 * 2 ** 20);
});

it.each<[string, Partial<typeof NOTHING>, number]>([
  ['a layer', { layers: 1 }, 112 * 1024],
  ['a cell', { cells: 1 }, 48],
  ['a token of vocabulary', { tokens: 1 }, 200],
  ['a merge', { merges: 1 }, 112],
  ['a byte of scratch', { scratchBytes: 1 }, 1],
  ['a projector', { projector: true }, 14 * 2 ** 20],
])('grows with %s', (_, parts, bytes) => {
  expect(grownBy(parts)).toBe(bytes);
});

// docs/footprint.md has the measured figures, and the command that measures them.
it('is never below what was measured', () => {
  expect(grownBy({ layers: 1 })).toBeGreaterThan(87_927);
  expect(grownBy({ tokens: 1 })).toBeGreaterThan(156);
  expect(grownBy({ projector: true })).toBeGreaterThan(12_720_210);
  expect(computeRuntimeBytes({ ...NOTHING, layers: 2, cells: 2048, tokens: 512 })).toBeGreaterThan(4_612_096);
});
