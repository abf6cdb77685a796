import { expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { meterCall } from '../../src/models/call-meter.ts';
import { readGrowth } from '../../src/sensors/process-memory.ts';

const alone = () => ({ changes: 7, running: 1 });

it.runIf(process.platform === 'linux')('sees what a call keeps, in native memory or as its result', () => {
  const meter = meterCall(readGrowth, alone);
  const result = Buffer.alloc(64 * MiB, 1);
  const taken = meter()!;
  expect(taken.keptBytes).toBeGreaterThan(60 * MiB);
  expect(taken.keptBytes).toBeLessThan(80 * MiB);
  expect(taken.nativeBytes).toBeLessThan(16 * MiB);
  expect(taken.peakBytes(true, 0)).toBeGreaterThanOrEqual(taken.keptBytes);
  expect(result.at(-1)).toBe(1);
});

it('says no more of a peak than was allowed, if it can not be seen', () => {
  // Whatever this process held at its most, it was before.
  let held: Buffer | undefined = Buffer.alloc(256 * MiB, 1);
  expect(held[1]).toBe(1);
  held = undefined;
  const taken = meterCall(() => 0, alone)()!;
  expect(taken.peakBytes(true, 5 * MiB)).toBe(taken.keptBytes);
  expect(taken.peakBytes(false, 5 * MiB)).toBeLessThanOrEqual(Math.max(taken.keptBytes, 5 * MiB));
});

it('sees nothing where something else ran, or the system tells nothing', () => {
  let looks = 0;
  expect(
    meterCall(
      () => 0,
      () => ({ changes: looks++, running: 1 }),
    )(),
  ).toBeUndefined();
  expect(
    meterCall(
      () => 0,
      () => ({ changes: 0, running: 2 }),
    )(),
  ).toBeUndefined();
  expect(meterCall(() => undefined, alone)()).toBeUndefined();
  const failing = () => {
    throw new Error('no more descriptors');
  };
  expect(meterCall(failing, alone)()).toBeUndefined();
});
