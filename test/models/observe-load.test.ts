import { describe, expect, it } from 'vitest';
import { type ObservedCall, type Observing, observeCall, observeLoad } from '../../src/models/observe-load.ts';

const files = [
  { key: 'a', bytes: 30 },
  { key: 'b', bytes: 12 },
];
const loaded = observeLoad('key', 7, 100, files) as Observing;

const called = (observing: Observing, changes: number, ownCalls: number, more: Partial<ObservedCall> = {}) =>
  observeCall(observing, { changes, ownCalls, full: false, heard: false, grown: () => 150, ...more });

describe('a load', () => {
  it('is observed with what it mapped and what the process grew by, under a name of its own', () => {
    expect(loaded).toEqual({
      key: 'key',
      changes: 7,
      observation: {
        load: expect.any(String),
        mappedBytes: 42,
        anonymousAfterLoadBytes: 100,
        full: false,
        heard: false,
      },
    });
    expect(observeLoad('key', 7, 100, files)?.observation.load).not.toBe(loaded.observation.load);
  });

  it('is not observed if growth or mappings are not told', () => {
    expect(observeLoad('key', 7, undefined, files)).toBeUndefined();
    expect(observeLoad('key', 7, 100, undefined)).toBeUndefined();
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
    expect(called(loaded, 8, 1, { full: true, grown: () => undefined })).toBe(loaded);
  });

  it('that is full completes the observation, after shorter ones too', () => {
    const short = called(loaded, 8, 1);
    expect(called(short, 9, 2, { grown: () => 190 })).toBe(short);
    const full = called(short, 9, 2, { full: true, grown: () => 190 });
    expect(full.observation).toMatchObject({ full: true, heard: false, anonymousAfterCallBytes: 190 });
    expect(called(full, 10, 3, { full: true, grown: () => 500 })).toBe(full);
  });

  it('that is the first full one with audio is seen after one without', () => {
    const full = called(loaded, 8, 1, { full: true });
    expect(called(full, 9, 2, { heard: true, grown: () => 500 })).toBe(full);
    const heard = called(full, 9, 2, { full: true, heard: true, grown: () => 200 });
    expect(heard.observation).toMatchObject({ full: true, heard: true, anonymousAfterCallBytes: 200 });
    expect(called(heard, 10, 3, { full: true, heard: true, grown: () => 500 })).toBe(heard);
  });

  it('that comes late is not called the model’s', () => {
    expect(called(loaded, 7 + 9, 9, { full: true })).toBe(loaded);
  });
});
