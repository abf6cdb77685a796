/** What the policy makes of seeded traces, in simulation: the numbers that docs/watching.md tells are held here. */
import { describe, expect, it } from 'vitest';
import { chooseEvictions } from '../../src/policy/choose-evictions.ts';
import { noteUse, rateUse } from '../../src/policy/recent-use.ts';
import { evictAsGuard } from '../../tools/swapping/guard-evictor.mjs';
import { LIMIT_BYTES, MODELS } from '../../tools/swapping/models.mjs';
import { compareWays, evictLargest, evictLeastRecent } from '../../tools/swapping/simulate.mjs';
import { KINDS, type Kind, makeTrace } from '../../tools/swapping/traces.mjs';

const SEEDS = 20;
const WAYS = {
  guard: () => evictAsGuard({ noteUse, rateUse, chooseEvictions }),
  recent: evictLeastRecent,
  largest: evictLargest,
};

const runAll = (kind: Kind) =>
  Array.from({ length: SEEDS }, (_, index) => {
    const trace = makeTrace(kind, index + 1, { models: MODELS.length, requests: 300 });
    return compareWays(trace, MODELS, LIMIT_BYTES, WAYS);
  });
const sum = (runs: ReturnType<typeof runAll>, way: 'optimum' | keyof typeof WAYS) =>
  runs.reduce((total, run) => total + run[way].reloadMs, 0);

const kinds = Object.keys(KINDS) as Kind[];
const all = new Map(kinds.map((kind) => [kind, runAll(kind)]));

describe.each(kinds)('reloads of six models in memory for three: %s', (kind) => {
  const runs = all.get(kind)!;

  it('take at most twice the time of the optimum that knows the trace, in each trace', () => {
    for (const { guard, optimum } of runs) expect(guard.reloadMs).toBeLessThanOrEqual(2 * optimum.reloadMs);
  });

  it('take no more time than if the least recent went, all traces together', () => {
    expect(sum(runs, 'guard')).toBeLessThanOrEqual(sum(runs, 'recent'));
  });

  it('take no less than the optimum, whatever the way', () => {
    for (const run of runs) {
      const least = Math.min(run.guard.reloadMs, run.recent.reloadMs, run.largest.reloadMs);
      expect(least).toBeGreaterThanOrEqual(run.optimum.reloadMs - 1e-6);
    }
  });
});

describe('all traces', () => {
  it('are for nine in ten no worse than if the least recent went', () => {
    const runs = [...all.values()].flat();
    const worse = runs.filter(({ guard, recent }) => guard.reloadMs > recent.reloadMs);
    expect(worse.length).toBeLessThanOrEqual(runs.length / 10);
  });

  it('tell ways apart: the largest first is above twice the optimum in some', () => {
    const runs = [...all.values()].flat();
    expect(runs.filter(({ largest, optimum }) => largest.reloadMs > 2 * optimum.reloadMs).length).toBeGreaterThan(5);
  });
});
