import { describe, expect, it, vi } from 'vitest';
import { InsufficientMemoryError } from '../src/admission/insufficient-memory-error.ts';
import { GiB, MiB } from '../src/core/bytes.ts';
import { MemoryGuardError } from '../src/core/errors.ts';
import { QUANTIZATIONS } from '../src/core/quantizations.ts';
import { getRequirements } from '../src/footprint/documented-requirements.ts';
import type { GuardOptions } from '../src/guard-options.ts';
import type { LoadGuardOptions } from '../src/loading/load-guard-options.ts';
import type { AdmissionRule } from '../src/policy/admission-rules.ts';
import { withMemoryGuard } from '../src/with-memory-guard.ts';
import { deferred, FakeMachine, type FakeModel, guardedFake, settled } from './support/fake-sdk.ts';
import { ManualClock } from './support/manual-clock.ts';
import { runProgram } from './support/program.ts';

const NEED = Object.fromEntries(QUANTIZATIONS.map((q) => [q, getRequirements(q).ramNeeded])) as Record<string, number>;
const Q5 = NEED['Q5_K_M'] as number;
const Q4 = NEED['Q4_K_M'] as number;
const Q4_0 = NEED['Q4_0'] as number;
/** Rule (2) on the default total of 16 GiB. */
const KEPT = 4 * GiB;
const NO_RATIO = { minFreeRatioAfterLoad: 0 };

/** The error of a load that must be refused. */
async function refusalOf(load: Promise<unknown>): Promise<InsufficientMemoryError> {
  const error = await load.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InsufficientMemoryError);
  return error as InsufficientMemoryError;
}

/** What surfaces as uncaught while `act` runs. */
async function uncaughtDuring(act: () => Promise<unknown>): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error));
  try {
    await act();
    await settled();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  }
  return uncaught;
}

describe('a load that fits', () => {
  it.each(['Q5_K_M', 'Q4_K_M', 'Q4_0'])('is admitted in %s and passed on as it was asked', async (quantization) => {
    const { nexa, sdk, guard, events } = guardedFake(new FakeMachine(KEPT + (NEED[quantization] as number)));
    const options = { quantization, threads: 2 };
    await nexa.loadModel('qwen2audio', options);
    expect(sdk.calls).toEqual([['qwen2audio', options]]);
    expect(sdk.calls[0]?.[1]).toBe(options);
    expect(events[0]).toMatchObject({
      type: 'admitted',
      verdict: 'admit',
      quantization,
      forced: false,
      observed: false,
    });
    expect(guard.models()[0]).toMatchObject({
      quantization,
      need: { anonymousBytes: NEED[quantization], basis: 'table' },
    });
  });

  it('promises its memory to nobody else', async () => {
    const { nexa, guard, machine } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(guard.headroomBytes()).toBe(machine.availableBytes - Q4_0);
    expect(guard.status().availableBytes).toBe(machine.availableBytes);
  });
});

describe('the rules', () => {
  const load = (available: number, options: GuardOptions, memoryGuard: LoadGuardOptions = {}) => {
    const fake = guardedFake(new FakeMachine(available), { downgrade: false, ...options });
    const loading = fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_K_M', memoryGuard });
    return { ...fake, loading };
  };

  const edges: [AdmissionRule[], string, number, GuardOptions, LoadGuardOptions?][] = [
    [['free-ratio-after-load'], 'a quarter of the total stays available', Q4 + KEPT, {}],
    [['min-free'], 'the minimum stays free', Q4 + 512 * MiB, NO_RATIO],
    // What doesn't fit leaves no minimum either; the system's share is untouched where all of it is mapped.
    [
      ['headroom', 'min-free'],
      'the model fits',
      Q4,
      { ...NO_RATIO, minFreeBytes: 0 },
      { footprint: { mappedBytes: Q4, anonymousBytes: 0 } },
    ],
  ];

  it.each(edges)('%j: refuse from one byte below where %s', async (refusedBy, _name, edge, options, memoryGuard) => {
    const admitted = load(edge, options, memoryGuard);
    await admitted.loading;
    expect(admitted.types()).toEqual(expect.arrayContaining(['admitted', 'loaded']));
    const refused = load(edge - 1, options, memoryGuard);
    const error = await refusalOf(refused.loading);
    expect(error.refusedBy).toEqual(refusedBy);
    expect(error.shortfallBytes).toBe(1);
    expect(refused.sdk.calls).toEqual([]);
  });

  it('are all named where all refuse', async () => {
    const error = await refusalOf(load(1 * GiB, {}).loading);
    expect(error.refusedBy).toEqual(['headroom', 'free-ratio-after-load', 'min-free']);
  });

  it('keep 768 MiB free for Q5_K_M', async () => {
    const loadQ5 = (available: number) =>
      guardedFake(new FakeMachine(available), NO_RATIO).nexa.loadModel('qwen2audio', {
        quantization: 'Q5_K_M',
        memoryGuard: { downgrade: false },
      });
    await loadQ5(Q5 + 768 * MiB);
    expect((await refusalOf(loadQ5(Q5 + 768 * MiB - 1))).refusedBy).toEqual(['min-free']);
  });

  it('count the largest minimum of all loaded models', async () => {
    const { nexa, machine } = guardedFake(new FakeMachine(15 * GiB), NO_RATIO);
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    machine.availableBytes = Q5 + Q4_0 + 768 * MiB - 1;
    const options = { quantization: 'Q4_0' };
    expect((await refusalOf(nexa.loadModel('qwen2audio', options))).refusedBy).toEqual(['min-free']);
    machine.availableBytes += 1;
    await nexa.loadModel('qwen2audio', options);
  });

  it('leave mapped bytes available to the system', async () => {
    const need = { mappedBytes: 4 * GiB, anonymousBytes: 1 * GiB };
    const loadMapped = (available: number, footprint: LoadGuardOptions['footprint'] & object) =>
      guardedFake(new FakeMachine(available, 8 * GiB)).nexa.loadModel('m.gguf', { memoryGuard: { footprint } });
    await loadMapped(6 * GiB, need);
    expect((await refusalOf(loadMapped(6 * GiB, { mappedBytes: 0, anonymousBytes: 5 * GiB }))).refusedBy).toEqual([
      'free-ratio-after-load',
    ]);
  });
});

describe('a load that does not fit', () => {
  it('is downgraded step by step along the ladder', async () => {
    for (const [available, expected] of [
      [Q5 + KEPT, 'Q5_K_M'],
      [Q5 + KEPT - 1, 'Q4_K_M'],
      [Q4 + KEPT - 1, 'Q4_0'],
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
        need: { anonymousBytes: NEED[expected] },
      });
      expect(last('loaded')).toMatchObject({ quantization: expected });
    }
  });

  it('says in one sentence what was asked, why not, and what is loaded', async () => {
    const { nexa, last } = guardedFake(new FakeMachine(Q4 + KEPT));
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    expect(last('downgraded')?.message).toBe(
      'qwen2audio Q5_K_M needs 4.8 GiB: 3.4 GiB would stay available to the system, where 4.0 GiB must. ' +
        'Loading Q4_K_M instead, which needs 4.2 GiB of 8.2 GiB.',
    );
  });

  it('is refused where no step fits, and the SDK is not asked', async () => {
    const { nexa, sdk, guard, types, last } = guardedFake(new FakeMachine(Q4_0 + KEPT - 1));
    const error = await refusalOf(nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' }));
    expect(sdk.calls).toEqual([]);
    expect(types()).toEqual(['refused']);
    expect(last('refused')?.message).toBe(error.message);
    expect(error).toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
      requiredBytes: Q4_0, // of the step that came nearest
      availableBytes: Q4_0 + KEPT - 1,
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
    expect(guard.headroomBytes()).toBe(Q4_0 + KEPT - 1);
  });

  it('says what would help, with the models that hold memory', async () => {
    const { nexa, machine } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    machine.availableBytes = 5 * GiB;
    const error = await refusalOf(nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    expect(error.message).toContain(
      'Insufficient memory to load qwen2audio Q4_0: it needs 3.8 GiB, this process can take 1.2 GiB',
    );
    // Its end would free 3.8 GiB: not enough alone.
    expect(error.message).toContain('To load it, free 6.6 GiB.');
    expect(error.plan.help).toEqual({ freeBytes: error.shortfallBytes, unload: [] });
    machine.availableBytes = 2 * Q4_0 + KEPT - 1;
    const again = await refusalOf(nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    expect(again.message).toContain('or unload qwen2audio Q4_0.');
  });

  it.each([
    ['for the guard', { downgrade: false }, {}],
    ['for one load', {}, { downgrade: false }],
  ])('is refused at once where downgrading is off %s', async (_where, options, memoryGuard) => {
    const { nexa } = guardedFake(new FakeMachine(Q4 + KEPT), options);
    const error = await refusalOf(nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard }));
    expect(error.plan.candidates).toHaveLength(1);
    expect(error.requiredBytes).toBe(Q5);
  });

  it('is downgraded where one load turns downgrading on again', async () => {
    const { nexa, sdk } = guardedFake(new FakeMachine(Q4 + KEPT), { downgrade: false });
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
    const { plan } = await refusalOf(nexa.loadModel('qwen2audio'));
    expect(plan.askedQuantization).toBe('Q4_0');
  });
});

describe('four loads at once', () => {
  const available = Q4_0 + KEPT + 100 * MiB;
  const attempt = async (options: GuardOptions, during?: () => unknown) => {
    const fake = guardedFake(new FakeMachine(available), options);
    fake.sdk.during = during;
    const loads = Array.from({ length: 4 }, () => fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    return { ...fake, results: await Promise.allSettled(loads) };
  };

  it.each([
    ['one after the other', {}, undefined],
    ['side by side', { maxConcurrentLoads: 4 }, undefined],
    ['side by side and slow', { maxConcurrentLoads: 4 }, settled],
    ['one after the other and slow', {}, settled],
  ])('of which one fits: one is loaded (%s)', async (_how, options, during) => {
    const { results, sdk, guard, types } = await attempt(options, during);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    }
    expect(sdk.calls).toHaveLength(1);
    expect(guard.models()).toHaveLength(1);
    expect(types().filter((type) => type === 'refused')).toHaveLength(3);
  });

  it('run no more than maxConcurrentLoads at a time', async () => {
    for (const maxConcurrentLoads of [1, 3]) {
      let running = 0;
      let most = 0;
      const { nexa, sdk } = guardedFake(new FakeMachine(15 * GiB), { maxConcurrentLoads });
      sdk.during = async () => {
        running += 1;
        most = Math.max(most, running);
        await settled();
        running -= 1;
      };
      await Promise.all(Array.from({ length: 6 }, () => nexa.loadModel('m', { memoryGuard: { footprint: 1 } })));
      expect(most).toBe(maxConcurrentLoads);
    }
  });

  it('can be given up while they wait, and leave no trace', async () => {
    const { nexa, sdk, guard } = guardedFake(new FakeMachine(15 * GiB));
    const gate = deferred();
    sdk.during = () => gate.promise;
    const first = nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const controller = new AbortController();
    const memoryGuard = { signal: controller.signal };
    const second = nexa.loadModel('qwen2audio', { quantization: 'Q4_0', memoryGuard });
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    gate.resolve();
    await first;
    expect(sdk.calls).toHaveLength(1);
    expect(guard.models()).toHaveLength(1);
    await expect(nexa.loadModel('qwen2audio', { memoryGuard })).rejects.toBe(reason);
  });
});

describe('an error of the SDK', () => {
  it.each(['rejects', 'throws synchronously'])('passes through unchanged where loadModel %s', async (how) => {
    const error = Object.assign(new Error('of the SDK'), { code: 'THEIRS' });
    const sdk = {
      loadModel(_name: string, _options?: object): Promise<FakeModel> {
        if (how === 'rejects') return Promise.reject(error);
        throw error;
      },
    };
    const machine = new FakeMachine(15 * GiB);
    const nexa = withMemoryGuard(sdk, { sensor: machine.sensor, clock: new ManualClock() });
    await expect(nexa.loadModel('qwen2audio')).rejects.toBe(error);
    await expect(nexa.loadModel('qwen2audio')).rejects.toBe(error); // its turn was given back
    expect(nexa.guard.models()).toEqual([]);
    expect(nexa.guard.headroomBytes()).toBe(machine.availableBytes);
  });
});

describe('a model that is not in the table', () => {
  const fake = () => guardedFake(new FakeMachine(15 * GiB));

  it('is refused without a footprint', async () => {
    const { nexa, sdk } = fake();
    await expect(nexa.loadModel('other')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    expect(sdk.calls).toEqual([]);
  });

  it('is refused where its file is not there', async () => {
    const { nexa, sdk } = fake();
    await expect(nexa.loadModel('./other.gguf')).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    expect(sdk.calls).toEqual([]);
  });

  it('is admitted where the user chose so, and that is said aloud', async () => {
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

  it('what is wrong with a load is said before it waits for its turn', async () => {
    const { nexa, sdk } = fake();
    const gate = deferred();
    sdk.during = () => gate.promise;
    const first = nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await expect(nexa.loadModel('qwen2audio', { quantization: 'Q8_0' })).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_QUANTIZATION',
    });
    await expect(nexa.loadModel('unknown')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    gate.resolve();
    await first;
  });

  it('and bad load options are refused with their code', async () => {
    const { nexa } = fake();
    const bad = (memoryGuard: unknown) =>
      nexa.loadModel('qwen2audio', { memoryGuard: memoryGuard as LoadGuardOptions });
    await expect(bad({ forced: true })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(bad(true)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(nexa.loadModel('')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    await expect(nexa.loadModel('qwen2audio', 'Q4_0' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
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

  it('is not visible where the rules admit anyway', async () => {
    const { nexa, last } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { force: true } });
    expect(last('admitted')).toMatchObject({ verdict: 'admit', forced: false, refusedBy: [] });
    expect(last('admitted')?.message).not.toContain('Forced');
  });

  it('never downgrades', async () => {
    const { nexa, sdk, types } = guardedFake(new FakeMachine(Q4_0 + KEPT));
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { force: true } });
    expect(sdk.loadedQuantization).toBe('Q5_K_M');
    expect(types()).not.toContain('downgraded');
  });
});

describe('observing', () => {
  const observe = (available: number) => guardedFake(new FakeMachine(available), { mode: 'observe' });

  it.each([
    [15 * GiB, 'admitted'],
    [Q4_0 + KEPT, 'downgraded'],
    [1 * GiB, 'refused'],
  ] as const)('changes and refuses nothing with %d bytes, and reports `%s`', async (available, type) => {
    const { nexa, sdk, guard, types, last } = observe(available);
    const options = { quantization: 'Q5_K_M', threads: 2 };
    await nexa.loadModel('qwen2audio', options);
    expect(sdk.calls[0]?.[1]).toBe(options);
    expect(types()[0]).toBe(type);
    expect(types()).toContain('loaded');
    expect(last(type)).toMatchObject({ observed: true, forced: false });
    expect(last(type)?.message).toMatch(/^Observed only: /);
    expect(guard.models()[0]?.quantization).toBe('Q5_K_M');
    expect(guard.headroomBytes()).toBe(available - Q5);
  });

  it('adds no quantization where none was asked for', async () => {
    const { nexa, sdk, guard } = observe(15 * GiB);
    const options = { threads: 2 };
    await nexa.loadModel('qwen2audio', options);
    await nexa.loadModel('qwen2audio');
    expect(sdk.calls).toEqual([['qwen2audio', { threads: 2 }], ['qwen2audio']]);
    expect(sdk.calls[0]?.[1]).toBe(options);
    expect(guard.models()[0]?.quantization).toBeUndefined();
  });
});

describe('`memoryGuard`', () => {
  it.each(['enforce', 'observe'] as const)('never reaches the SDK (%s)', async (mode) => {
    const { nexa, sdk } = guardedFake(new FakeMachine(15 * GiB), { mode });
    const options = { quantization: 'Q4_0', threads: 2, memoryGuard: { downgrade: false } };
    await nexa.loadModel('qwen2audio', options);
    await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    expect(sdk.calls).toEqual([
      ['qwen2audio', { quantization: 'Q4_0', threads: 2 }],
      ['m', {}],
    ]);
    expect(options.memoryGuard).toEqual({ downgrade: false });
  });
});

describe('a plan', () => {
  it('tells every candidate, and neither loads nor reserves', async () => {
    const { guard, sdk, events } = guardedFake(new FakeMachine(Q4 + KEPT));
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
    expect(guard.headroomBytes()).toBe(Q4 + KEPT);
  });
});

describe('events', () => {
  it('come once each, in order, frozen, with a sentence and a time', async () => {
    const { nexa, clock, events, types } = guardedFake(new FakeMachine(15 * GiB));
    clock.advance(42);
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await model.dispose();
    await clock.advanceAsync(500);
    expect(types()).toEqual(['admitted', 'loaded', 'unloaded']);
    for (const event of events) {
      expect(Object.isFrozen(event)).toBe(true);
      expect(event.message.length).toBeGreaterThan(10);
      expect(event.atMs).toBeGreaterThanOrEqual(42);
    }
  });

  it('reach `once` once and `off` no more', async () => {
    const { nexa, guard } = guardedFake(new FakeMachine(15 * GiB));
    const [once, off] = [vi.fn(), vi.fn()];
    expect(guard.once('loaded', once).on('loaded', off)).toBe(guard);
    await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    guard.off('loaded', off);
    await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    expect(once).toHaveBeenCalledTimes(1);
    expect(off).toHaveBeenCalledTimes(1);
  });

  it('tell by how much headroom rose after a disposal, when it stands still', async () => {
    const { nexa, clock, machine, last } = guardedFake(new FakeMachine(10 * GiB));
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await model.generate(); // settled: its memory is seen as taken now
    machine.availableBytes = 10 * GiB - Q4_0;
    await model.dispose();
    await clock.advanceAsync(50);
    expect(last('unloaded')).toBeUndefined(); // nothing has come back yet
    machine.availableBytes = 9 * GiB;
    await clock.advanceAsync(50);
    expect(last('unloaded')).toMatchObject({ model: 'qwen2audio', quantization: 'Q4_0', freedBytes: Q4_0 - GiB });
    expect(last('unloaded')?.message).toMatch(/^Unloaded qwen2audio Q4_0; 2\.8 GiB came back in \d+ ms\.$/);
  });

  it('of a listener or a logger that throws surface as uncaught and break no load', async () => {
    const [ofListener, ofLogger] = [new Error('listener'), new Error('logger')];
    const logger = {
      info(message: string) {
        if (message.startsWith('Loading')) throw ofLogger;
      },
    };
    const { nexa, guard, types } = guardedFake(new FakeMachine(15 * GiB), { logger });
    guard.on('loaded', () => {
      throw ofListener;
    });
    const uncaught = await uncaughtDuring(async () => {
      const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
      expect(await model.generate()).toBe('text');
    });
    expect(uncaught).toEqual([ofLogger, ofListener]);
    expect(types()).toEqual(['admitted', 'loaded']);
    expect(guard.models()).toHaveLength(1);
  });
});

describe('the logger', () => {
  it('gets every line, the loud ones as warnings', async () => {
    const logger = { info: vi.fn(), warn: vi.fn() };
    const { nexa, machine, clock, events } = guardedFake(new FakeMachine(15 * GiB), { logger });
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    machine.availableBytes = Q4_0;
    await clock.advanceAsync(2000, 100);
    machine.availableBytes = 15 * GiB;
    await clock.advanceAsync(3000, 100);
    await model.dispose();
    await clock.advanceAsync(500);
    const lines = (types: string[]) =>
      events.filter(({ type }) => types.includes(type)).map(({ message }) => [message]);
    expect(logger.info.mock.calls).toEqual(lines(['admitted', 'loaded', 'ok', 'unloaded']));
    expect(logger.warn.mock.calls).toEqual(lines(['critical']));
    expect(logger.warn).toHaveBeenCalledTimes(1);
    expect(logger.info).toHaveBeenCalledTimes(4);
  });

  it('may have neither method', async () => {
    const { nexa, types } = guardedFake(new FakeMachine(15 * GiB), { logger: {} });
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(types()).toEqual(['admitted', 'loaded']);
  });
});

describe('a sensor that fails', () => {
  it.each([
    ['throws', undefined],
    ['gives NaN', Number.NaN],
  ])('and %s admits nothing: ERR_SENSOR, and `degraded`', async (_how, value) => {
    const machine = new FakeMachine(value ?? 15 * GiB);
    machine.failsAlways = value === undefined;
    const { nexa, sdk, guard, types, last } = guardedFake(machine);
    for (const options of [{ quantization: 'Q4_0' }, undefined]) {
      await expect(nexa.loadModel('qwen2audio', options)).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    }
    expect(sdk.calls).toEqual([]);
    expect(types()).toEqual(['degraded', 'degraded']);
    expect(last('degraded')).toMatchObject({ code: 'ERR_SENSOR', cause: expect.any(MemoryGuardError) });
    for (const read of [() => guard.snapshot(), () => guard.status(), () => guard.headroomBytes()]) {
      expect(read).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
    }
    await expect(guard.plan('qwen2audio')).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    machine.failsAlways = false;
    machine.availableBytes = 15 * GiB;
    expect(guard.headroomBytes()).toBe(15 * GiB); // nothing was left reserved
  });

  it.each([
    ['force', {}, { force: true }, 'Q4_K_M'],
    ['observe', { mode: 'observe' }, {}, undefined],
  ] as const)('hinders no load under %s, which is loud', async (_how, options, memoryGuard, quantization) => {
    const machine = new FakeMachine(15 * GiB);
    machine.failsAlways = true;
    const { nexa, sdk, types } = guardedFake(machine, options);
    await nexa.loadModel('qwen2audio', { memoryGuard });
    expect(sdk.loadedQuantization).toBe(quantization);
    expect(types()).toEqual(expect.arrayContaining(['degraded', 'loaded']));
    expect(types()).not.toContain('admitted');
  });

  it('at any one reading of a life never lets a load in without numbers, and leaves nothing reserved', async () => {
    const lives: string[] = [];
    for (let failsAt = 1; ; failsAt++) {
      const machine = new FakeMachine(15 * GiB);
      machine.failsAt = failsAt;
      const { nexa, sdk, guard, clock, types, last } = guardedFake(machine);
      const model = await nexa.loadModel('qwen2audio').catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'ERR_SENSOR' });
        return undefined;
      });
      if (model) {
        expect(last('admitted')).toMatchObject({ availableBytes: 15 * GiB, headroomBytes: 15 * GiB });
        await model.generate({ audio: 'a.wav' });
        await clock.advanceAsync(3000, 500);
        await model.dispose();
        await clock.advanceAsync(500);
        expect(types()).toContain('unloaded');
      } else {
        expect(sdk.calls).toEqual([]);
        expect(types()).toEqual(['degraded']);
      }
      expect(guard.models()).toEqual([]);
      expect(clock.pending).toBe(0);
      lives.push(model ? 'loaded' : 'refused');
      if (machine.readings < failsAt) break;
      machine.failsAt = undefined;
      expect(guard.headroomBytes()).toBe(15 * GiB);
    }
    expect(lives.slice(0, 3)).toEqual(['refused', 'refused', 'loaded']); // the recommendation, the decision
    expect(lives.length).toBeGreaterThan(6);
    expect(new Set(lives.slice(2))).toEqual(new Set(['loaded']));
  });

  it('at any one reading of a refused load still refuses it', async () => {
    for (let failsAt = 1; failsAt <= 4; failsAt++) {
      const machine = new FakeMachine(1 * GiB);
      machine.failsAt = failsAt;
      const { nexa, sdk, guard } = guardedFake(machine);
      const code = failsAt <= 2 ? 'ERR_SENSOR' : 'ERR_INSUFFICIENT_MEMORY';
      await expect(nexa.loadModel('qwen2audio')).rejects.toMatchObject({ code });
      expect(sdk.calls).toEqual([]);
      machine.failsAt = undefined;
      expect(guard.headroomBytes()).toBe(1 * GiB);
    }
  });

  it('while a model is loaded is told once, and again after it recovered', async () => {
    const machine = new FakeMachine(15 * GiB);
    const { nexa, clock, types } = guardedFake(machine);
    const told = () => types().filter((type) => type === 'degraded').length;
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    for (const expected of [1, 2]) {
      machine.failsAlways = true;
      clock.advance(5000);
      expect(told()).toBe(expected);
      machine.failsAlways = false;
      clock.advance(5000);
      expect(told()).toBe(expected);
    }
  });
});

describe('the status', () => {
  /** A model of Q4_0 is loaded; `free` sets what headroom is left beside it. */
  async function withModel(options: GuardOptions = {}) {
    const fake = guardedFake(new FakeMachine(15 * GiB), options);
    const model = await fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    fake.events.length = 0;
    const free = (bytes: number, forMs = 0) => {
      fake.machine.availableBytes = Q4_0 + bytes;
      fake.clock.advance(forMs);
    };
    return { ...fake, model, free };
  }

  it('is judged on headroom at its exact edges', async () => {
    const { guard, free } = await withModel();
    for (const [bytes, status] of [
      [1024 * MiB, 'ok'],
      [1024 * MiB - 1, 'warning'],
      [512 * MiB, 'warning'],
      [512 * MiB - 1, 'critical'],
      [0, 'critical'],
    ] as const) {
      free(bytes);
      expect(guard.status()).toEqual({
        status,
        totalBytes: 16 * GiB,
        availableBytes: Q4_0 + bytes,
        headroomBytes: bytes,
        minFreeBytes: 512 * MiB,
      });
    }
    expect(Object.isFrozen(guard.status())).toBe(true);
  });

  it('goes ok > warning > critical > warning > ok with one event each', async () => {
    const { free, events } = await withModel();
    free(800 * MiB, 2000);
    free(100 * MiB, 2000);
    free(800 * MiB, 3000);
    free(2 * GiB, 3000);
    expect(events.map((event) => 'previous' in event && `${event.previous} > ${event.type}`)).toEqual([
      'ok > warning',
      'warning > critical',
      'critical > warning',
      'warning > ok',
    ]);
    expect(events[1]).toMatchObject({
      totalBytes: 16 * GiB,
      availableBytes: Q4_0 + 100 * MiB,
      headroomBytes: 100 * MiB,
      minFreeBytes: 512 * MiB,
    });
  });

  it('gets worse at once and better only after it dwelt above the threshold', async () => {
    const { free, types } = await withModel({ dwellMs: 500 });
    free(100 * MiB, 1000);
    expect(types()).toEqual(['critical']);
    free(2 * GiB, 450);
    expect(types()).toEqual(['critical']);
    free(2 * GiB, 400); // and one reading more
    expect(types()).toEqual(['critical', 'ok']);
  });

  it('tells a value that swings around a threshold once', async () => {
    const { free, types } = await withModel();
    for (let swing = 0; swing < 200; swing++) free(1024 * MiB + (swing % 2 === 0 ? -20 : 20) * MiB, 400);
    expect(types()).toEqual(['warning']);
  });

  it('does not get better within the hysteresis, however long it stays', async () => {
    const { free, types } = await withModel({ hysteresisRatio: 0.1 });
    free(800 * MiB, 2000);
    free(1024 * 1.09 * MiB, 60_000);
    expect(types()).toEqual(['warning']);
    free(1024 * 1.11 * MiB, 3000);
    expect(types()).toEqual(['warning', 'ok']);
  });

  it('is told after a load that leaves little, without waiting', async () => {
    const { nexa, types } = guardedFake(new FakeMachine(Q4_0 + 600 * MiB), NO_RATIO);
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(types()).toEqual(expect.arrayContaining(['admitted', 'warning', 'loaded']));
  });

  it('is ok, and silent, while no model is loaded', async () => {
    const { guard, machine, clock, types } = guardedFake(new FakeMachine(15 * GiB));
    machine.availableBytes = 0;
    clock.advance(60_000);
    expect(types()).toEqual([]);
    expect(machine.readings).toBe(0);
    expect(guard.status()).toMatchObject({ status: 'ok', minFreeBytes: 0 });
  });

  it('is ok again when the last model is gone', async () => {
    const { model, free, types, clock } = await withModel();
    free(100 * MiB, 1000);
    await model.dispose();
    expect(types()).toEqual(['critical', 'ok']);
    await clock.advanceAsync(500);
    expect(clock.pending).toBe(0);
  });

  it('counts the promise of running audio', async () => {
    const { model, free, guard } = await withModel();
    free(1024 * MiB);
    expect(guard.status().status).toBe('ok');
    const wait = deferred();
    const call = model.generate({ audio: 'a.wav', wait: wait.promise });
    expect(guard.status()).toMatchObject({ status: 'warning', headroomBytes: 924 * MiB });
    wait.resolve();
    await call;
  });
});

describe('the promise to a loaded model', () => {
  const loaded = async () => {
    const fake = guardedFake(new FakeMachine(15 * GiB));
    const model = await fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const isSettled = () => fake.guard.headroomBytes() === fake.machine.availableBytes;
    expect(isSettled()).toBe(false);
    return { ...fake, model, isSettled };
  };

  it('is settled by the first completed inference', async () => {
    const { model, isSettled } = await loaded();
    await model.generate();
    expect(isSettled()).toBe(true);
  });

  it('is settled by a stream that was read to its end', async () => {
    const { model, isSettled } = await loaded();
    for await (const _text of model.generateStream());
    expect(isSettled()).toBe(true);
  });

  it('is not settled by tokenising, a failed or an abandoned call', async () => {
    const { model, isSettled } = await loaded();
    await model.tokenize();
    const fails = new Error('failed');
    await expect(model.generate({ fails })).rejects.toBe(fails);
    for await (const _text of model.generateStream()) break;
    expect(isSettled()).toBe(false);
    await model.generate();
    expect(isSettled()).toBe(true);
  });

  it('is not settled by a call beside which another one ran, of this model or of another', async () => {
    for (const beside of ['the same', 'another']) {
      const { nexa, model, guard } = await loaded();
      const other = beside === 'another' ? await nexa.loadModel('m', { memoryGuard: { footprint: 1 } }) : model;
      const before = guard.headroomBytes();
      const wait = deferred();
      const first = model.generate({ wait: wait.promise });
      await other.tokenize();
      wait.resolve();
      await first;
      expect(guard.headroomBytes()).toBe(before);
    }
  });

  it('is not settled by a call beside which a model was loaded', async () => {
    const { nexa, model, isSettled, guard } = await loaded();
    const wait = deferred();
    const first = model.generate({ wait: wait.promise });
    const other = await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    wait.resolve();
    await first;
    await other.dispose();
    expect(isSettled()).toBe(false);
    await model.generate();
    expect(isSettled()).toBe(true);
    expect(guard.models()).toHaveLength(1);
  });
});

describe('a closed guard', () => {
  const closedError = expect.objectContaining({ code: 'ERR_GUARD_CLOSED' });

  it('refuses loads, plans and readings', async () => {
    const { nexa, guard, sdk } = guardedFake(new FakeMachine(15 * GiB));
    expect(guard.closed).toBe(false);
    guard.close();
    guard.close();
    expect(guard.closed).toBe(true);
    await expect(nexa.loadModel('qwen2audio')).rejects.toEqual(closedError);
    await expect(guard.plan('qwen2audio')).rejects.toEqual(closedError);
    for (const read of [() => guard.snapshot(), () => guard.status(), () => guard.headroomBytes()]) {
      expect(read).toThrow(closedError);
    }
    expect(sdk.calls).toEqual([]);
  });

  it('refuses loads that wait for their turn', async () => {
    const { nexa, guard, sdk } = guardedFake(new FakeMachine(15 * GiB));
    const gate = deferred();
    sdk.during = () => gate.promise;
    const first = nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const waiting = [1, 2].map(() => nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    await settled();
    guard.close();
    gate.resolve();
    const model = await first; // it was under way
    for (const load of waiting) await expect(load).rejects.toEqual(closedError);
    expect(sdk.calls).toHaveLength(1);
    expect(await model.generate()).toBe('text');
  });

  it('leaves no timer and tells nothing more', async () => {
    const { nexa, guard, clock, machine, types } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(clock.pending).toBe(1);
    guard.close();
    expect(clock.pending).toBe(0);
    machine.availableBytes = 0;
    clock.advance(10_000);
    expect(types()).toEqual(['admitted', 'loaded']);
  });

  it('leaves loaded models usable and disposable', async () => {
    const { nexa, guard, clock, machine } = guardedFake(new FakeMachine(15 * GiB));
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    guard.close();
    expect(await model.generate({ audio: 'a.wav' })).toBe('text');
    const { readings } = machine;
    await model.dispose();
    expect(model.disposals).toBe(1);
    expect(guard.models()).toEqual([]);
    expect(machine.readings).toBe(readings);
    expect(clock.pending).toBe(0);
  });
});

describe('a program', () => {
  const PREAMBLE = `
    class SDK { async loadModel() { return { async generate() { return 'text'; }, async dispose() {} }; } }
    const sensor = () => ({ totalBytes: 2 ** 34, availableBytes: 2 ** 34 });
  `;

  it('ends by itself with a model loaded, over a replaced sensor and over the machine', async () => {
    for (const options of ['{ sensor }', '{}']) {
      const ended = await runProgram(`${PREAMBLE}
        const nexa = door.withMemoryGuard(new SDK(), ${options});
        const model = await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
        globalThis.kept = model;
        console.log(await model.generate(), nexa.guard.models().length);
      `);
      expect(ended).toEqual({ code: 0, signal: null, stdout: 'text 1\n', stderr: '' });
    }
  });

  it('prints the lines to stderr with NODE_DEBUG, and none without', async () => {
    const body = `${PREAMBLE}
      const nexa = door.withMemoryGuard(new SDK(), { sensor });
      const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
      await model.dispose();
    `;
    const debugged = await runProgram(body, { env: { NODE_DEBUG: 'nexa-memory-guard' } });
    expect(debugged.code).toBe(0);
    expect(debugged.stderr).toMatch(
      /NEXA-MEMORY-GUARD \d+: admitted: Loading qwen2audio Q4_0, which needs 3\.8 GiB of 16\.0 GiB\.\n/,
    );
    expect(debugged.stderr).toMatch(/loaded: Loaded qwen2audio Q4_0 in \d+ ms/);
    expect(debugged.stderr).toMatch(/unloaded: Unloaded qwen2audio Q4_0/);
    expect(await runProgram(body)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});

describe('a load while memory cannot be read', () => {
  const unreadable = () => {
    throw new Error('no numbers');
  };

  it('is admitted where the user chose so, and that is said aloud', async () => {
    const { nexa, sdk, events } = guardedFake(new FakeMachine(15 * GiB), {
      sensor: unreadable,
      onSensorFailure: 'admit',
    });
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    expect(sdk.calls).toEqual([['qwen2audio', { quantization: 'Q5_K_M' }]]);
    expect(events[0]).toMatchObject({
      type: 'degraded',
      code: 'ERR_SENSOR',
      message: expect.stringContaining('Admitted unread'),
    });
    expect(nexa.guard.models()).toHaveLength(1);
  });

  it('is refused where he did not', async () => {
    const { nexa, sdk } = guardedFake(new FakeMachine(15 * GiB), { sensor: unreadable });
    await expect(nexa.loadModel('qwen2audio')).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    expect(sdk.calls).toEqual([]);
  });
});

describe('a listener', () => {
  it('of an event that there is not, or that is no function, is refused', () => {
    const { guard } = guardedFake(new FakeMachine(15 * GiB));
    const refused = expect.objectContaining({ code: 'ERR_INVALID_OPTION' });
    expect(() => guard.on('warnign' as 'warning', () => {})).toThrow(refused);
    expect(() => guard.once('ok', 5 as never)).toThrow(refused);
  });
});

describe('models that are disposed at the same time', () => {
  it('are told of in order, and what came back counts once', async () => {
    const { nexa, events, clock } = guardedFake(new FakeMachine(15 * GiB));
    const memoryGuard = { footprint: 2 * GiB };
    const models = [
      await nexa.loadModel('qwen2audio', { memoryGuard }),
      await nexa.loadModel('qwen2audio', { memoryGuard }),
    ];
    await Promise.all(models.map((model) => model.dispose()));
    await clock.advanceAsync(1000);
    const unloaded = events.filter((event) => event.type === 'unloaded');
    expect(unloaded).toHaveLength(2);
    expect(unloaded.reduce((sum, event) => sum + ('freedBytes' in event ? (event.freedBytes ?? 0) : 0), 0)).toBe(
      4 * GiB,
    );
  });
});

describe('a load that is observed and not understood', () => {
  it('is passed on as it is, and told of', async () => {
    const { nexa, sdk, events, guard } = guardedFake(new FakeMachine(15 * GiB), { mode: 'observe' });
    await nexa.loadModel('qwen2audio', { quantization: 'Q8_0' });
    expect(sdk.calls).toEqual([['qwen2audio', { quantization: 'Q8_0' }]]);
    expect(events[0]).toMatchObject({
      type: 'degraded',
      code: 'ERR_UNKNOWN_QUANTIZATION',
      message: expect.stringContaining('Observed only'),
    });
    expect(guard.models()).toHaveLength(1);
  });
});
