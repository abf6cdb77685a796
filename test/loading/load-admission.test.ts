import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { catchRefusal } from '../support/catch-refusal.ts';
import { DOCUMENTED_NEEDS, KEPT_BYTES } from '../support/documented-needs.ts';
import { FakeMachine, type FakeModel, guardedFake } from '../support/fake-sdk.ts';

const { Q5_K_M: Q5, Q4_K_M: Q4, Q4_0 } = DOCUMENTED_NEEDS;

describe('an admitted load', () => {
  it('promises its memory to nobody else', async () => {
    const { nexa, guard, machine } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(guard.headroomBytes()).toBe(machine.availableBytes - Q4_0);
    expect(guard.status().availableBytes).toBe(machine.availableBytes);
  });
});

describe('a load that does not fit', () => {
  it('is downgraded step by step along the ladder', async () => {
    for (const [available, expected] of [
      [Q5 + KEPT_BYTES, 'Q5_K_M'],
      [Q5 + KEPT_BYTES - 1, 'Q4_K_M'],
      [Q4 + KEPT_BYTES - 1, 'Q4_0'],
    ] as const) {
      const { nexa, sdk, types, last } = guardedFake(new FakeMachine(available));
      const model = await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', threads: 2 });
      expect(sdk.calls).toEqual([['qwen2audio', { quantization: expected, threads: 2 }]]);
      expect((model as FakeModel & { quantization?: string }).quantization).toBe(expected);
      const type = expected === 'Q5_K_M' ? 'admitted' : 'downgraded';
      expect(types()).toEqual([type, 'loaded']);
      expect(last(type)).toMatchObject({
        askedQuantization: 'Q5_K_M',
        quantization: expected,
        need: { anonymousBytes: DOCUMENTED_NEEDS[expected] },
      });
      expect(last('loaded')).toMatchObject({ quantization: expected });
    }
  });

  it('is refused if no step fits, and the SDK is not asked', async () => {
    const { nexa, sdk, guard, types, last } = guardedFake(new FakeMachine(Q4_0 + KEPT_BYTES - 1));
    const error = await catchRefusal(nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' }));
    expect(sdk.calls).toEqual([]);
    expect(types()).toEqual(['refused']);
    expect(last('refused')?.message).toBe(error.message);
    expect(error).toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
      requiredBytes: Q4_0, // of the step that came nearest
      availableBytes: Q4_0 + KEPT_BYTES - 1,
      shortfallBytes: 1,
      refusedBy: ['free-ratio-after-load'],
    });
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error.plan.verdict).toBe('refuse');
    expect(error.plan.candidates.map(({ quantization, admitted }) => [quantization, admitted])).toEqual([
      ['Q5_K_M', false],
      ['Q4_K_M', false],
      ['Q4_0', false],
    ]);
    expect(guard.headroomBytes()).toBe(Q4_0 + KEPT_BYTES - 1);
  });

  it('tells what this process can take apart from what the system calls available', async () => {
    const { nexa, machine } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('held', { memoryGuard: { footprint: { mappedBytes: 2 * GiB, anonymousBytes: 1 * GiB } } });
    machine.availableBytes = 8 * GiB;
    const error = await catchRefusal(nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    expect([error.availableBytes, error.headroomBytes]).toEqual([8 * GiB, 5 * GiB]);
    expect([error.plan.availableBytes, error.plan.headroomBytes]).toEqual([8 * GiB, 5 * GiB]);
  });

  it('says what would help, with the models that hold memory', async () => {
    const { nexa, machine } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    machine.availableBytes = 5 * GiB;
    const error = await catchRefusal(nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    expect(error.message).toContain(
      'Insufficient memory to load qwen2audio Q4_0: it needs 3.8 GiB (by the documented table, which counts weights only), this process can take 1.2 GiB',
    );
    // Its end would free 3.8 GiB: not enough alone.
    expect(error.message).toContain('To load it, free 6.6 GiB.');
    expect(error.plan.help).toEqual({ freeBytes: error.shortfallBytes, unload: [] });
    machine.availableBytes = 2 * Q4_0 + KEPT_BYTES - 1;
    const again = await catchRefusal(nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    expect(again.message).toContain('or unload qwen2audio Q4_0, as');
  });

  it.each([
    ['for the guard', { downgrade: false }, {}],
    ['for one load', {}, { downgrade: false }],
  ])('is refused at once where downgrading is off %s', async (_where, options, memoryGuard) => {
    const { nexa } = guardedFake(new FakeMachine(Q4 + KEPT_BYTES), options);
    const error = await catchRefusal(nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard }));
    expect(error.plan.candidates).toHaveLength(1);
    expect(error.requiredBytes).toBe(Q5);
  });

  it('is downgraded if one load turns downgrading on again', async () => {
    const { nexa, sdk } = guardedFake(new FakeMachine(Q4 + KEPT_BYTES), { downgrade: false });
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { downgrade: true } });
    expect(sdk.loadedQuantization).toBe('Q4_K_M');
  });
});

describe('a load without a quantization', () => {
  it.each([
    [32 * GiB, 31 * GiB, 'Q5_K_M'],
    [32 * GiB - 1, 31 * GiB, 'Q4_K_M'],
    [16 * GiB, 15 * GiB, 'Q4_K_M'],
    [8 * GiB, 7 * GiB, 'Q4_0'],
  ])('starts from the recommendation: of %d with %d free it takes %s', async (total, available, expected) => {
    const { nexa, sdk, last } = guardedFake(new FakeMachine(available, total));
    await nexa.loadModel('qwen2audio', { threads: 2 });
    expect(sdk.calls).toEqual([['qwen2audio', { threads: 2, quantization: expected }]]);
    expect(last('admitted')).toMatchObject({ askedQuantization: expected });
  });

  it('is recommended for headroom, not for what merely looks available', async () => {
    const { nexa, sdk } = guardedFake(new FakeMachine(20 * GiB, 32 * GiB), { minFreeRatioAfterLoad: 0.05 });
    await nexa.loadModel('other', { memoryGuard: { footprint: 12 * GiB } });
    await nexa.loadModel('qwen2audio'); // 20 GiB available, 8 GiB headroom
    expect(sdk.loadedQuantization).toBe('Q5_K_M');
    await nexa.loadModel('small', { memoryGuard: { footprint: 1 } });
    const { plan } = await catchRefusal(nexa.loadModel('qwen2audio'));
    expect(plan.askedQuantization).toBe('Q4_0');
  });
});

describe('forcing a load', () => {
  it('lets through what the rules refuse, and says so', async () => {
    const { nexa, sdk, guard, types, last } = guardedFake(new FakeMachine(1 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { force: true } });
    expect(sdk.calls).toEqual([['qwen2audio', { quantization: 'Q5_K_M' }]]);
    expect(types().slice(0, 1)).toEqual(['admitted']);
    expect(last('admitted')).toMatchObject({
      verdict: 'admit',
      forced: true,
      observed: false,
      quantization: 'Q5_K_M',
      need: { mappedBytes: 0, anonymousBytes: Q5 },
      refusedBy: ['headroom', 'free-ratio-after-load', 'min-free'],
    });
    expect(last('admitted')?.help).toBeUndefined(); // nothing is refused
    expect(last('admitted')?.message).toMatch(
      /^Forced, although the rules refuse it: qwen2audio Q5_K_M: it needs 4.8 GiB/,
    );
    expect(guard.headroomBytes()).toBe(1 * GiB - Q5); // it is promised all the same
  });

  it('is not visible if the rules admit anyway', async () => {
    const { nexa, last } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { force: true } });
    expect(last('admitted')).toMatchObject({ verdict: 'admit', forced: false, refusedBy: [] });
    expect(last('admitted')?.message).not.toContain('Forced');
  });

  it('never downgrades', async () => {
    const { nexa, sdk, types } = guardedFake(new FakeMachine(Q4_0 + KEPT_BYTES));
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { force: true } });
    expect(sdk.loadedQuantization).toBe('Q5_K_M');
    expect(types()).not.toContain('downgraded');
  });
});

describe('a plan', () => {
  it('tells every candidate, and neither loads nor reserves', async () => {
    const { guard, sdk, events } = guardedFake(new FakeMachine(Q4 + KEPT_BYTES));
    const plan = await guard.plan('qwen2audio', { quantization: 'Q5_K_M' });
    expect(plan).toMatchObject({ verdict: 'downgrade', askedQuantization: 'Q5_K_M', quantization: 'Q4_K_M' });
    expect(
      plan.candidates.map(({ quantization, admitted, shortfallBytes }) => [quantization, admitted, shortfallBytes]),
    ).toEqual([
      ['Q5_K_M', false, Q5 - Q4],
      ['Q4_K_M', true, 0],
      ['Q4_0', true, 0],
    ]);
    expect((await guard.plan('qwen2audio')).verdict).toBe('admit');
    const refused = await guard.plan('m', { memoryGuard: { footprint: 99 * GiB } });
    expect(refused).toMatchObject({ verdict: 'refuse', help: { unload: [] } });
    expect(refused.help).not.toHaveProperty('freeBytes');
    expect(plan).not.toHaveProperty('help');
    await expect(guard.plan('m')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    expect(sdk.calls).toEqual([]);
    expect(events).toEqual([]);
    expect(guard.headroomBytes()).toBe(Q4 + KEPT_BYTES);
  });
});
