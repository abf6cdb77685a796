import { describe, expect, it } from 'vitest';
import type { WaitingLoad } from '../../src/ledger/ledger-record.ts';
import { countPlaces, findFirstWaiting, isWaiting } from '../../src/ledger/waiting-order.ts';

const load = (sinceUs: number, untilUs?: number): WaitingLoad => ({
  label: `${sinceUs}`,
  sinceUs,
  ...(untilUs !== undefined && { untilUs }),
  mappedBytes: 0,
  anonymousBytes: 1,
});

describe('a load that waits', () => {
  it('counts until its time is over, and for good if nothing is said', () => {
    expect([99, 100].map((nowUs) => isWaiting(load(1, 100), nowUs))).toEqual([true, false]);
    expect(isWaiting(load(1), Number.MAX_SAFE_INTEGER)).toBe(true);
  });
});

describe('the first that waits', () => {
  it('came before all others, in whatever order they are told', () => {
    const loads = [load(30), load(10), load(20)];
    expect(findFirstWaiting(loads, Number.POSITIVE_INFINITY, 0)).toBe(loads[1]);
  });

  it('is none that joined the line at that time or later, or counts no more', () => {
    expect(findFirstWaiting([load(10)], 10, 0)).toBeUndefined();
    const loads = [load(10, 50), load(20)];
    expect(findFirstWaiting(loads, 21, 49)).toBe(loads[0]);
    expect(findFirstWaiting(loads, 21, 50)).toBe(loads[1]);
    expect(findFirstWaiting(loads, 20, 50)).toBeUndefined();
  });
});

describe('places', () => {
  it('count what came before, here and in other processes', () => {
    const own = [load(10), load(30), load(50)];
    const others = [
      { waiting: [load(5), load(40)], waitingCount: 2 },
      { waiting: [load(30)], waitingCount: 1 },
    ];
    expect([...countPlaces(own, others, 0).values()]).toEqual([2, 3, 6]);
    expect(countPlaces([], others, 0).size).toBe(0);
  });

  it('have those that are not named right behind the last one that is', () => {
    const others = [{ waiting: [load(5), load(20)], waitingCount: 100 }];
    expect([...countPlaces([load(10), load(30)], others, 0).values()]).toEqual([2, 102]);
  });

  it('do not count a load of which nothing was heard for too long', () => {
    const others = [{ waiting: [load(5, 100)], waitingCount: 9 }];
    expect([...countPlaces([load(10)], others, 99).values()]).toEqual([10]);
    expect([...countPlaces([load(10)], others, 100).values()]).toEqual([1]);
  });
});
