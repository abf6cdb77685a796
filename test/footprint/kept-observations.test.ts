import { describe, expect, it } from 'vitest';
import { addOwn, selectLoads, selectRemovable } from '../../src/footprint/kept-observations.ts';
import type { KeptObservation } from '../../src/footprint/observation-name.ts';

const kept = (key: string, load: string, atUs: number, bytes = atUs): KeptObservation => ({
  name: `${key}.${atUs}.${load}`,
  key,
  atUs,
  observation: { load, mappedBytes: 0, anonymousAfterLoadBytes: bytes, full: false, heard: false },
});

const names = (found: readonly KeptObservation[]) => found.map(({ name }) => name);

describe('what counts of the observations of a folder', () => {
  it('is the last of each load, and the last three loads of each key, in whatever order they are found', () => {
    const found = [kept('a', 'x', 5), kept('b', 'x', 4), kept('a', 'x', 1), kept('a', 'y', 2), kept('a', 'z', 3)];
    expect(names(selectLoads(found).get('a')!)).toEqual(['a.2.y', 'a.3.z', 'a.5.x']);
    expect(names(selectLoads(found).get('b')!)).toEqual(['b.4.x']);
    expect(names(selectLoads([...found, kept('a', 'w', 6)]).get('a')!)).toEqual(['a.3.z', 'a.5.x', 'a.6.w']);
  });

  it('is that of the 256 keys that were observed last', () => {
    const found = Array.from({ length: 257 }, (_, at) => kept(`k${at}`, 'x', at + 1));
    expect(selectLoads(found).has('k0')).toBe(false);
    expect(selectLoads(found).size).toBe(256);
    expect(selectLoads([...found, kept('k0', 'y', 999)]).has('k0')).toBe(true);
  });

  it('leaves the rest to be removed, and nothing else', () => {
    const found = [kept('a', 'x', 1), kept('a', 'x', 2), kept('a', 'y', 3), kept('b', 'x', 4)];
    expect(names(selectRemovable(found))).toEqual(['a.1.x']);
    expect(selectRemovable([])).toEqual([]);
  });

  it('is told of two in the same microsecond by their names, so that all processes agree', () => {
    const [one, other] = [kept('a', 'x', 1), kept('a', 'y', 1)];
    expect(names(selectLoads([other, one]).get('a')!)).toEqual(names(selectLoads([one, other]).get('a')!));
  });

  it('has what this process observed itself among it', () => {
    const observations = addOwn([kept('a', 'x', 1)], [kept('a', 'x', 2), kept('a', 'y', 3)]);
    expect(observations('a').map(({ anonymousAfterLoadBytes }) => anonymousAfterLoadBytes)).toEqual([2, 3]);
    expect(observations('b')).toEqual([]);
  });
});
