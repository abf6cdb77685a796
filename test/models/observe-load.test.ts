import { describe, expect, it } from 'vitest';
import {
  noteGrowth,
  type ObservedCall,
  type Observing,
  observeCall,
  observeKill,
  observeLoad,
} from '../../src/models/observe-load.ts';

const files = [
  { key: 'a', bytes: 30 },
  { key: 'b', bytes: 12 },
];
/** The load took 100 bytes, and has grown by so much now. */
const observed = (grownBytes: number | undefined): Observing => ({
  ...(observeLoad('key', 7, () => 100, files) as Observing),
  grown: () => grownBytes,
});
const loaded = observed(150);

const called = (observing: Observing, changes: number, ownCalls: number, more: Partial<ObservedCall> = {}) =>
  observeCall(observing, { changes, ownCalls, full: false, heard: false, ...more });

describe('a load', () => {
  it('is observed with what it mapped and what the process grew by, under a name of its own', () => {
    expect(loaded).toEqual({
      key: 'key',
      changes: 7,
      grown: expect.any(Function),
      observation: {
        load: expect.any(String),
        mappedBytes: 42,
        anonymousAfterLoadBytes: 100,
        full: false,
        heard: false,
      },
    });
    expect(observeLoad('key', 7, () => 100, files)?.observation.load).not.toBe(loaded.observation.load);
  });

  it('is not observed if growth or mappings are not told', () => {
    expect(observeLoad('key', 7, () => undefined, files)).toBeUndefined();
    expect(observeLoad('key', 7, () => 100, undefined)).toBeUndefined();
  });
});

describe('a load that the kernel ended', () => {
  it('adds what it had taken to what was known of it', () => {
    const known = called(loaded, 8, 1).observation;
    expect(observeKill(known, 900, { mappedBytes: 5 })).toEqual({ ...known, fatalBytes: 900 });
  });

  it('has taken that while loading if nothing was known yet, and is no full one', () => {
    const observation = observeKill(undefined, 900, { mappedBytes: 5 });
    const { load, ...rest } = observation;
    expect(rest).toEqual({ mappedBytes: 5, anonymousAfterLoadBytes: 900, full: false, heard: false, fatalBytes: 900 });
    expect(observeKill(undefined, 900, { mappedBytes: 5 }).load).not.toBe(load);
  });
});

describe('a call', () => {
  it('is observed if nothing but calls of this model began since the load', () => {
    expect(called(loaded, 9, 2).observation).toEqual({ ...loaded.observation, anonymousAfterCallBytes: 150 });
  });

  it('is not observed if anything else began in between', () => {
    expect(called(loaded, 10, 2, { full: true })).toBe(loaded);
  });

  it('is not observed if growth is not told', () => {
    const untold = observed(undefined);
    expect(called(untold, 8, 1, { full: true })).toBe(untold);
  });

  const grownTo = (observing: Observing, bytes: number) => ({ ...observing, grown: () => bytes });

  it('that is full completes the observation, after shorter ones too', () => {
    const short = grownTo(called(loaded, 8, 1), 190);
    expect(called(short, 9, 2)).toBe(short);
    const full = grownTo(called(short, 9, 2, { full: true }), 500);
    expect(full.observation).toMatchObject({ full: true, heard: false, anonymousAfterCallBytes: 190 });
    expect(called(full, 10, 3, { full: true })).toBe(full);
  });

  it('that is the first full one with audio is seen after one without', () => {
    const full = grownTo(called(loaded, 8, 1, { full: true }), 200);
    expect(called(full, 9, 2, { heard: true })).toBe(full);
    const heard = grownTo(called(full, 9, 2, { full: true, heard: true }), 500);
    expect(heard.observation).toMatchObject({ full: true, heard: true, anonymousAfterCallBytes: 200 });
    expect(called(heard, 10, 3, { full: true, heard: true })).toBe(heard);
  });

  it('that comes late is not called the model’s', () => {
    expect(called(loaded, 7 + 9, 9, { full: true })).toBe(loaded);
  });
});

describe('growth', () => {
  it('is counted from the moment at which it was noted', () => {
    let bytes = 1000;
    const grown = noteGrowth(() => bytes);
    bytes = 1030;
    expect(grown()).toBe(30);
  });

  it('is not known if one of both readings is not told, or fails', () => {
    for (const failing of [0, 1]) {
      for (const fail of [() => undefined, () => expect.fail('unreadable')]) {
        let readings = 0;
        expect(noteGrowth(() => (readings++ === failing ? fail() : 1))()).toBeUndefined();
      }
    }
  });
});
