import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger, WAIT_LEASE_MS, type WaitTicket } from '../../src/ledger/ledger.ts';

const START = { clockMs: 0, epochMs: 0 };
const need = (anonymousBytes: number, mappedBytes = 0): LoadNeed => ({ mappedBytes, anonymousBytes, basis: 'given' });

describe('a reservation', () => {
  it('counts in full until its load is known to have taken something', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(100);
    expect(ledger.noteTaken(a, 60)).toBe(true);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(40);
    expect(ledger.noteTaken(a, 60)).toBe(false);
    ledger.noteTaken(a, 500);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(0);
  });

  it('counts again what its load gave back: it may still need it', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START);
    ledger.noteTaken(a, 80);
    ledger.noteTaken(a, 30);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(70);
  });

  it('tells which part of it a running load may be taking', () => {
    const ledger = new Ledger();
    const first = ledger.reserve('first', need(100), START);
    ledger.markLoaded(first, []);
    const second = ledger.reserve('second', need(50), START);
    expect(ledger.computeBurden()).toMatchObject({ promisedAnonymousBytes: 150, loadingAnonymousBytes: 50 });
    ledger.noteTaken(second, 20);
    expect(ledger.computeBurden()).toMatchObject({ promisedAnonymousBytes: 130, loadingAnonymousBytes: 30 });
  });

  it('may hide a small part of what its load has taken, and no part that an engine takes only later', () => {
    const left = (anonymousBytes: number, takenBytes: number, loadBytes?: number) => {
      const ledger = new Ledger();
      const only = ledger.reserve('only', need(anonymousBytes), START);
      ledger.noteTaken(only, takenBytes);
      const before = ledger.computeBurden().promisedAnonymousBytes;
      expect(before).toBe(Math.max(0, anonymousBytes - takenBytes));
      ledger.markLoaded(only, [], loadBytes);
      return ledger.computeBurden().promisedAnonymousBytes;
    };
    expect(left(100, 75, 80)).toBe(20); // the first calls take it
    expect(left(100, 70, 80)).toBe(20);
    expect(left(100, 60, 80)).toBe(30);
    expect(left(100, 0, 80)).toBe(90);
    expect(left(100, 90, 80)).toBe(10);
    expect(left(100, 75)).toBe(25);
    expect(left(100, 70, 85)).toBe(20); // a whole number: others refuse a record with any other
    expect(left(1200 * MiB, 990 * MiB, 1000 * MiB)).toBe(202 * MiB);
  });

  it('is paid by nothing that another load took, also if that is more than was reserved for it', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START);
    ledger.reserve('b', need(50), START);
    ledger.noteTaken(a, 400);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(50);
    ledger.markLoaded(a, []);
    ledger.settle(a);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(50);
    ledger.release(a);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(50);
  });

  it('is the same after a hundred others that were taken and released beside it', () => {
    const ledger = new Ledger();
    ledger.noteTaken(ledger.reserve('kept', need(100), START), 70);
    for (let cycle = 0; cycle < 100; cycle++) {
      const other = ledger.reserve('other', need(60), START);
      expect(ledger.computeBurden().promisedAnonymousBytes).toBe(90);
      ledger.noteTaken(other, 60);
      ledger.markLoaded(other, []);
      expect(ledger.computeBurden().promisedAnonymousBytes).toBe(30);
      ledger.release(other);
    }
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(30);
  });

  it('is released once and then forgotten', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100, 20), START);
    expect(ledger.release(a)).toBe(true);
    expect(ledger.release(a)).toBe(false);
    expect(ledger.size).toBe(0);
    expect(ledger.computeBurden()).toEqual({
      mappedBytes: 0,
      promisedMappedBytes: 0,
      promisedAnonymousBytes: 0,
      loadingAnonymousBytes: 0,
    });
  });

  it('that was released can neither be loaded nor settled', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START);
    ledger.release(a);
    ledger.markLoaded(a, [{ key: 'f', bytes: 10 }]);
    expect(ledger.noteTaken(a, 10)).toBe(false);
    ledger.settle(a);
    expect(ledger.computeBurden().mappedBytes).toBe(0);
  });

  it('is not settled while its load still runs', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), START);
    ledger.settle(a);
    expect(ledger.computeBurden().promisedAnonymousBytes).toBe(100);
  });
});

describe('mapped files', () => {
  it('move from the reservation to the sum when the load is done', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100, 400), START);
    expect(ledger.computeBurden()).toMatchObject({
      mappedBytes: 0,
      promisedMappedBytes: 400,
      promisedAnonymousBytes: 100,
    });
    ledger.markLoaded(a, [{ key: '8:1:77', bytes: 410 }]);
    expect(ledger.computeBurden()).toMatchObject({
      mappedBytes: 410,
      promisedMappedBytes: 0,
      promisedAnonymousBytes: 90,
    });
  });

  it('come out of a reservation that counted them as anonymous, as the table does', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(4200), START);
    ledger.markLoaded(a, [{ key: 'model', bytes: 4563 }]);
    expect(ledger.computeBurden()).toMatchObject({ mappedBytes: 4563, promisedAnonymousBytes: 0 });
  });

  it('count once however many models map them', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(0, 400), START), ledger.reserve('b', need(0, 400), START)];
    ledger.markLoaded(a, [{ key: 'same', bytes: 400 }]);
    ledger.markLoaded(b, [{ key: 'same', bytes: 400 }]);
    expect(ledger.computeBurden().mappedBytes).toBe(400);
    ledger.release(a);
    expect(ledger.computeBurden().mappedBytes).toBe(400);
    ledger.release(b);
    expect(ledger.computeBurden().mappedBytes).toBe(0);
  });

  it('count once from the reservation on if they are named, also while two loads of them run', () => {
    const ledger = new Ledger();
    const named = { ...need(10, 400), files: [{ key: 'fe:00 1', bytes: 410 }] };
    const first = ledger.reserve('first', named, START);
    const second = ledger.reserve('second', { ...named, mappedBytes: 0 }, START);
    expect(ledger.computeBurden()).toMatchObject({
      mappedBytes: 410,
      promisedMappedBytes: 0,
      promisedAnonymousBytes: 20,
    });
    expect(ledger.sumHeldBytes(named.files)).toBe(410);
    ledger.markLoaded(first, named.files);
    ledger.release(first);
    expect(ledger.computeBurden().mappedBytes).toBe(410);
    ledger.markLoaded(second, undefined); // the mappings can't be read
    expect(ledger.computeBurden().mappedBytes).toBe(410);
    ledger.release(second);
    expect(ledger.computeBurden().mappedBytes).toBe(0);
  });

  it('that another model mapped before are no reason to reserve less anonymous memory', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(100, 400), START), ledger.reserve('b', need(100, 0), START)];
    ledger.markLoaded(a, [{ key: 'same', bytes: 400 }]);
    expect(
      ledger.sumHeldBytes([
        { key: 'same', bytes: 400 },
        { key: 'other', bytes: 7 },
      ]),
    ).toBe(400);
    ledger.markLoaded(b, [{ key: 'same', bytes: 400 }]);
    expect(ledger.computeBurden()).toMatchObject({ mappedBytes: 400, promisedAnonymousBytes: 200 });
  });

  it.each([
    ['are read', [{ key: 'same', bytes: 400 }]],
    ['cannot be read', undefined],
  ])('that another process maps take no anonymous memory off the reservation, if the mappings %s', (_, found) => {
    const ledger = new Ledger();
    // The peer has mapped all of it, so nothing of it was to be reserved as mapped.
    const reservation = ledger.reserve('a', { ...need(100, 0), files: [{ key: 'same', bytes: 400 }] }, START);
    ledger.markLoaded(reservation, found);
    expect(ledger.computeBurden()).toMatchObject({ mappedBytes: 400, promisedAnonymousBytes: 100 });
  });

  it('count as far as they are not copied from, once anonymous memory was taken for the copies', () => {
    const ledger = new Ledger();
    // 400 mapped, 360 of them copied into another layout; 20 more are no copies.
    const reservation = ledger.reserve('a', { ...need(380, 40), files: [{ key: 'm', bytes: 40 }] }, START);
    ledger.markLoaded(reservation, [{ key: 'm', bytes: 400 }]);
    expect(ledger.computeBurden()).toMatchObject({ mappedBytes: 400, promisedAnonymousBytes: 380 });
    ledger.noteTaken(reservation, 200);
    expect(ledger.computeBurden()).toMatchObject({ mappedBytes: 220, promisedAnonymousBytes: 180 });
    expect(ledger.describeHoldings(0).files).toEqual([{ key: 'm', bytes: 220 }]);
    ledger.noteTaken(reservation, 500);
    expect(ledger.computeBurden()).toMatchObject({ mappedBytes: 40, promisedAnonymousBytes: 0 });
    // What is given back proves no copies any more.
    ledger.noteTaken(reservation, 0);
    expect(ledger.computeBurden().mappedBytes).toBe(400);
  });

  it('are told to other processes with the most that one of their models needs', () => {
    const ledger = new Ledger();
    for (const bytes of [400, 40]) {
      ledger.markLoaded(ledger.reserve('a', need(0, bytes), START), [{ key: 'same', bytes }]);
    }
    expect(ledger.describeHoldings(0).files).toEqual([{ key: 'same', bytes: 400 }]);
  });

  it('keep their reserved size if the mappings cannot be read', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(0, 400), START), ledger.reserve('b', need(0, 400), START)];
    ledger.markLoaded(a, undefined);
    ledger.markLoaded(b, undefined);
    expect(ledger.computeBurden().mappedBytes).toBe(800);
  });
});

it('gives every reservation an owner, a label and its moment on both time bases', () => {
  const moment = { clockMs: 42, epochMs: Date.UTC(2026, 0, 1) };
  const reservation = new Ledger().reserve('qwen2audio', need(1), moment);
  expect(reservation).toMatchObject({ owner: process.pid, label: 'qwen2audio', atMs: 42, epochMs: moment.epochMs });
  expect(Object.isFrozen(reservation)).toBe(true);
});

describe('the holdings that are shown', () => {
  it('date an entry by the epoch, whatever the guard’s clock says', () => {
    const ledger = new Ledger();
    ledger.reserve('m', need(1), { clockMs: 5, epochMs: 1_767_225_600_000 });
    expect(ledger.describeHoldings(0).entries).toEqual([
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
    const reservation = ledger.reserve('m', need(10, 400), START);
    const show = () => ledger.describeHoldings(0).entries[0];
    expect(show()).toMatchObject({ state: 'loading', mappedBytes: 400 });
    ledger.markLoaded(reservation, [{ key: 'fe:00 1', bytes: 380 }]);
    expect(show()).toMatchObject({ state: 'loaded', mappedBytes: 380 });
    ledger.settle(reservation);
    expect(show()).toMatchObject({ state: 'settled', mappedBytes: 380 });
    ledger.release(reservation);
    expect(show()).toBeUndefined();
  });

  it('show the newest 64 entries and sum up all', () => {
    const ledger = new Ledger();
    for (let index = 0; index < 70; index++) ledger.reserve(`m${index}`, need(1), START);
    const { entries, promisedAnonymousBytes } = ledger.describeHoldings(0);
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
    const { waiting } = inLine(long, short).describeHoldings(1000);
    expect(waiting).toEqual([{ ...long, untilUs: 1000 + WAIT_LEASE_MS * 1000 }, short]);
  });

  it('is told to others by its first few and its length', () => {
    const tickets = Array.from({ length: 20 }, (_, index) => ticket(`w${index}`, index));
    const { waiting, waitingCount } = inLine(...tickets).describeHoldings(0);
    expect(waiting.map(({ label }) => label)).toEqual(tickets.slice(0, 8).map(({ label }) => label));
    expect(waitingCount).toBe(20);
  });
});
