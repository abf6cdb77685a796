/** Promises that are paid by what a process holds, over a scripted one and the real bookkeeping. */
import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { Holdings } from '../../src/ledger/ledger-record.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';

const need = (anonymousBytes: number): LoadNeed => ({ mappedBytes: 0, anonymousBytes, basis: 'given' });

function makeGate() {
  const told: Holdings[] = [];
  const ledger = new Ledger();
  const gate = new AdmissionGate({
    reader: new InjectedReader(() => ({ totalBytes: 10_000, availableBytes: 1000 })),
    ledger,
    shared: { peers: () => [], publish: (_scopes, holdings) => void told.push(holdings) },
    nowMs: () => 0,
    minFreeRatioAfterLoad: 0,
  });
  const process = { bytes: 0 as number | undefined, readTakenBytes: () => process.bytes };
  return { gate, told, process, headroom: () => gate.look().headroomBytes };
}

describe('a promise that a process pays', () => {
  it('is less by what that holds, at each look', () => {
    const { gate, process, headroom } = makeGate();
    gate.follow(process, gate.reserve('m', need(400)));
    expect(headroom()).toBe(600);
    process.bytes = 150;
    expect(headroom()).toBe(750);
    process.bytes = 900;
    expect(headroom()).toBe(1000);
    process.bytes = 100;
    expect(headroom()).toBe(700);
  });

  it('is whole while nobody can tell what the process holds: it may have given all of it back', () => {
    const { gate, process, headroom } = makeGate();
    gate.follow(process, gate.reserve('m', need(400)));
    process.bytes = 150;
    headroom();
    process.bytes = undefined;
    expect(headroom()).toBe(600);
    process.bytes = 150;
    expect(headroom()).toBe(750);
  });

  it('comes before those that were made later, and no byte pays twice', () => {
    const { gate, process, headroom } = makeGate();
    const first = gate.reserve('one', need(100));
    gate.follow(process, first);
    gate.follow(process, gate.reserve('other', need(300)));
    process.bytes = 150;
    expect(headroom()).toBe(750);
    gate.release(first);
    expect(headroom()).toBe(850); // of 300 the process holds 150
  });

  it('is no longer looked at once it is released', () => {
    const { gate, process } = makeGate();
    const reservation = gate.reserve('m', need(100));
    gate.follow(process, reservation);
    gate.release(reservation);
    process.readTakenBytes = () => {
      throw new Error('must not be asked');
    };
    gate.look();
    gate.refresh();
  });
});

describe('other processes', () => {
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

  it('are told what a process has taken by the end of its load, and soon of what a look has seen', async () => {
    const { gate, told, process } = makeGate();
    const reservation = gate.reserve('m', need(400));
    gate.follow(process, reservation);
    process.bytes = 150;
    gate.loaded(reservation, []);
    await nextTurn();
    expect(told.at(-1)?.promisedAnonymousBytes).toBe(250);
    process.bytes = 350;
    gate.look();
    await nextTurn();
    expect(told.at(-1)?.promisedAnonymousBytes).toBe(50);
    const before = told.length;
    gate.look();
    await nextTurn();
    expect(told).toHaveLength(before);
  });

  it('are told what a process has taken, and only if that has changed', () => {
    const { gate, told, process } = makeGate();
    gate.follow(process, gate.reserve('m', need(400)));
    process.bytes = 150;
    gate.refresh();
    expect(told.at(-1)?.promisedAnonymousBytes).toBe(250);
    const before = told.length;
    gate.refresh();
    expect(told).toHaveLength(before);
    process.bytes = 160;
    gate.refresh();
    expect(told.at(-1)?.promisedAnonymousBytes).toBe(240);
  });
});
