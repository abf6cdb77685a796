/** Models that the documented table doesn’t know, as loads meet them. */
import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import { FakeMachine, guardedFake } from '../support/fake-sdk.ts';

describe('a model that is not in the table', () => {
  const fake = () => guardedFake(new FakeMachine(15 * GiB));

  it('is refused without a footprint', async () => {
    const { nexa, sdk } = fake();
    await expect(nexa.loadModel('other')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    expect(sdk.calls).toEqual([]);
  });

  it('is refused if its file is not there', async () => {
    const { nexa, sdk } = fake();
    await expect(nexa.loadModel('./other.gguf')).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    expect(sdk.calls).toEqual([]);
  });

  it('is admitted if the user chose so, and that is said aloud', async () => {
    const { nexa, sdk, guard } = guardedFake(new FakeMachine(15 * GiB), { unknownModels: 'admit' });
    const told: string[] = [];
    guard.on('degraded', ({ code }) => told.push(String(code)));
    await nexa.loadModel('other');
    expect(told).toEqual(['ERR_UNKNOWN_MODEL']);
    expect(sdk.calls).toEqual([['other']]);
    expect(guard.models()[0]?.need).toEqual({ mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' });
  });

  it.each([
    ['a number', 5 * GiB, 0, 5 * GiB],
    ['mapped and anonymous bytes', { mappedBytes: 2, anonymousBytes: 3 }, 2, 3],
    ['a function', () => ({ mappedBytes: 4, anonymousBytes: 5 }), 4, 5],
  ])('is loaded as it is with %s', async (_what, footprint, mappedBytes, anonymousBytes) => {
    const { nexa, sdk, guard, last } = fake();
    await nexa.loadModel('./other.gguf', { quantization: 'Q8_0', memoryGuard: { footprint } });
    expect(sdk.calls).toEqual([['./other.gguf', { quantization: 'Q8_0' }]]);
    expect(guard.models()[0]).toEqual(
      expect.objectContaining({ need: { mappedBytes, anonymousBytes, basis: 'given' } }),
    );
    expect(last('loaded')?.quantization).toBeUndefined();
    const { availableBytes, headroomBytes } = guard.status();
    expect(availableBytes - headroomBytes).toBe(mappedBytes + anonymousBytes);
  });

  it.each([-1, Number.NaN, '1 potato', { mappedBytes: 1 }, () => -1, () => undefined, null])(
    'is refused with a bad footprint (%s)',
    async (footprint) => {
      const { nexa, sdk } = fake();
      const memoryGuard = { footprint } as unknown as LoadGuardOptions;
      await expect(nexa.loadModel('./other.gguf', { memoryGuard })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
      });
      expect(sdk.calls).toEqual([]);
    },
  );
});
