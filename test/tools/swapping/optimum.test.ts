import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../tools/random.mjs';
import { findOptimum } from '../../../tools/swapping/optimum.mjs';

interface Model {
  readonly bytes: number;
  readonly loadMs: number;
}

/** Every choice of what stays, one after the other. */
function tryAll(trace: readonly number[], models: readonly Model[], limit: number, loaded: readonly number[]): number {
  const [model, ...rest] = trace;
  if (model === undefined) return 0;
  if (loaded.includes(model)) return tryAll(rest, models, limit, loaded);
  let least = Number.POSITIVE_INFINITY;
  for (let set = 0; set < 2 ** loaded.length; set++) {
    const now = [...loaded.filter((_, index) => set & (1 << index)), model];
    const bytes = now.reduce((sum, each) => sum + models[each]!.bytes, 0);
    if (bytes <= limit) least = Math.min(least, models[model]!.loadMs + tryAll(rest, models, limit, now));
  }
  return least;
}

describe('the optimum', () => {
  it('is what trying every way finds', () => {
    const random = createRandom(1);
    const pick = (below: number) => Math.floor(random() * below);
    for (let round = 0; round < 60; round++) {
      const models = Array.from({ length: 4 }, () => ({ bytes: 1 + pick(5), loadMs: 1 + pick(9) }));
      const trace = Array.from({ length: 9 }, () => pick(4));
      const requests = trace.map((model, index) => ({ model, atMs: index }));
      expect(findOptimum(requests, models, 7).loadMs).toBe(tryAll(trace, models, 7, []));
    }
  });

  it('keeps what is used soon again: three models in memory for two', () => {
    const models = [1, 1, 1].map((bytes) => ({ bytes, loadMs: 10 }));
    const requests = [0, 1, 2, 0, 1].map((model, atMs) => ({ model, atMs }));
    expect(findOptimum(requests, models, 2)).toEqual({ loadMs: 40, loads: 4 });
  });
});
