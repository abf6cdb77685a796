/** Loads under the three rules, each at the exact byte from which on it lets a load in. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import type { AdmissionRule } from '../../src/policy/admission-rules.ts';
import { catchRefusal } from '../support/catch-refusal.ts';
import { DOCUMENTED_NEEDS, KEEPS_NO_SHARE, KEPT_BYTES } from '../support/documented-needs.ts';
import { FakeMachine, guardedFake } from '../support/fake-sdk.ts';

const { Q5_K_M: Q5, Q4_K_M: Q4, Q4_0 } = DOCUMENTED_NEEDS;

describe('the rules', () => {
  const load = (available: number, options: GuardOptions, memoryGuard: LoadGuardOptions = {}) => {
    const fake = guardedFake(new FakeMachine(available), { downgrade: false, ...options });
    const loading = fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_K_M', memoryGuard });
    return { ...fake, loading };
  };

  const edges: [AdmissionRule[], string, number, GuardOptions, LoadGuardOptions?][] = [
    [['free-ratio-after-load'], 'a quarter of the total stays available', Q4 + KEPT_BYTES, {}],
    [['min-free'], 'the minimum stays free', Q4 + 512 * MiB, KEEPS_NO_SHARE],
    // What doesn't fit leaves no minimum either. Mapped bytes take nothing off the system's share.
    [
      ['headroom', 'min-free'],
      'the model fits',
      Q4,
      { ...KEEPS_NO_SHARE, minFreeBytes: 0 },
      { footprint: { mappedBytes: Q4, anonymousBytes: 0 } },
    ],
  ];

  it.each(edges)('%j: refuse from one byte below where %s', async (refusedBy, _name, edge, options, memoryGuard) => {
    const admitted = load(edge, options, memoryGuard);
    await admitted.loading;
    expect(admitted.types()).toEqual(expect.arrayContaining(['admitted', 'loaded']));
    const refused = load(edge - 1, options, memoryGuard);
    const error = await catchRefusal(refused.loading);
    expect(error.refusedBy).toEqual(refusedBy);
    expect(error.shortfallBytes).toBe(1);
    expect(refused.sdk.calls).toEqual([]);
  });

  it('are all named if all refuse', async () => {
    const error = await catchRefusal(load(1 * GiB, {}).loading);
    expect(error.refusedBy).toEqual(['headroom', 'free-ratio-after-load', 'min-free']);
  });

  it('keep 768 MiB free for Q5_K_M', async () => {
    const loadQ5 = (available: number) =>
      guardedFake(new FakeMachine(available), KEEPS_NO_SHARE).nexa.loadModel('qwen2audio', {
        quantization: 'Q5_K_M',
        memoryGuard: { downgrade: false },
      });
    await loadQ5(Q5 + 768 * MiB);
    expect((await catchRefusal(loadQ5(Q5 + 768 * MiB - 1))).refusedBy).toEqual(['min-free']);
  });

  it('count the largest minimum of all loaded models', async () => {
    const { nexa, machine } = guardedFake(new FakeMachine(15 * GiB), KEEPS_NO_SHARE);
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    machine.availableBytes = Q5 + Q4_0 + 768 * MiB - 1;
    const options = { quantization: 'Q4_0' };
    expect((await catchRefusal(nexa.loadModel('qwen2audio', options))).refusedBy).toEqual(['min-free']);
    machine.availableBytes += 1;
    await nexa.loadModel('qwen2audio', options);
  });

  it('leave mapped bytes available to the system', async () => {
    const need = { mappedBytes: 4 * GiB, anonymousBytes: 1 * GiB };
    const loadMapped = (available: number, footprint: LoadGuardOptions['footprint'] & object) =>
      guardedFake(new FakeMachine(available, 8 * GiB)).nexa.loadModel('m.gguf', { memoryGuard: { footprint } });
    await loadMapped(6 * GiB, need);
    expect((await catchRefusal(loadMapped(6 * GiB, { mappedBytes: 0, anonymousBytes: 5 * GiB }))).refusedBy).toEqual([
      'free-ratio-after-load',
    ]);
  });
});
