/** What is measured: each metric with its unit and where its numbers come from. It knows no metrics library. */
import type { GuardEventName, GuardEventOf, LoadedModel, MemoryGuard } from '../index.ts';

/** The value of each label of a metric, by the label's name. */
export type Labels = Readonly<Record<string, string>>;

/** One number under the labels that tell it from the metric's other numbers. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export type MetricUnit =
  | 'bytes'
  | 'seconds'
  | 'ratio'
  | 'state'
  | 'models'
  | 'contexts'
  | 'decisions'
  | 'refusals'
  | 'events';

interface MetricBase {
  /** Words with dots between them, from which the name in each library is made. */
  readonly name: string;
  readonly unit: MetricUnit;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Read when the metrics are collected. */
export interface GaugeDefinition extends MetricBase {
  readonly kind: 'gauge';
  read(guard: MemoryGuard): readonly Sample[];
}

/** An event of the guard, and the samples that one of them counts for: none, or one or more. */
interface EventSource<E extends GuardEventName = GuardEventName> {
  readonly event: E;
  toSamples(event: GuardEventOf<E>): readonly Sample[];
}

/** Added up as the guard's events come. */
export interface EventMetricDefinition extends MetricBase {
  readonly kind: 'counter' | 'histogram';
  readonly sources: readonly EventSource[];
}

export type MetricDefinition = GaugeDefinition | EventMetricDefinition;

/** Buckets of every histogram, in seconds: loads take a minute at most, memory comes back in milliseconds. */
export const SECONDS_BOUNDARIES = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

const STATUSES = ['ok', 'warning', 'critical'] as const;

export const GAUGES: readonly GaugeDefinition[] = [
  defineGauge(
    'headroom',
    'bytes',
    'Bytes this process can still take without evicting what loaded models need.',
    (guard) => [unlabelled(guard.status().headroomBytes)],
  ),
  defineGauge('available', 'bytes', 'Bytes the system calls available to this process.', (guard) => [
    unlabelled(guard.status().availableBytes),
  ]),
  defineGauge('limit', 'bytes', 'The smallest limit over the machine and all control groups.', (guard) => [
    unlabelled(guard.status().totalBytes),
  ]),
  defineGauge('min_free', 'bytes', 'Bytes that the loaded models ask to keep free.', (guard) => [
    unlabelled(guard.status().minFreeBytes),
  ]),
  defineGauge(
    'status',
    'state',
    '1 for the status now, 0 for the others.',
    (guard) => {
      const { status } = guard.status();
      return STATUSES.map((each) => ({ labels: { status: each }, value: each === status ? 1 : 0 }));
    },
    ['status'],
  ),
  defineGauge('models', 'models', 'Models that are loaded.', (guard) => [
    unlabelled(guard.models().filter(({ contextOf }) => contextOf === undefined).length),
  ]),
  defineGauge('contexts', 'contexts', 'Contexts that loaded models have made beside themselves.', (guard) => [
    unlabelled(guard.models().filter(({ contextOf }) => contextOf !== undefined).length),
  ]),
  defineModelGauge(
    'model.predicted',
    'bytes',
    'What was reserved for a model when it was admitted.',
    ['kind'],
    ({ need }) => [
      { labels: { kind: 'mapped' }, value: need.mappedBytes },
      { labels: { kind: 'anonymous' }, value: need.anonymousBytes },
    ],
  ),
  defineModelGauge(
    'model.observed',
    'bytes',
    'What a model was seen to take, where nothing else ran beside it.',
    ['kind'],
    (model) => {
      const takenBytes = findAnonymousTaken(model);
      if (!model.observed || takenBytes === undefined) return [];
      return [
        { labels: { kind: 'mapped' }, value: model.observed.mappedBytes },
        { labels: { kind: 'anonymous' }, value: takenBytes },
      ];
    },
  ),
  defineModelGauge(
    'model.estimate_error',
    'ratio',
    'Reserved anonymous bytes over those taken, less 1.',
    [],
    (model) => {
      const takenBytes = findAnonymousTaken(model);
      return takenBytes === undefined || takenBytes === 0
        ? []
        : [unlabelled(model.need.anonymousBytes / takenBytes - 1)];
    },
  ),
];

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
    sources: [fromEvent('loaded', ({ elapsedMs }) => [unlabelled(elapsedMs / 1000)])],
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

/** Empty if the guard can't read it now: a 0 would be a number that nobody measured. */
export function readGauge({ read }: GaugeDefinition, guard: MemoryGuard): readonly Sample[] {
  try {
    return read(guard);
  } catch {
    return [];
  }
}

function unlabelled(value: number): Sample {
  return { labels: {}, value };
}

function defineGauge(
  name: string,
  unit: MetricUnit,
  help: string,
  read: GaugeDefinition['read'],
  labels: readonly string[] = [],
): GaugeDefinition {
  return { kind: 'gauge', name, unit, help, labels, read };
}

/** A sample for each model or context. Several of the same name are told apart by their number. */
function defineModelGauge(
  name: string,
  unit: MetricUnit,
  help: string,
  labels: readonly string[],
  toSamples: (model: LoadedModel) => readonly Sample[],
): GaugeDefinition {
  const read = (guard: MemoryGuard) => {
    const seen = new Map<string, number>();
    return guard.models().flatMap((model) => {
      const number = (seen.get(model.name) ?? 0) + 1;
      seen.set(model.name, number);
      const own = { model: model.name, quantization: model.quantization ?? '', number: String(number) };
      return toSamples(model).map((sample) => ({ ...sample, labels: { ...own, ...sample.labels } }));
    });
  };
  return defineGauge(name, unit, help, read, ['model', 'quantization', 'number', ...labels]);
}

/** The most anonymous bytes that the model was seen to take, or `undefined` if nobody saw it. */
function findAnonymousTaken({ observed }: LoadedModel): number | undefined {
  return observed && Math.max(observed.anonymousAfterLoadBytes, observed.anonymousAfterCallBytes ?? 0);
}

/** Forgets of which event `toSamples` is, so that sources of all events stand in one list. */
function fromEvent<E extends GuardEventName>(event: E, toSamples: EventSource<E>['toSamples']): EventSource {
  return { event, toSamples: toSamples as EventSource['toSamples'] };
}

function fromDecisions(
  toSamples: EventSource<'admitted' | 'downgraded' | 'refused'>['toSamples'],
): readonly EventSource[] {
  return (['admitted', 'downgraded', 'refused'] as const).map((event) => fromEvent(event, toSamples));
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
