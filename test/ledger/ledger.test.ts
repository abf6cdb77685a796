import { describe, expect, it } from 'vitest';
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger, WAIT_LEASE_MS, type WaitTicket } from '../../src/ledger/ledger.ts';

const START = { clockMs: 0, epochMs: 0 };
const need = (anonymousBytes: number, mappedBytes = 0): LoadNeed => ({ mappedBytes, anonymousBytes, basis: 'given' });

describe('a reservation', () => {
  it('counts in full until memory is taken, and shrinks as the process grows', () => {
    const ledger = new Ledger();
    ledger.reserve('a', need(100), START, 1000);
    expect(ledger.computeBurden(1000).promisedAnonymousBytes).toBe(100);
    expect(ledger.computeBurden(1060).promisedAnonymousBytes).toBe(40);
    expect(ledger.computeBurden(1500).promisedAnonymousBytes).toBe(0);
    expect(ledger.computeBurden(900).promisedAnonymousBytes).toBe(100);
  });

  it('tells which part of it a running load may be taking', () => {
    const ledger = new Ledger();
    const first = ledger.reserve('first', need(100), START, 1000);
    ledger.markLoaded(first, []);
    ledger.reserve('second', need(50), START, 1000);
    expect(ledger.computeBurden(1000)).toMatchObject({ promisedAnonymousBytes: 150, loadingAnonymousBytes: 50 });
    expect(ledger.computeBurden(1120)).toMatchObject({ promisedAnonymousBytes: 30, loadingAnonymousBytes: 30 });
  });

  it('counts in full if growth cannot be read', () => {
    const ledger = new Ledger();
    ledger.reserve('a', need(100), START, undefined);
    expect(ledger.computeBurden(undefined).promisedAnonymousBytes).toBe(100);
  });

  it('is not paid by growth that came before it', () => {
    const ledger = new Ledger();
    ledger.reserve('a', need(100), START, 1000);
    // a took 100 and the program 300 of its own; b has taken nothing yet
    ledger.reserve('b', need(50), START, 1400);
    expect(ledger.computeBurden(1400).promisedAnonymousBytes).toBe(50);
    expect(ledger.computeBurden(1420).promisedAnonymousBytes).toBe(30);
  });

  it('keeps what is left of the growth when another one is settled', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START, 1000);
    ledger.reserve('b', need(50), START, 1000);
    ledger.markLoaded(a, []);
    ledger.settle(a, 1100);
    expect(ledger.computeBurden(1100).promisedAnonymousBytes).toBe(50);
    expect(ledger.computeBurden(1130).promisedAnonymousBytes).toBe(20);
  });

  it('is not paid by memory of a failed load that has not come back yet', () => {
    const ledger = new Ledger();
    const failed = ledger.reserve('failed', need(100), START, 1000);
    ledger.reserve('b', need(50), START, 1000);
    ledger.release(failed, 1100);
    expect(ledger.computeBurden(1100).promisedAnonymousBytes).toBe(50);
    expect(ledger.computeBurden(1000).promisedAnonymousBytes).toBe(50);
  });

  it('is released once and then forgotten', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100, 20), START, 1000);
    expect(ledger.release(a, 1000)).toBe(true);
    expect(ledger.release(a, 1000)).toBe(false);
    expect(ledger.size).toBe(0);
    expect(ledger.computeBurden(1000)).toEqual({
      mappedBytes: 0,
      promisedMappedBytes: 0,
      promisedAnonymousBytes: 0,
      loadingAnonymousBytes: 0,
    });
  });

  it('that was released can neither be loaded nor settled', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START, 1000);
    ledger.release(a, 1000);
    ledger.markLoaded(a, [{ key: 'f', bytes: 10 }]);
    ledger.settle(a, 1000);
    expect(ledger.computeBurden(1000).mappedBytes).toBe(0);
  });

  it('is not settled while its load still runs', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START, 1000);
    ledger.settle(a, 1000);
    expect(ledger.computeBurden(1000).promisedAnonymousBytes).toBe(100);
  });
});

describe('mapped files', () => {
  it('move from the reservation to the sum when the load is done', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100, 400), START, 1000);
    expect(ledger.computeBurden(1000)).toMatchObject({
      mappedBytes: 0,
      promisedMappedBytes: 400,
      promisedAnonymousBytes: 100,
    });
    ledger.markLoaded(a, [{ key: '8:1:77', bytes: 410 }]);
    expect(ledger.computeBurden(1000)).toMatchObject({
      mappedBytes: 410,
      promisedMappedBytes: 0,
      promisedAnonymousBytes: 90,
    });
  });

  it('come out of a reservation that counted them as anonymous, as the table does', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(4200), START, 1000);
    ledger.markLoaded(a, [{ key: 'model', bytes: 4563 }]);
    expect(ledger.computeBurden(1000)).toMatchObject({ mappedBytes: 4563, promisedAnonymousBytes: 0 });
  });

  it('count once however many models map them', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(0, 400), START, 0), ledger.reserve('b', need(0, 400), START, 0)];
    ledger.markLoaded(a, [{ key: 'same', bytes: 400 }]);
    ledger.markLoaded(b, [{ key: 'same', bytes: 400 }]);
    expect(ledger.computeBurden(0).mappedBytes).toBe(400);
    ledger.release(a, 0);
    expect(ledger.computeBurden(0).mappedBytes).toBe(400);
    ledger.release(b, 0);
    expect(ledger.computeBurden(0).mappedBytes).toBe(0);
  });

  it('count once from the reservation on if they are named, also while two loads of them run', () => {
    const ledger = new Ledger();
    const named = { ...need(10, 400), files: [{ key: 'fe:00 1', bytes: 410 }] };
    const first = ledger.reserve('first', named, START, 0);
    const second = ledger.reserve('second', { ...named, mappedBytes: 0 }, START, 0);
    expect(ledger.computeBurden(0)).toMatchObject({
      mappedBytes: 410,
      promisedMappedBytes: 0,
      promisedAnonymousBytes: 20,
    });
    expect(ledger.sumHeldBytes(named.files)).toBe(410);
    ledger.markLoaded(first, named.files);
    ledger.release(first, 0);
    expect(ledger.computeBurden(0).mappedBytes).toBe(410);
    ledger.markLoaded(second, undefined); // the mappings can't be read
    expect(ledger.computeBurden(0).mappedBytes).toBe(410);
    ledger.release(second, 0);
    expect(ledger.computeBurden(0).mappedBytes).toBe(0);
  });

  it('that another model mapped before are no reason to reserve less anonymous memory', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(100, 400), START, 0), ledger.reserve('b', need(100, 0), START, 0)];
    ledger.markLoaded(a, [{ key: 'same', bytes: 400 }]);
    expect(
      ledger.sumHeldBytes([
        { key: 'same', bytes: 400 },
        { key: 'other', bytes: 7 },
      ]),
    ).toBe(400);
    ledger.markLoaded(b, [{ key: 'same', bytes: 400 }]);
    expect(ledger.computeBurden(0)).toMatchObject({ mappedBytes: 400, promisedAnonymousBytes: 200 });
  });

  it.each([
    ['are read', [{ key: 'same', bytes: 400 }]],
    ['cannot be read', undefined],
  ])('that another process maps take no anonymous memory off the reservation, if the mappings %s', (_, found) => {
    const ledger = new Ledger();
    // The peer has mapped all of it, so nothing of it was to be reserved as mapped.
    const reservation = ledger.reserve('a', { ...need(100, 0), files: [{ key: 'same', bytes: 400 }] }, START, 0);
    ledger.markLoaded(reservation, found);
    expect(ledger.computeBurden(0)).toMatchObject({ mappedBytes: 400, promisedAnonymousBytes: 100 });
  });

  it('keep their reserved size if the mappings cannot be read', () => {
    const ledger = new Ledger();
    const [a, b] = [
      ledger.reserve('a', need(0, 400), START, undefined),
      ledger.reserve('b', need(0, 400), START, undefined),
    ];
    ledger.markLoaded(a, undefined);
    ledger.markLoaded(b, undefined);
    expect(ledger.computeBurden(undefined).mappedBytes).toBe(800);
  });
});

it('gives every reservation an owner, a label and its moment on both time bases', () => {
  const moment = { clockMs: 42, epochMs: Date.UTC(2026, 0, 1) };
  const reservation = new Ledger().reserve('qwen2audio', need(1), moment, 0);
  expect(reservation).toMatchObject({ owner: process.pid, label: 'qwen2audio', atMs: 42, epochMs: moment.epochMs });
  expect(Object.isFrozen(reservation)).toBe(true);
});

describe('the holdings that are shown', () => {
  it('date an entry by the epoch, whatever the guard’s clock says', () => {
    const ledger = new Ledger();
    ledger.reserve('m', need(1), { clockMs: 5, epochMs: 1_767_225_600_000 }, 0);
    expect(ledger.describeHoldings(0, 0).entries).toEqual([
      {
        pid: process.pid,
        label: 'm',
        state: 'loading',
        mappedBytes: 0,
        anonymousBytes: 1,
        atMs: 1_767_225_600_000,
      },
    ]);
  });

  it('show what a load maps as reserved first and as found afterwards, and when it is settled', () => {
    const ledger = new Ledger();
    const reservation = ledger.reserve('m', need(10, 400), START, 0);
    const show = () => ledger.describeHoldings(0, 0).entries[0];
    expect(show()).toMatchObject({ state: 'loading', mappedBytes: 400 });
    ledger.markLoaded(reservation, [{ key: 'fe:00 1', bytes: 380 }]);
    expect(show()).toMatchObject({ state: 'loaded', mappedBytes: 380 });
    ledger.settle(reservation, 0);
    expect(show()).toMatchObject({ state: 'settled', mappedBytes: 380 });
    ledger.release(reservation, 0);
    expect(show()).toBeUndefined();
  });

  it('show the newest 64 entries and sum up all', () => {
    const ledger = new Ledger();
    for (let index = 0; index < 70; index++) ledger.reserve(`m${index}`, need(1), START, 0);
    const { entries, promisedAnonymousBytes } = ledger.describeHoldings(0, 0);
    expect(entries.map(({ label }) => label)).toEqual(Array.from({ length: 64 }, (_, index) => `m${index + 6}`));
    expect(promisedAnonymousBytes).toBe(70);
  });
});

describe('the line of loads that wait', () => {
  const NEVER = Number.POSITIVE_INFINITY;
  const ticket = (label: string, sinceUs: number, untilUs = NEVER): WaitTicket => ({
    label,
    sinceUs,
    untilUs,
    mappedBytes: 3,
    anonymousBytes: 7,
  });
  const inLine = (...tickets: WaitTicket[]) => {
    const ledger = new Ledger();
    for (const each of tickets) ledger.wait(each);
    return ledger;
  };

  it('has the first one before every other load, and none before itself', () => {
    const [first, second] = [ticket('first', 10), ticket('second', 20)];
    const ledger = inLine(first, second);
    expect(ledger.findFirstWaiting(first, 0)).toBeUndefined();
    expect(ledger.findFirstWaiting(second, 0)).toBe(first);
    expect(ledger.findFirstWaiting(undefined, 0)).toBe(first);
    expect([ledger.endWait(first), ledger.endWait(first)]).toEqual([true, false]);
    expect(ledger.findFirstWaiting(second, 0)).toBeUndefined();
    expect([...ledger.waiting]).toEqual([second]);
  });

  it('passes over a load whose time is over', () => {
    const [first, second] = [ticket('first', 10, 100), ticket('second', 20)];
    const ledger = inLine(first, second);
    expect(ledger.findFirstWaiting(undefined, 99)).toBe(first);
    expect(ledger.findFirstWaiting(undefined, 100)).toBe(second);
    expect(ledger.findFirstWaiting(second, 100)).toBeUndefined();
  });

  it('holds for others until the time of each load is over, and a few seconds at the most', () => {
    const [long, short] = [ticket('long', 10), ticket('short', 20, 1500)];
    const { waiting } = inLine(long, short).describeHoldings(0, 1000);
    expect(waiting).toEqual([{ ...long, untilUs: 1000 + WAIT_LEASE_MS * 1000 }, short]);
  });

  it('is told to others by its first few and its length', () => {
    const tickets = Array.from({ length: 20 }, (_, index) => ticket(`w${index}`, index));
    const { waiting, waitingCount } = inLine(...tickets).describeHoldings(0, 0);
    expect(waiting.map(({ label }) => label)).toEqual(tickets.slice(0, 8).map(({ label }) => label));
    expect(waitingCount).toBe(20);
  });
});
