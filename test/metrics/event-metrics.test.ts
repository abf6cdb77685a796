import { describe, expect, it } from 'vitest';
import type { GuardEventOf } from '../../src/events/guard-events.ts';
import { EVENT_METRICS, SECONDS_BOUNDARIES } from '../../src/metrics/event-metrics.ts';
import type { Sample } from '../../src/metrics/metric-definitions.ts';
import { runLife, startLife } from '../support/guard-life.ts';

/** All samples that each metric counts of a life in which every kind of decision, a wait, an eviction, a disposal and a kill happen. */
async function countLife(): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const life = startLife();
  const samples = new Map<string, Sample[]>(EVENT_METRICS.map(({ name }) => [name, []]));
  for (const { name, sources } of EVENT_METRICS) {
    for (const { event, toSamples } of sources) {
      life.guard.on(event, (told: Parameters<typeof toSamples>[0]) => {
        samples.get(name)!.push(...toSamples(told));
      });
    }
  }
  await runLife(life);
  return samples;
}

describe('the metrics of events', () => {
  it('all count something in the life of a guard, with exactly the labels that they are defined with', async () => {
    const samples = await countLife();
    for (const { name, labels } of EVENT_METRICS) {
      expect([name, samples.get(name)!.length > 0]).toEqual([name, true]);
      for (const sample of samples.get(name)!) {
        expect([name, Object.keys(sample.labels).sort()]).toEqual([name, [...labels].sort()]);
        expect(sample.value).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it('count no wait of a load that did not wait', async () => {
    const samples = await countLife();
    expect(samples.get('decisions')!.length).toBeGreaterThan(samples.get('wait.duration')!.length);
    expect(samples.get('wait.duration')!.map(({ labels }) => labels['verdict'])).toEqual(['admit']);
  });

  it.each([
    ['memory', { byKernel: true, signal: 'SIGKILL' }],
    ['hung', { hung: true, signal: 'SIGKILL' }],
    ['signal', { signal: 'SIGSEGV' }],
    ['exit', { exitCode: 0 }],
  ])('tell a kill by its reason, `%s`', (reason, told) => {
    const { sources } = EVENT_METRICS.find(({ name }) => name === 'kills')!;
    const event = { type: 'killed', byKernel: false, hung: false, ...told } as GuardEventOf<'killed'>;
    expect(sources.flatMap(({ toSamples }) => toSamples(event))).toEqual([{ labels: { reason }, value: 1 }]);
  });

  it('tell an eviction from a disposal by its reason', async () => {
    const samples = await countLife();
    const reasons = samples.get('reclaim.duration')!.map(({ labels }) => labels['reason']);
    expect(reasons.sort()).toEqual(['memory', 'unloaded']);
  });
});

it('the buckets of seconds rise', () => {
  expect([...SECONDS_BOUNDARIES].sort((a, b) => a - b)).toEqual(SECONDS_BOUNDARIES);
});
