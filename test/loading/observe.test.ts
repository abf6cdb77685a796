import { describe, expect, it } from 'vitest';
import { type Observing, observeCall, observeLoad } from '../../src/loading/observe.ts';

const files = [
  { key: 'a', bytes: 30 },
  { key: 'b', bytes: 12 },
];
const loaded = observeLoad('key', 7, 100, files) as Observing;

describe('a load', () => {
  it('is observed with what it mapped and what the process grew by', () => {
    expect(loaded).toEqual({
      key: 'key',
      changes: 7,
      observed: { mappedBytes: 42, anonymousAfterLoadBytes: 100 },
      full: false,
    });
  });

  it('is not observed where growth or mappings are not told', () => {
    expect(observeLoad('key', 7, undefined, files)).toBeUndefined();
    expect(observeLoad('key', 7, 100, undefined)).toBeUndefined();
  });
});

describe('a call', () => {
  it('is observed where nothing began since the load but calls of this model', () => {
    const called = observeCall(loaded, 9, 2, false, () => 150);
    expect(called.observed.anonymousAfterCallBytes).toBe(150);
    expect(called.full).toBe(false);
  });

  it('is not observed where anything else began in between', () => {
    expect(observeCall(loaded, 10, 2, true, () => 150)).toBe(loaded);
  });

  it('is not observed where growth is not told', () => {
    expect(observeCall(loaded, 8, 1, true, () => undefined)).toBe(loaded);
  });

  it('that is full completes the observation, after shorter ones too', () => {
    const short = observeCall(loaded, 8, 1, false, () => 150);
    expect(observeCall(short, 9, 2, false, () => 190)).toBe(short);
    const full = observeCall(short, 9, 2, true, () => 190);
    expect(full).toMatchObject({ full: true, observed: { anonymousAfterCallBytes: 190 } });
    expect(observeCall(full, 10, 3, true, () => 500)).toBe(full);
  });

  it('that comes late is not called the model’s', () => {
    expect(observeCall(loaded, 7 + 9, 9, true, () => 150)).toBe(loaded);
  });
});
