import { describe, expect, it } from 'vitest';
import { computeLaterBytes, type LaterFacts, type LaterSettings } from '../../src/footprint/later-memory.ts';

const MiB = 2 ** 20;
const NOTHING: LaterSettings = { stateCacheBytes: 0, stateSnapshots: 0, contextShift: false };
const FACTS: LaterFacts = {
  contextSize: 4096,
  sequences: 2,
  stateBytes: 40 * MiB,
  slidingBytes: 0,
  keyType: 'f16',
  keyElements: 1024,
  computeBytes: 20 * MiB,
};

describe('what comes after a load', () => {
  it('is nothing where the engine keeps nothing', () => {
    expect(computeLaterBytes(NOTHING, FACTS)).toBe(0);
    expect(computeLaterBytes({ ...NOTHING, stateCacheBytes: 160 * MiB }, FACTS)).toBe(0);
    expect(
      computeLaterBytes({ ...NOTHING, stateCacheBytes: 160 * MiB, stateSnapshots: 8 }, { ...FACTS, stateBytes: 0 }),
    ).toBe(0);
  });

  it('is snapshots of the state of one sequence, one more than are kept', () => {
    const cache = { ...NOTHING, stateCacheBytes: 1000 * MiB, stateSnapshots: 3 };
    expect(computeLaterBytes(cache, FACTS)).toBe(4 * 20 * MiB);
    expect(computeLaterBytes({ ...cache, stateCacheBytes: 30 * MiB }, FACTS)).toBe(50 * MiB);
    // Sliding layers are in a snapshot too.
    expect(computeLaterBytes(cache, { ...FACTS, slidingBytes: 40 * MiB })).toBe(4 * 40 * MiB);
  });

  it('is a snapshot for each stretch of tokens', () => {
    const cache = { ...NOTHING, stateCacheBytes: 1000 * MiB, stateSnapshots: 32, stateSnapshotTokens: 2048 };
    expect(computeLaterBytes(cache, FACTS)).toBe((3 + 1) * 20 * MiB);
  });

  it('is the room in which quantized keys are moved, as far as graphs have none', () => {
    const shift = { ...NOTHING, contextShift: true };
    expect(computeLaterBytes(shift, FACTS)).toBe(0);
    expect(computeLaterBytes(shift, { ...FACTS, keyType: 'q8_0' })).toBe(2 * 4096 * 1024 * 4 + 2 * MiB - 20 * MiB);
    expect(computeLaterBytes(shift, { ...FACTS, keyType: 'q8_0', computeBytes: 100 * MiB })).toBe(0);
    expect(computeLaterBytes(NOTHING, { ...FACTS, keyType: 'q8_0' })).toBe(0);
  });
});
