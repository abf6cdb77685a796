/** What is kept for the first context of a model, and who may take it. */
import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { Candidate } from '../../src/policy/choose-candidate.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';
import { decide } from '../support/decide.ts';

const need = (anonymousBytes: number): LoadNeed => ({ mappedBytes: 0, anonymousBytes, basis: 'given' });
const candidate = (bytes: number, more: Partial<Candidate> = {}): Candidate => ({
  need: need(bytes),
  minFreeBytes: 0,
  ...more,
});
const ask = (...candidates: Candidate[]) => ({ model: 'm', candidates, downgrade: true });
const WHOLE_MINUTE = 60_000;

/** A machine of 1000 bytes, all of them available. */
function gateOver(minFreeRatioAfterLoad = 0) {
  const reader = new InjectedReader(() => ({ totalBytes: 1000, availableBytes: 1000 }));
  return new AdmissionGate({ reader, ledger: new Ledger(), nowMs: () => 7, minFreeRatioAfterLoad });
}

describe('a load of weights', () => {
  it('is let in only with room for its first context, which is kept from then on', () => {
    const gate = gateOver();
    const weights = candidate(600, { roomBytes: 300 });
    const { reserved } = decide(gate, ask(weights), { reserve: 'chosen' });
    expect(gate.look().headroomBytes).toBe(100);
    expect(reserved?.reservation.need).toEqual(need(600));
    expect(decide(gate, ask(candidate(600, { roomBytes: 401 })), { reserve: 'nothing' }).decision.verdict).toBe(
      'refuse',
    );
    gate.endRoom(reserved!.reservation);
    expect(gate.look().headroomBytes).toBe(400);
    gate.endRoom(reserved!.reservation);
    expect(gate.look().headroomBytes).toBe(400);
  });

  it('is refused where it would fit without a context', () => {
    const { decision } = decide(gateOver(), ask(candidate(800, { roomBytes: 201 })), { reserve: 'nothing' });
    expect(decision).toMatchObject({ verdict: 'refuse', candidates: [{ shortfallBytes: 1 }] });
    expect(decide(gateOver(), ask(candidate(800, { roomBytes: 200 })), { reserve: 'nothing' }).decision.verdict).toBe(
      'admit',
    );
  });

  it('gives its room back when it is forgotten', () => {
    const gate = gateOver();
    const { reserved } = decide(gate, ask(candidate(600, { roomBytes: 300 })), { reserve: 'chosen' });
    gate.release(reserved!.reservation);
    expect(gate.look().headroomBytes).toBe(1000);
  });
});

describe('a first context', () => {
  it('goes before all that wait', () => {
    const gate = gateOver();
    gate.wait('first', need(900), WHOLE_MINUTE);
    const judge = (bytes: number, completes?: boolean) =>
      decide(gate, ask(candidate(bytes)), { reserve: 'nothing', completes }).decision.verdict;
    expect([judge(200), judge(200, true), judge(1001, true)]).toEqual(['refuse', 'admit', 'refuse']);
  });

  it('is not asked for the share that stays available: its model was', () => {
    const gate = gateOver(0.5);
    const judge = (completes?: boolean) =>
      decide(gate, ask(candidate(600)), { reserve: 'nothing', completes }).decision.verdict;
    expect([judge(), judge(true)]).toEqual(['refuse', 'admit']);
  });
});
