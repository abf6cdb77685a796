/** What is measured: each figure with its unit and where its numbers come from. It knows no metrics library. */
import type { GuardEventOf, GuardEvents, LoadedModel, MemoryGuard } from '../index.ts';

/** Values of a figure's labels, in the order of `labels`. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export type Unit =
  | 'bytes'
  | 'seconds'
  | 'ratio'
  | 'state'
  | 'models'
  | 'contexts'
  | 'decisions'
  | 'refusals'
  | 'events';

interface FigureBase {
  /** Words with dots between them, by which every library makes its own name. */
  readonly name: string;
  readonly unit: Unit;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Read when somebody asks. Nothing is shown of what can't be read. */
export interface Gauge extends FigureBase {
  readonly kind: 'gauge';
  read(guard: MemoryGuard): readonly Sample[];
}

type Source<E extends keyof GuardEvents> = {
  readonly event: E;
  /** `undefined` where this one counts for nothing. */
  of(event: Parameters<GuardEvents[E]>[0]): readonly Sample[];
};

/** Added up as events are told. */
export interface Counted extends FigureBase {
  readonly kind: 'counter' | 'histogram';
  readonly sources: readonly Source<keyof GuardEvents>[];
}

export type Figure = Gauge | Counted;

/** Loads take a minute at most; memory comes back in milliseconds. */
export const SECONDS_BOUNDARIES = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

const STATUSES = ['ok', 'warning', 'critical'] as const;

export const GAUGES: readonly Gauge[] = [
  gauge('headroom', 'bytes', 'Bytes this process can still take without evicting what loaded models need.', (guard) => [
    one(guard.status().headroomBytes),
  ]),
  gauge('available', 'bytes', 'Bytes the system calls available to this process.', (guard) => [
    one(guard.status().availableBytes),
  ]),
  gauge('limit', 'bytes', 'The smallest limit over the machine and all control groups.', (guard) => [
    one(guard.status().totalBytes),
  ]),
  gauge('min_free', 'bytes', 'Bytes that the loaded models ask to keep free.', (guard) => [
    one(guard.status().minFreeBytes),
  ]),
  gauge(
    'status',
    'state',
    '1 for the status now, 0 for the others.',
    (guard) => {
      const { status } = guard.status();
      return STATUSES.map((each) => ({ labels: { status: each }, value: each === status ? 1 : 0 }));
    },
    ['status'],
  ),
  gauge('models', 'models', 'Models that are loaded.', (guard) => [
    one(guard.models().filter(({ contextOf }) => contextOf === undefined).length),
  ]),
  gauge('contexts', 'contexts', 'Contexts that loaded models have made beside themselves.', (guard) => [
    one(guard.models().filter(({ contextOf }) => contextOf !== undefined).length),
  ]),
  ofModels('model.predicted', 'bytes', 'What was reserved for a model when it was admitted.', ['kind'], ({ need }) => [
    { labels: { kind: 'mapped' }, value: need.mappedBytes },
    { labels: { kind: 'anonymous' }, value: need.anonymousBytes },
  ]),
  ofModels(
    'model.observed',
    'bytes',
    'What a model was seen to take, where nothing else ran beside it.',
    ['kind'],
    (model) => {
      const takenBytes = anonymousTaken(model);
      if (!model.observed || takenBytes === undefined) return [];
      return [
        { labels: { kind: 'mapped' }, value: model.observed.mappedBytes },
        { labels: { kind: 'anonymous' }, value: takenBytes },
      ];
    },
  ),
  ofModels('model.estimate_error', 'ratio', 'Reserved anonymous bytes over those taken, less 1.', [], (model) => {
    const takenBytes = anonymousTaken(model);
    return takenBytes === undefined || takenBytes === 0 ? [] : [one(model.need.anonymousBytes / takenBytes - 1)];
  }),
];

export const COUNTED: readonly Counted[] = [
  {
    kind: 'counter',
    name: 'decisions',
    unit: 'decisions',
    help: 'Loads that were decided on.',
    labels: ['verdict', 'forced', 'observed'],
    sources: decisions(({ verdict, forced, observed }) => [
      { labels: { verdict, forced: String(forced), observed: String(observed) }, value: 1 },
    ]),
  },
  {
    kind: 'counter',
    name: 'rule.refusals',
    unit: 'refusals',
    help: 'Rules that refused what was asked, each that did.',
    labels: ['verdict', 'rule'],
    sources: decisions(({ verdict, candidates }) =>
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
    sources: decisions(({ verdict, waitedMs }) =>
      waitedMs === undefined ? [] : [{ labels: { verdict }, value: waitedMs / 1000 }],
    ),
  },
  {
    kind: 'histogram',
    name: 'load.duration',
    unit: 'seconds',
    help: 'How long the SDK took to load.',
    labels: [],
    sources: [source('loaded', ({ elapsedMs }) => [one(elapsedMs / 1000)])],
  },
  {
    kind: 'counter',
    name: 'evictions',
    unit: 'models',
    help: 'Models that were unloaded for memory, or since they were idle.',
    labels: ['reason'],
    sources: [source('evicted', ({ reason = 'memory' }) => [{ labels: { reason }, value: 1 }])],
  },
  {
    kind: 'histogram',
    name: 'reclaim.duration',
    unit: 'seconds',
    help: 'How long it took until the memory of an unloaded model was seen to be back.',
    labels: ['reason'],
    sources: unloads(({ elapsedMs }) => elapsedMs / 1000),
  },
  {
    kind: 'counter',
    name: 'reclaimed',
    unit: 'bytes',
    help: 'By how much headroom rose as models were unloaded.',
    labels: ['reason'],
    sources: unloads(({ freedBytes }) => freedBytes),
  },
  {
    kind: 'counter',
    name: 'degraded',
    unit: 'events',
    help: 'Times that the guard worked with less than it should.',
    labels: ['code'],
    sources: [source('degraded', ({ code = 'none' }) => [{ labels: { code }, value: 1 }])],
  },
];

/** What the guard can't read now is left out rather than shown as nothing. */
export function readGauge({ read }: Gauge, guard: MemoryGuard): readonly Sample[] {
  try {
    return read(guard);
  } catch {
    return [];
  }
}

function one(value: number): Sample {
  return { labels: {}, value };
}

function gauge(name: string, unit: Unit, help: string, read: Gauge['read'], labels: readonly string[] = []): Gauge {
  return { kind: 'gauge', name, unit, help, labels, read };
}

/** A sample for each model or context; several of the same name are told apart by their number. */
function ofModels(
  name: string,
  unit: Unit,
  help: string,
  labels: readonly string[],
  samples: (model: LoadedModel) => readonly Sample[],
): Gauge {
  const read = (guard: MemoryGuard) => {
    const seen = new Map<string, number>();
    return guard.models().flatMap((model) => {
      const number = (seen.get(model.name) ?? 0) + 1;
      seen.set(model.name, number);
      const own = { model: model.name, quantization: model.quantization ?? '', number: String(number) };
      return samples(model).map((sample) => ({ ...sample, labels: { ...own, ...sample.labels } }));
    });
  };
  return gauge(name, unit, help, read, ['model', 'quantization', 'number', ...labels]);
}

/** The most that it was seen to take. */
function anonymousTaken({ observed }: LoadedModel): number | undefined {
  return observed && Math.max(observed.anonymousAfterLoadBytes, observed.anonymousAfterCallBytes ?? 0);
}

function source<E extends keyof GuardEvents>(event: E, of: Source<E>['of']): Source<keyof GuardEvents> {
  return { event, of: of as Source<keyof GuardEvents>['of'] };
}

function decisions(of: Source<'admitted'>['of']): Counted['sources'] {
  return (['admitted', 'downgraded', 'refused'] as const).map((event) => source(event, of));
}

function unloads(
  value: (event: GuardEventOf<'unloaded' | 'evicted' | 'leaked'>) => number | undefined,
): Counted['sources'] {
  return (['unloaded', 'evicted', 'leaked'] as const).map((name) =>
    source(name, (event: GuardEventOf<'unloaded' | 'evicted' | 'leaked'>) => {
      const found = value(event);
      return found === undefined
        ? []
        : [{ labels: { reason: event.type === 'evicted' ? event.reason : name }, value: found }];
    }),
  );
}
