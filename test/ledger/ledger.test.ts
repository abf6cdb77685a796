import { describe, expect, it } from 'vitest';
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger } from '../../src/ledger/ledger.ts';

const need = (anonymousBytes: number, mappedBytes = 0): LoadNeed => ({ mappedBytes, anonymousBytes, basis: 'given' });

describe('a promise', () => {
  it('counts in full until memory is taken, and shrinks as the process grows', () => {
    const ledger = new Ledger();
    ledger.reserve('a', need(100), 0, 1000);
    expect(ledger.burden(1000).promisedAnonymousBytes).toBe(100);
    expect(ledger.burden(1060).promisedAnonymousBytes).toBe(40);
    expect(ledger.burden(1500).promisedAnonymousBytes).toBe(0);
    expect(ledger.burden(900).promisedAnonymousBytes).toBe(100);
  });

  it('tells which part of it a running load may be taking', () => {
    const ledger = new Ledger();
    const first = ledger.reserve('first', need(100), 0, 1000);
    ledger.loaded(first, []);
    ledger.reserve('second', need(50), 0, 1000);
    expect(ledger.burden(1000)).toMatchObject({ promisedAnonymousBytes: 150, loadingAnonymousBytes: 50 });
    expect(ledger.burden(1120)).toMatchObject({ promisedAnonymousBytes: 30, loadingAnonymousBytes: 30 });
  });

  it('counts in full where growth cannot be read', () => {
    const ledger = new Ledger();
    ledger.reserve('a', need(100), 0, undefined);
    expect(ledger.burden(undefined).promisedAnonymousBytes).toBe(100);
  });

  it('is not paid by growth that came before it', () => {
    const ledger = new Ledger();
    ledger.reserve('a', need(100), 0, 1000);
    // a took 100 and the program 300 of its own; b has taken nothing yet
    ledger.reserve('b', need(50), 0, 1400);
    expect(ledger.burden(1400).promisedAnonymousBytes).toBe(50);
    expect(ledger.burden(1420).promisedAnonymousBytes).toBe(30);
  });

  it('keeps what is left of the growth when another one is settled', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), 0, 1000);
    ledger.reserve('b', need(50), 0, 1000);
    ledger.loaded(a, []);
    ledger.settle(a, 1100);
    expect(ledger.burden(1100).promisedAnonymousBytes).toBe(50);
    expect(ledger.burden(1130).promisedAnonymousBytes).toBe(20);
  });

  it('is not paid by memory of a failed load that has not come back yet', () => {
    const ledger = new Ledger();
    const failed = ledger.reserve('failed', need(100), 0, 1000);
    ledger.reserve('b', need(50), 0, 1000);
    ledger.release(failed, 1100);
    expect(ledger.burden(1100).promisedAnonymousBytes).toBe(50);
    expect(ledger.burden(1000).promisedAnonymousBytes).toBe(50);
  });

  it('is released once and then forgotten', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100, 20), 0, 1000);
    expect(ledger.release(a, 1000)).toBe(true);
    expect(ledger.release(a, 1000)).toBe(false);
    expect(ledger.size).toBe(0);
    expect(ledger.burden(1000)).toEqual({
      mappedBytes: 0,
      promisedMappedBytes: 0,
      promisedAnonymousBytes: 0,
      loadingAnonymousBytes: 0,
    });
  });

  it('that was released can neither be loaded nor settled', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), 0, 1000);
    ledger.release(a, 1000);
    ledger.loaded(a, [{ key: 'f', bytes: 10 }]);
    ledger.settle(a, 1000);
    expect(ledger.burden(1000).mappedBytes).toBe(0);
  });

  it('is not settled while its load still runs', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100), 0, 1000);
    ledger.settle(a, 1000);
    expect(ledger.burden(1000).promisedAnonymousBytes).toBe(100);
  });
});

describe('mapped files', () => {
  it('move from the promise to the sum when the load is done', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(100, 400), 0, 1000);
    expect(ledger.burden(1000)).toMatchObject({
      mappedBytes: 0,
      promisedMappedBytes: 400,
      promisedAnonymousBytes: 100,
    });
    ledger.loaded(a, [{ key: '8:1:77', bytes: 410 }]);
    expect(ledger.burden(1000)).toMatchObject({ mappedBytes: 410, promisedMappedBytes: 0, promisedAnonymousBytes: 90 });
  });

  it('come out of a promise that counted them as anonymous, as the table does', () => {
    const ledger = new Ledger();
    const a = ledger.reserve('a', need(4200), 0, 1000);
    ledger.loaded(a, [{ key: 'model', bytes: 4563 }]);
    expect(ledger.burden(1000)).toMatchObject({ mappedBytes: 4563, promisedAnonymousBytes: 0 });
  });

  it('count once however many models map them', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(0, 400), 0, 0), ledger.reserve('b', need(0, 400), 0, 0)];
    ledger.loaded(a, [{ key: 'same', bytes: 400 }]);
    ledger.loaded(b, [{ key: 'same', bytes: 400 }]);
    expect(ledger.burden(0).mappedBytes).toBe(400);
    ledger.release(a, 0);
    expect(ledger.burden(0).mappedBytes).toBe(400);
    ledger.release(b, 0);
    expect(ledger.burden(0).mappedBytes).toBe(0);
  });

  it('count once from the promise on where they are named, also while two loads of them run', () => {
    const ledger = new Ledger();
    const named = { ...need(10, 400), files: [{ key: 'fe:00 1', bytes: 410 }] };
    const first = ledger.reserve('first', named, 0, 0);
    const second = ledger.reserve('second', { ...named, mappedBytes: 0 }, 0, 0);
    expect(ledger.burden(0)).toMatchObject({ mappedBytes: 410, promisedMappedBytes: 0, promisedAnonymousBytes: 20 });
    expect(ledger.heldBytes(named.files)).toBe(410);
    ledger.loaded(first, named.files);
    ledger.release(first, 0);
    expect(ledger.burden(0).mappedBytes).toBe(410);
    ledger.loaded(second, undefined); // the mappings can't be read
    expect(ledger.burden(0).mappedBytes).toBe(410);
    ledger.release(second, 0);
    expect(ledger.burden(0).mappedBytes).toBe(0);
  });

  it('that another model mapped before are no reason to promise less anonymous memory', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(100, 400), 0, 0), ledger.reserve('b', need(100, 0), 0, 0)];
    ledger.loaded(a, [{ key: 'same', bytes: 400 }]);
    expect(
      ledger.heldBytes([
        { key: 'same', bytes: 400 },
        { key: 'other', bytes: 7 },
      ]),
    ).toBe(400);
    ledger.loaded(b, [{ key: 'same', bytes: 400 }]);
    expect(ledger.burden(0)).toMatchObject({ mappedBytes: 400, promisedAnonymousBytes: 200 });
  });

  it('keep their promised size where the mappings cannot be read', () => {
    const ledger = new Ledger();
    const [a, b] = [ledger.reserve('a', need(0, 400), 0, undefined), ledger.reserve('b', need(0, 400), 0, undefined)];
    ledger.loaded(a, undefined);
    ledger.loaded(b, undefined);
    expect(ledger.burden(undefined).mappedBytes).toBe(800);
  });
});

it('gives every entry an owner, a label and a time', () => {
  const reservation = new Ledger().reserve('qwen2audio', need(1), 42, 0);
  expect(reservation).toMatchObject({ owner: process.pid, label: 'qwen2audio', atMs: 42 });
  expect(Object.isFrozen(reservation)).toBe(true);
});
