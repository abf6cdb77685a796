import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import type { LoadNeed, Quantization } from '../../src/core/types.ts';
import type { DecisionEvent, DegradedEvent, LoadedEvent, WaitingEvent } from '../../src/events/guard-events.ts';
import { DecisionTeller, tellLoaded } from '../../src/loading/tell-decision.ts';
import { type Candidate, judgeCandidates } from '../../src/policy/choose-candidate.ts';
import { type Decision, makeDecision } from '../../src/policy/decision.ts';
import { DOCUMENTED_NEEDS, KEPT_BYTES } from '../support/documented-needs.ts';
import { FakeMachine, guardedFake } from '../support/fake-sdk.ts';
import { makeHeldModel } from '../support/make-held-model.ts';
import { ManualClock } from '../support/manual-clock.ts';

const need = (gib: number): LoadNeed => ({ mappedBytes: 0, anonymousBytes: gib * GiB, basis: 'given' });
const candidate = (gib: number, quantization: Quantization): Candidate => ({
  quantization,
  need: need(gib),
  minFreeBytes: 1,
});

/** The decision on these candidates, of which the first was asked for, with 5 GiB of headroom and 6 GiB available. */
function decide(...candidates: readonly [Candidate, ...Candidate[]]): Decision {
  const view = {
    totalBytes: 16 * GiB,
    availableBytes: 6 * GiB,
    headroomBytes: 5 * GiB,
    promisedAnonymousBytes: 1 * GiB,
    waitingBytes: 0,
  };
  const verdicts = judgeCandidates(candidates, view, 0);
  const request = { model: 'm', askedQuantization: candidates[0].quantization!, candidates, downgrade: true };
  return makeDecision(request, { view, verdicts, chosen: verdicts.find(({ admitted }) => admitted) });
}

function telling(mode: 'enforce' | 'observe' = 'enforce') {
  const events: (DecisionEvent | WaitingEvent | DegradedEvent)[] = [];
  const clock = new ManualClock();
  clock.advance(42);
  return { teller: new DecisionTeller({ mode, clock, emit: (event) => events.push(event) }), events };
}

describe('a load that goes in by the rules', () => {
  it('is told as admitted, with the whole decision and no rule that refused it', () => {
    const { teller, events } = telling();
    const decision = decide(candidate(4, 'Q4_0'));
    const message = 'Loading m Q4_0, which needs 4.0 GiB (as given) of 5.0 GiB.';
    expect(teller.admitted(decision, undefined)).toBe(message);
    expect(events).toEqual([
      { ...decision, type: 'admitted', message, atMs: 42, forced: false, refusedBy: [], observed: false },
    ]);
  });

  it('is told as downgraded if another quantization is loaded', () => {
    const { teller, events } = telling();
    teller.admitted(decide(candidate(9, 'Q5_K_M'), candidate(4, 'Q4_0')), undefined);
    expect(events[0]).toMatchObject({
      type: 'downgraded',
      verdict: 'downgrade',
      askedQuantization: 'Q5_K_M',
      quantization: 'Q4_0',
      refusedBy: [],
    });
  });

  it('tells how long it waited if it did, and nothing of that if it did not', () => {
    const { teller, events } = telling();
    teller.admitted(decide(candidate(4, 'Q4_0')), 0);
    teller.admitted(decide(candidate(4, 'Q4_0')), undefined);
    expect(events[0]).toMatchObject({ waitedMs: 0 });
    expect(events[1]).not.toHaveProperty('waitedMs');
  });
});

describe('a load that is forced', () => {
  const asked = candidate(9, 'Q5_K_M');
  const told = (waitedMs?: number) => {
    const { teller, events } = telling();
    const refused = { ...decide(asked), help: { freeBytes: 4 * GiB, unload: [] } };
    const message = teller.forced(refused, { ...asked, kvCacheType: { k: 'q8_0', v: 'f16' } }, waitedMs);
    return { message, event: events[0], count: events.length };
  };

  it('is told as admitted, with what is reserved for it and the rules that refuse it', () => {
    const { message, event, count } = told(5);
    expect(count).toBe(1);
    expect(event).toMatchObject({
      type: 'admitted',
      verdict: 'admit',
      forced: true,
      observed: false,
      quantization: 'Q5_K_M',
      kvCacheType: { k: 'q8_0', v: 'f16' },
      need: need(9),
      refusedBy: ['headroom', 'free-ratio-after-load', 'min-free'],
      headroomBytes: 5 * GiB,
      availableBytes: 6 * GiB,
      waitedMs: 5,
      message,
    });
    expect(message).toMatch(/^Forced, although the rules refuse it: m Q5_K_M: it needs 9\.0 GiB/);
  });

  it('is told without help: nothing is refused', () => {
    expect(told().event).not.toHaveProperty('help');
  });
});

describe('a load that is refused', () => {
  it('is told with its sentence, the rules that failed and no need', () => {
    const { teller, events } = telling();
    teller.refused(decide(candidate(9, 'Q5_K_M'), candidate(5, 'Q4_0')), 'Too large.', 7);
    expect(events).toMatchObject([
      { type: 'refused', verdict: 'refuse', message: 'Too large.', refusedBy: ['min-free'], waitedMs: 7 },
    ]);
    expect(events[0]).not.toHaveProperty('need');
    expect(Object.isFrozen((events[0] as DecisionEvent).refusedBy)).toBe(true);
  });
});

describe('a load that is only observed', () => {
  it('is told so, whatever was decided', () => {
    const { teller, events } = telling('observe');
    expect(teller.admitted(decide(candidate(4, 'Q4_0')), undefined)).toMatch(/^Loading m/);
    teller.refused(decide(candidate(9, 'Q4_0')), 'Too large.', undefined);
    expect(events.map(({ message }) => message)).toEqual([
      'Observed only: Loading m Q4_0, which needs 4.0 GiB (as given) of 5.0 GiB.',
      'Observed only: Too large.',
    ]);
    expect(events.every((event) => 'observed' in event && event.observed)).toBe(true);
  });
});

describe('a load that waits', () => {
  it('is told with the verdict `wait`, its place and how long it has waited', () => {
    const { teller, events } = telling();
    const refused = decide(candidate(9, 'Q4_0'));
    teller.waiting(refused, 3, 250);
    expect(events).toEqual([
      {
        ...refused,
        verdict: 'wait',
        type: 'waiting',
        position: 3,
        waitedMs: 250,
        atMs: 42,
        message: expect.stringMatching(/4\.0 GiB more must be free, and 2 wait before it\.$/),
      },
    ]);
  });
});

describe('what the guard does less well', () => {
  it('is told with its reason, and the error behind it with that error’s code', () => {
    const { teller, events } = telling();
    const cause = new MemoryGuardError('ERR_SENSOR', 'No numbers.');
    teller.degraded({ reason: 'admitted-unread', message: 'Admitted unread: No numbers.' }, cause);
    expect(events).toEqual([
      {
        type: 'degraded',
        reason: 'admitted-unread',
        message: 'Admitted unread: No numbers.',
        code: 'ERR_SENSOR',
        cause,
        atMs: 42,
      },
    ]);
  });

  it('is told without an error if there is none', () => {
    const { teller, events } = telling();
    teller.degraded({ reason: 'unknown-model', code: 'ERR_UNKNOWN_MODEL', message: 'Nobody knows.' });
    expect(events[0]).toMatchObject({ reason: 'unknown-model', code: 'ERR_UNKNOWN_MODEL' });
    expect(events[0]).not.toHaveProperty('cause');
    teller.degraded({ reason: 'unknown-model', message: 'Nobody knows.' });
    expect(events[1]).not.toHaveProperty('code');
  });
});

describe('the sentence of a downgrade', () => {
  it('says what was asked, why not, and what is loaded', async () => {
    const { nexa, last } = guardedFake(new FakeMachine(DOCUMENTED_NEEDS.Q4_K_M + KEPT_BYTES));
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    expect(last('downgraded')?.message).toBe(
      'qwen2audio Q5_K_M needs 4.8 GiB (by the documented table, which counts weights only): 3.4 GiB would stay available to the system, where 4.0 GiB must. ' +
        'Loading Q4_K_M instead, which needs 4.2 GiB (by the documented table, which counts weights only) of 8.2 GiB.',
    );
  });
});

describe('a load that is done', () => {
  const tell = (mapped: readonly number[] | undefined, quantization?: Quantization) => {
    const clock = new ManualClock();
    clock.advance(42);
    const events: LoadedEvent[] = [];
    const files = mapped?.map((bytes, index) => ({ key: `${index}`, bytes }));
    const held = makeHeldModel({ name: 'm', quantization });
    tellLoaded(held, { files, elapsedMs: 12.6 }, { clock, emit: (event) => events.push(event) });
    return events;
  };

  it('is told with its time, what was reserved and what it mapped', () => {
    expect(tell([3 * GiB, 1 * GiB], 'Q4_0')).toEqual([
      {
        type: 'loaded',
        message: 'Loaded m Q4_0 in 13 ms; it maps 4.0 GiB.',
        atMs: 42,
        model: 'm',
        quantization: 'Q4_0',
        need: { mappedBytes: 1, anonymousBytes: 2, basis: 'given' },
        mappedBytes: 4 * GiB,
        elapsedMs: 12.6,
      },
    ]);
  });

  it('is told to map nothing only if that is known', () => {
    expect(tell([])[0]).toMatchObject({ message: 'Loaded m in 13 ms.', mappedBytes: 0 });
    expect(tell(undefined)[0]).not.toHaveProperty('mappedBytes');
    expect(tell(undefined)[0]).not.toHaveProperty('quantization');
  });
});
