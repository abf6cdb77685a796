import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import { AdmissionTimeoutError } from '../../src/admission/admission-timeout-error.ts';
import { InsufficientMemoryError } from '../../src/admission/insufficient-memory-error.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { DecisionEvent, DegradedEvent, WaitingEvent } from '../../src/events/guard-events.ts';
import { Ledger, WAIT_LEASE_MS, type WaitTicket } from '../../src/ledger/ledger.ts';
import { readLoadChoices } from '../../src/loading/load-guard-options.ts';
import type { PreparedLoad } from '../../src/loading/prepare-load.ts';
import { DecisionTeller } from '../../src/loading/tell-decision.ts';
import { type Waiter, WaitingLine, waitedMs } from '../../src/loading/waiting-line.ts';
import { judgeCandidates } from '../../src/policy/choose-candidate.ts';
import type { Decision } from '../../src/policy/decision.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';
import { FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** What the line knows of a load: its name and its own choices. */
function load(name: string, memoryGuard: object = { wait: { timeoutMs: 1000 } }): PreparedLoad {
  return { request: { name }, choices: readLoadChoices(memoryGuard) } as PreparedLoad;
}

/** Refused on a machine of 1000 bytes, of which it would take all. It counts how often that is explained. */
function refuse(model: string, freeBytes = 400) {
  const situation = { totalBytes: 1000, availableBytes: 500, headroomBytes: freeBytes, promisedAnonymousBytes: 0 };
  const candidates = judgeCandidates(
    [{ need: { mappedBytes: 1000, anonymousBytes: 0, basis: 'given' }, minFreeBytes: 0 }],
    situation,
    0,
  );
  const decision: Decision = { verdict: 'refuse', model, ...situation, candidates };
  const refusal = new InsufficientMemoryError(decision, `${model} is too large.`);
  const refused = { decision, refusal, explained: 0, explain };
  function explain() {
    refused.explained += 1;
    return refusal;
  }
  return refused;
}

type Refused = ReturnType<typeof refuse>;

const letWait = (line: WaitingLine, waiter: Waiter, { decision, explain }: Refused) =>
  line.letWait(waiter, decision, explain);

function makeLine() {
  const clock = new ManualClock();
  const ledger = new Ledger();
  const events: (DecisionEvent | WaitingEvent | DegradedEvent)[] = [];
  let renewals = 0;
  class CountingGate extends AdmissionGate {
    override renewWaits(): void {
      renewals += 1;
      super.renewWaits();
    }
  }
  const gate = new CountingGate({
    reader: new InjectedReader(() => ({ totalBytes: 1000, availableBytes: 500 })),
    ledger,
    nowMs: () => clock.nowMs(),
    minFreeRatioAfterLoad: 0,
  });
  const teller = new DecisionTeller({ mode: 'enforce', clock, emit: (event) => events.push(event) });
  return { line: new WaitingLine({ clock, gate, teller }), clock, ledger, events, renewals: () => renewals };
}

const inLine = (ledger: Ledger) => [...ledger.waiting].map(({ label }) => label);

describe('a load that enters the line', () => {
  it('may not wait and has no time limit if it did not ask for that', () => {
    const { line, clock } = makeLine();
    expect(line.enter(load('m', {})).mayWait).toBe(false);
    expect(line.enter(load('m', { wait: false })).mayWait).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it.each([[{}], [{ wait: true }]])('is given up by its own signal and by whoever closes the line: %j', (choices) => {
    const { line } = makeLine();
    const controller = new AbortController();
    const given = line.enter(load('given', { ...choices, signal: controller.signal }));
    const closed = line.enter(load('closed', choices));
    controller.abort('enough');
    line.close('closed');
    const late = line.enter(load('late', choices));
    expect([given, closed, late].map(({ deadline }) => deadline.signal.reason)).toEqual(['enough', 'closed', 'closed']);
  });

  it('has its time limit from then on, and no place yet', () => {
    const { line, clock, ledger } = makeLine();
    const waiter = line.enter(load('m'));
    expect(inLine(ledger)).toEqual([]);
    expect(waitedMs(waiter)).toBeUndefined();
    clock.advance(999);
    expect(waiter.deadline.signal.aborted).toBe(false);
    clock.advance(1);
    expect(waiter.deadline.signal.aborted).toBe(true);
  });
});

describe('a place in the line', () => {
  const places = (events: readonly object[]) =>
    events.flatMap((event) => ('position' in event && 'model' in event ? [[event.model, event.position]] : []));

  it('is taken once, with what the load needs at the least, and told', () => {
    const { line, clock, ledger, events } = makeLine();
    const waiter = line.enter(load('m'));
    clock.advance(30);
    letWait(line, waiter, refuse('m'));
    letWait(line, waiter, refuse('m'));
    expect([...ledger.waiting]).toMatchObject([{ label: 'm', mappedBytes: 1000, anonymousBytes: 0 }]);
    const [{ sinceUs, untilUs }] = [...ledger.waiting] as [WaitTicket];
    expect(untilUs - sinceUs).toBe(970_000);
    expect(waitedMs(waiter)).toBe(30);
    expect(events).toMatchObject([
      { type: 'waiting', verdict: 'wait', model: 'm', position: 1, waitedMs: 30, headroomBytes: 400 },
    ]);
  });

  it('is told again only if it has changed', () => {
    const { line, events } = makeLine();
    const [first, second] = [line.enter(load('first')), line.enter(load('second'))];
    letWait(line, first, refuse('first'));
    letWait(line, second, refuse('second'));
    letWait(line, second, refuse('second'));
    line.leave(first);
    letWait(line, second, refuse('second'));
    expect(places(events)).toEqual([
      ['first', 1],
      ['second', 2],
      ['second', 1],
    ]);
  });

  it('is given up once, and those behind it look again', async () => {
    const { line, ledger, clock } = makeLine();
    const waiter = line.enter(load('m'));
    letWait(line, waiter, refuse('m'));
    let woken = 0;
    const next = line.enter(load('next', {}));
    void line.sleep(next).then(() => {
      woken += 1;
    });
    line.leave(waiter);
    line.leave(waiter);
    await settled();
    expect(inLine(ledger)).toEqual([]);
    expect([woken, clock.pending]).toEqual([1, 0]);
  });

  it('wakes nobody if it was never taken', async () => {
    const { line } = makeLine();
    let woken = 0;
    void line.sleep(line.enter(load('next'))).then(() => {
      woken += 1;
    });
    line.leave(line.enter(load('m')));
    await settled();
    expect(woken).toBe(0);
    line.wake();
    await settled();
    expect(woken).toBe(1);
  });
});

describe('loads that wait', () => {
  const placed = (line: WaitingLine, ...names: string[]) =>
    names.map((name) => {
      const waiter = line.enter(load(name, { wait: true }));
      letWait(line, waiter, refuse(name));
      return waiter;
    });

  it('are looked for often while memory comes back to the first one, and seldom while it does not', async () => {
    const { line, clock } = makeLine();
    const [first] = placed(line, 'first', 'second') as [Waiter];
    const looks: number[] = [];
    const lookAgain = async (missing: () => number) => {
      await line.sleep(first);
      looks.push(clock.nowMs());
      letWait(line, first, refuse('first', -missing()));
      void lookAgain(missing);
    };
    let [missingBytes, returningBytes] = [900 * MiB, 0];
    void lookAgain(() => (missingBytes -= returningBytes));
    for (const [bytes, least, most] of [
      [0, 5, 15],
      [-20 * MiB, 5, 15],
      [MiB, 5, 15],
      [20 * MiB, 40, 101],
    ] as const) {
      [returningBytes, looks.length] = [bytes, 0];
      await clock.advanceAsync(1000);
      expect(looks.length).toBeGreaterThanOrEqual(least);
      expect(looks.length).toBeLessThanOrEqual(most);
    }
  });

  it('tell others again and again that they still do, until the last one leaves', () => {
    const { line, clock, renewals } = makeLine();
    const [first, second] = placed(line, 'first', 'second') as [Waiter, Waiter];
    clock.advance(WAIT_LEASE_MS);
    expect(renewals()).toBe(2);
    line.leave(first);
    clock.advance(WAIT_LEASE_MS);
    expect(renewals()).toBe(4);
    line.leave(second);
    expect(clock.pending).toBe(0);
    placed(line, 'third');
    clock.advance(WAIT_LEASE_MS);
    expect(renewals()).toBe(6);
  });

  it('are explained when their own look is told, and not at every look', () => {
    const { line, events } = makeLine();
    const waiter = line.enter(load('m'));
    const refusals = [refuse('m'), refuse('m'), refuse('m')];
    for (const refused of refusals) letWait(line, waiter, refused);
    expect(refusals.map(({ explained }) => explained)).toEqual([1, 0, 0]);
    expect(events).toHaveLength(1);
  });

  it('tell that they moved up when the first one looks, with the numbers of their own last look', () => {
    const { line, events } = makeLine();
    const waiters = ['a', 'b', 'c'].map((name) => line.enter(load(name))) as [Waiter, Waiter, Waiter];
    const [a, b, c] = waiters;
    letWait(line, a, refuse('a'));
    letWait(line, b, refuse('b'));
    letWait(line, c, refuse('c', 300));
    line.leave(a);
    events.length = 0;
    letWait(line, b, refuse('b', 200));
    expect(events).toMatchObject([
      { type: 'waiting', model: 'b', position: 1, headroomBytes: 200 },
      { type: 'waiting', model: 'c', position: 2, headroomBytes: 300 },
    ]);
  });
});

describe('a load that can’t look, since the ledger stays locked,', () => {
  const stuck = new AdmissionTimeoutError('Expected the ledger to be free, found it locked by process 7.', 2000);

  it('says so once, tries again, and names the holder in the end', async () => {
    const { line, clock, events } = makeLine();
    const waiter = line.enter(load('m'));
    line.letTryAgain(waiter, stuck);
    line.letTryAgain(waiter, stuck);
    let woken = false;
    void line.sleep(waiter).then(() => {
      woken = true;
    });
    clock.advance(100);
    await settled();
    expect(woken).toBe(true);
    expect(events).toMatchObject([{ type: 'degraded', reason: 'ledger-failed', code: 'ERR_ADMISSION_TIMEOUT' }]);
    clock.advance(900);
    expect(waiter.deadline.signal.reason).toMatchObject({
      code: 'ERR_ADMISSION_TIMEOUT',
      message: `Waited 1.0 s for the ledger. ${stuck.message}`,
      cause: stuck,
    });
  });

  it('is told as short of memory if it could look again after all', () => {
    const { line, clock } = makeLine();
    const waiter = line.enter(load('m'));
    line.letTryAgain(waiter, stuck);
    letWait(line, waiter, refuse('m'));
    clock.advance(1000);
    expect(waiter.deadline.signal.reason).toMatchObject({ message: 'Waited 1.0 s for memory. m is too large.' });
  });
});

describe('a wait that is over', () => {
  const lateAfter = (prepare: (line: WaitingLine, waiter: Waiter) => void) => {
    const { line, clock, events } = makeLine();
    const waiter = line.enter(load('m'));
    prepare(line, waiter);
    events.length = 0;
    clock.advance(1000);
    return { error: waiter.deadline.signal.reason as AdmissionTimeoutError, events };
  };

  it('is a refusal with the numbers of the last look', () => {
    const refused = refuse('m');
    const { refusal } = refused;
    const { error, events } = lateAfter((line, waiter) => letWait(line, waiter, refused));
    expect(error).toBeInstanceOf(AdmissionTimeoutError);
    const { requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan } = refusal;
    expect(error).toMatchObject({
      code: 'ERR_ADMISSION_TIMEOUT',
      message: 'Waited 1.0 s for memory. m is too large.',
      cause: refusal,
      waitedMs: 1000,
      ...{ requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan },
    });
    expect([headroomBytes, availableBytes, shortfallBytes]).toEqual([400, 500, 600]);
    expect(events).toMatchObject([
      { type: 'refused', message: error.message, waitedMs: 1000, refusedBy: ['headroom', 'min-free'] },
    ]);
  });

  it('is no refusal if the load was never looked at', () => {
    const { error, events } = lateAfter(() => {});
    expect(error).toMatchObject({
      code: 'ERR_ADMISSION_TIMEOUT',
      message: 'Waited 1.0 s for its turn, for the ledger or for a model to end, and m was not decided on.',
      waitedMs: 1000,
    });
    expect(error.plan).toBeUndefined();
    expect(error.cause).toBeUndefined();
    expect(events).toEqual([]);
  });

  it('is not told if its own signal or the guard has ended it', () => {
    const { line, events, clock } = makeLine();
    const controller = new AbortController();
    const given = line.enter(load('given', { wait: { timeoutMs: 1000 }, signal: controller.signal }));
    const closed = line.enter(load('closed'));
    controller.abort(new Error('enough'));
    line.close(new Error('closed'));
    expect(given.deadline.signal.reason).toEqual(new Error('enough'));
    expect(closed.deadline.signal.reason).toEqual(new Error('closed'));
    clock.advance(1000);
    expect(closed.deadline.signal.reason).toEqual(new Error('closed'));
    expect(events).toEqual([]);
  });
});

describe('a program whose load waited for too long', () => {
  it('gets the numbers of a refusal in the error itself', async () => {
    const options = { minFreeRatioAfterLoad: 0, minFreeBytes: 1 * GiB };
    const { nexa, clock, last } = guardedFake(new FakeMachine(4 * GiB), options);
    await nexa.loadModel('held', { memoryGuard: { footprint: 1 * GiB } });
    const loading = nexa.loadModel('big', { memoryGuard: { footprint: 5 * GiB, wait: { timeoutMs: 200 } } });
    const rejected = expect(loading).rejects.toMatchObject({
      code: 'ERR_ADMISSION_TIMEOUT',
      waitedMs: 200,
      requiredBytes: 5 * GiB,
      headroomBytes: 3 * GiB,
      availableBytes: 4 * GiB,
      shortfallBytes: 3 * GiB,
      refusedBy: ['headroom', 'free-ratio-after-load', 'min-free'],
      plan: { verdict: 'refuse', model: 'big' },
    });
    await clock.advanceAsync(300);
    await rejected;
    expect(last('waiting')).toMatchObject({ verdict: 'wait', position: 1 });
  });
});
