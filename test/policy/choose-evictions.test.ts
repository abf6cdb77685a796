import { describe, expect, it } from 'vitest';
import { judgeRules } from '../../src/policy/admission-rules.ts';
import { chooseEvictions, type Evictable, findShortfall } from '../../src/policy/choose-evictions.ts';

const model = (anonymousBytes: number, more: Partial<Evictable> & { readonly mappedBytes?: number } = {}) => {
  const { mappedBytes = 0, ...rest } = more;
  const need = { mappedBytes, anonymousBytes, basis: 'given' } as const;
  return { need, useRate: 1, reloadMs: 1, young: false, ...rest };
};
const missing = (bytes: number, anonymousBytes = 0) => ({ bytes, anonymousBytes });

describe('the idle models that are ended', () => {
  it('cost least, by their use and their reload', () => {
    const [hot, slow, cold] = [model(5, { useRate: 9 }), model(5, { reloadMs: 7 }), model(5)];
    expect(chooseEvictions([hot, slow, cold], missing(5))).toEqual([cold]);
    expect(chooseEvictions([hot, slow, cold], missing(6))).toEqual([slow, cold]);
  });

  it('are several cheap ones in place of one that is costly', () => {
    const [large, ...small] = [model(9, { useRate: 5 }), model(3), model(3), model(3)];
    expect(chooseEvictions([large, ...small], missing(9))).toEqual(small);
  });

  it('are none if all together are not enough', () => {
    expect(chooseEvictions([model(5), model(4)], missing(10))).toEqual([]);
  });

  it('leave young ones alone as long as the others are enough, and end as few of them as they can', () => {
    const [young, younger, old] = [model(5, { young: true }), model(5, { young: true }), model(5, { useRate: 1e6 })];
    expect(chooseEvictions([young, younger, old], missing(5))).toEqual([old]);
    expect(chooseEvictions([young, younger, old], missing(10))).toHaveLength(2);
    expect(chooseEvictions([young, younger, old], missing(10))).toContain(old);
    expect(chooseEvictions([young, younger, old], missing(15))).toHaveLength(3);
  });

  it('free anonymous memory where mapped files don’t help', () => {
    const [mapping, plain] = [model(1, { mappedBytes: 50 }), model(6, { useRate: 100 })];
    expect(chooseEvictions([mapping, plain], missing(6))).toEqual([mapping]);
    expect(chooseEvictions([mapping, plain], missing(0, 6))).toEqual([plain]);
    expect(chooseEvictions([mapping, plain], missing(10, 6))).toEqual([mapping, plain]);
  });

  it('are found among hundreds', () => {
    const many = Array.from({ length: 500 }, (_, index) => model(1 + (index % 7), { useRate: 1 + (index % 11) }));
    const chosen = chooseEvictions(many, missing(100));
    expect(chosen.reduce((sum, { need }) => sum + need.anonymousBytes, 0)).toBeGreaterThanOrEqual(100);
    expect(chosen.every(({ useRate }) => useRate === 1)).toBe(true);
  });
});

describe('what is missing', () => {
  it('is told apart: bytes of any kind, and anonymous ones', () => {
    const situation = { totalBytes: 1000, availableBytes: 300, headroomBytes: 50, promisedAnonymousBytes: 0 };
    const need = { mappedBytes: 80, anonymousBytes: 100, basis: 'given' } as const;
    const rules = judgeRules(need, situation, { minFreeBytes: 20, minFreeRatioAfterLoad: 0.25 });
    expect(findShortfall(rules)).toEqual({ bytes: 150, anonymousBytes: 50 });
    expect(
      findShortfall(
        judgeRules({ ...need, mappedBytes: 0, anonymousBytes: 1 }, situation, {
          minFreeBytes: 0,
          minFreeRatioAfterLoad: 0,
        }),
      ),
    ).toEqual({ bytes: 0, anonymousBytes: 0 });
  });
});
