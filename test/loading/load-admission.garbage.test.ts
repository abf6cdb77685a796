/** When garbage is collected for a load. The machine is a function, and collecting gives what the test says. */
import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { LoadAdmission, type LoadAdmissionParts } from '../../src/loading/load-admission.ts';
import { readLoadChoices } from '../../src/loading/load-guard-options.ts';
import type { PreparedLoad } from '../../src/loading/prepare-load.ts';
import { DecisionTeller } from '../../src/loading/tell-decision.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Of 1000 bytes 100 are available, and collecting gives `freedBytes` more. */
function makeAdmission(freedBytes: number) {
  const state = { availableBytes: 100, collections: 0, readings: 0 };
  const clock = new ManualClock();
  const ledger = new Ledger();
  const reader = new InjectedReader(() => {
    state.readings += 1;
    return { totalBytes: 1000, availableBytes: state.availableBytes };
  });
  const gate = new AdmissionGate({
    reader,
    ledger,
    collect() {
      state.collections += 1;
      state.availableBytes += freedBytes;
      return freedBytes > 0;
    },
    nowMs: () => clock.nowMs(),
    minFreeRatioAfterLoad: 0,
  });
  const settings = { mode: 'enforce', evict: 'never', onSensorFailure: 'refuse' };
  const admission = new LoadAdmission({
    settings: settings as LoadAdmissionParts['settings'],
    reader,
    gate,
    inSection: async (judge, commit) => commit(judge()),
    enter: async () => ({ run: (work) => work(), leave() {} }),
    models: { list: () => [], listIdleEnds: () => [], idle: () => [] } as unknown as LoadAdmissionParts['models'],
    clock,
    teller: new DecisionTeller({ mode: 'enforce', clock, emit: () => {} }),
  });
  return { admission, state, ledger, clock };
}

const load = (bytes: number, wait?: { timeoutMs: number }): PreparedLoad => ({
  source: {} as PreparedLoad['source'],
  adapter: {} as PreparedLoad['adapter'],
  args: [],
  request: { name: 'm' },
  choices: readLoadChoices(wait && { wait }),
  listCandidates: () => ({
    model: 'm',
    candidates: [{ need: { mappedBytes: 0, anonymousBytes: bytes, basis: 'given' }, minFreeBytes: 0 }],
    downgrade: false,
  }),
  haveFilesChanged: () => false,
  readFilesAgain: async () => {},
});

describe('garbage', () => {
  it('is collected for a load that is refused without it, and for a plan', async () => {
    const { admission, state } = makeAdmission(20);
    await expect(admission.through(load(120), async () => 'loaded')).resolves.toBe('loaded');
    expect(state.collections).toBe(1);
    const planned = makeAdmission(20);
    expect(planned.admission.plan(load(120)).verdict).toBe('admit');
    expect(planned.state.collections).toBe(1);
  });

  it('that is too little turns nothing', async () => {
    const { admission, state } = makeAdmission(19);
    await expect(admission.through(load(120), async () => 'loaded')).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(state.collections).toBe(1);
  });

  it('is left alone if the load fits', async () => {
    const { admission, state } = makeAdmission(20);
    await admission.through(load(100), async () => 'loaded');
    expect(state.collections).toBe(0);
  });

  it('is collected once for a load that waits, however often it looks', async () => {
    const { admission, state, clock } = makeAdmission(1);
    const waits = admission.through(load(500, { timeoutMs: 1000 }), async () => 'loaded');
    for (let look = 0; look < 8; look++) {
      await new Promise(setImmediate);
      clock.advance(100);
    }
    expect(state.readings).toBeGreaterThan(8);
    expect(state.collections).toBe(1);
    state.availableBytes = 500;
    await new Promise(setImmediate);
    clock.advance(100);
    await expect(waits).resolves.toBe('loaded');
  });
});
