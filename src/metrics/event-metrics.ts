/** The metrics that are added up as the guard's events come. It knows no metrics library. */
import type { GuardEventName, GuardEventOf } from '../index.ts';
import type { EventMetricDefinition, EventSource } from './metric-definitions.ts';

/** Buckets of every histogram, in seconds: loads take a minute at most, memory comes back in milliseconds. */
export const SECONDS_BOUNDARIES = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

export const EVENT_METRICS: readonly EventMetricDefinition[] = [
  {
    kind: 'counter',
    name: 'decisions',
    unit: 'decisions',
    help: 'Loads that were decided on.',
    labels: ['verdict', 'forced', 'observed'],
    sources: fromDecisions(({ verdict, forced, observed }) => [
      { labels: { verdict, forced: String(forced), observed: String(observed) }, value: 1 },
    ]),
  },
  {
    kind: 'counter',
    name: 'rule.refusals',
    unit: 'refusals',
    help: 'Rules that refused what was asked, each that did.',
    labels: ['verdict', 'rule'],
    sources: fromDecisions(({ verdict, candidates }) =>
      (candidates[0]?.rules ?? [])
        .filter(({ passed }) => !passed)
        .map(({ rule }) => ({ labels: { verdict, rule }, value: 1 })),
    ),
  },
  {
    kind: 'histogram',
    name: 'wait.duration',
    unit: 'seconds',
    help: 'How long loads waited for memory, until they were admitted or given up.',
    labels: ['verdict'],
    sources: fromDecisions(({ verdict, waitedMs }) =>
      waitedMs === undefined ? [] : [{ labels: { verdict }, value: waitedMs / 1000 }],
    ),
  },
  {
    kind: 'histogram',
    name: 'load.duration',
    unit: 'seconds',
    help: 'How long the SDK took to load.',
    labels: [],
    sources: [fromEvent('loaded', ({ elapsedMs }) => [{ labels: {}, value: elapsedMs / 1000 }])],
  },
  {
    kind: 'counter',
    name: 'evictions',
    unit: 'models',
    help: 'Models that were unloaded for memory, or since they were idle.',
    labels: ['reason'],
    sources: [fromEvent('evicted', ({ reason }) => [{ labels: { reason }, value: 1 }])],
  },
  {
    kind: 'counter',
    name: 'kills',
    unit: 'models',
    help: 'Models whose processes ended, though nobody had asked for that.',
    labels: ['reason'],
    sources: [fromEvent('killed', (event) => [{ labels: { reason: nameReason(event) }, value: 1 }])],
  },
  {
    kind: 'histogram',
    name: 'reclaim.duration',
    unit: 'seconds',
    help: 'How long it took until the memory of an unloaded model was seen to be back.',
    labels: ['reason'],
    sources: fromUnloads(({ elapsedMs }) => elapsedMs / 1000),
  },
  {
    kind: 'counter',
    name: 'reclaimed',
    unit: 'bytes',
    help: 'By how much headroom rose as models were unloaded.',
    labels: ['reason'],
    sources: fromUnloads(({ freedBytes }) => freedBytes),
  },
  {
    kind: 'counter',
    name: 'degraded',
    unit: 'events',
    help: 'Times that the guard worked with less than it should.',
    labels: ['reason', 'code'],
    sources: [fromEvent('degraded', ({ reason, code = 'none' }) => [{ labels: { reason, code }, value: 1 }])],
  },
];

/** Forgets of which event `toSamples` is, so that sources of all events stand in one list. */
function fromEvent<E extends GuardEventName>(event: E, toSamples: EventSource<E>['toSamples']): EventSource {
  return { event, toSamples: toSamples as EventSource['toSamples'] };
}

function fromDecisions(
  toSamples: EventSource<'admitted' | 'downgraded' | 'refused'>['toSamples'],
): readonly EventSource[] {
  return (['admitted', 'downgraded', 'refused'] as const).map((event) => fromEvent(event, toSamples));
}

function nameReason({ byKernel, hung, signal }: GuardEventOf<'killed'>): 'memory' | 'hung' | 'signal' | 'exit' {
  if (byKernel) return 'memory';
  if (hung) return 'hung';
  return signal === undefined ? 'exit' : 'signal';
}

/** The value of each model that was unloaded, under the reason for it; none if the value is unknown. */
function fromUnloads(
  readValue: (event: GuardEventOf<'unloaded' | 'evicted' | 'leaked'>) => number | undefined,
): readonly EventSource[] {
  return (['unloaded', 'evicted', 'leaked'] as const).map((name) =>
    fromEvent(name, (event: GuardEventOf<'unloaded' | 'evicted' | 'leaked'>) => {
      const value = readValue(event);
      const reason = event.type === 'evicted' ? event.reason : name;
      return value === undefined ? [] : [{ labels: { reason }, value }];
    }),
  );
}
