import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { memoryReturned, type Returned } from '../../src/models/memory-returned.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Reads one value after the other, the last one for ever. Gives what was found and how often it was read. */
async function returned(values: readonly (number | undefined)[], before: number | undefined, expected: number) {
  const clock = new ManualClock();
  let readings = 0;
  let found: Returned | undefined;
  const waiting = memoryReturned(clock, () => values[Math.min(readings++, values.length - 1)], before, expected).then(
    (result) => {
      found = result;
    },
  );
  await clock.advanceAsync(1000);
  await waiting;
  return { found, readings, pending: clock.pending };
}

describe('memory that was given back', () => {
  it('is waited for until it stands still', async () => {
    const rising = [0, 100, 300, 600, 600].map((mib) => mib * MiB);
    expect(await returned(rising, 0, 600 * MiB)).toEqual({
      found: { freedBytes: 600 * MiB, elapsedMs: 40 },
      readings: 5,
      pending: 0,
    });
  });

  it('that is back at once costs one wait', async () => {
    expect(await returned([500 * MiB], 0, 500 * MiB)).toMatchObject({
      found: { freedBytes: 500 * MiB, elapsedMs: 10 },
      readings: 2,
    });
  });

  it('that does not come is waited for 0.2 s, not longer', async () => {
    expect(await returned([0], 0, 500 * MiB)).toMatchObject({ found: { freedBytes: 0, elapsedMs: 190 }, readings: 20 });
  });

  it('that goes on rising is waited for half a second at most', async () => {
    const climbing = Array.from({ length: 100 }, (_, step) => step * 10 * MiB);
    expect(await returned(climbing, 0, 5000 * MiB)).toMatchObject({
      found: { freedBytes: 490 * MiB, elapsedMs: 500 },
      readings: 50,
    });
  });

  it('is not waited for if nothing was expected', async () => {
    expect(await returned([0], 0, 0)).toMatchObject({ found: { freedBytes: 0, elapsedMs: 0 }, readings: 1 });
  });

  it('is never less than nothing', async () => {
    expect((await returned([0], 100 * MiB, 10)).found).toMatchObject({ freedBytes: 0 });
  });

  it('is unknown if it cannot be read, before or after', async () => {
    expect((await returned([5], undefined, 10)).found).toEqual({ elapsedMs: 0 });
    expect((await returned([undefined], 5, 10)).found).toEqual({ elapsedMs: 0 });
    expect((await returned([100 * MiB, undefined], 0, 1)).found).toEqual({ elapsedMs: 10 });
  });
});
