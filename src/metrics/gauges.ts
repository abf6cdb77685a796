/** The metrics that are read from the guard when somebody collects them. It knows no metrics library. */
import type { LoadedModel, MemoryGuard } from '../index.ts';
import type { GaugeDefinition, MetricUnit, Sample } from './metric-definitions.ts';

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
  defineGauge('waiting', 'loads', 'Loads that wait for memory.', (guard) => [unlabelled(guard.waitingCount())]),
  defineModelGauge(
    'model.predicted',
    'bytes',
    'What was reserved for a model when it was admitted.',
    ['kind'],
    ({ need }) =>
      need.basis === 'unknown'
        ? []
        : [
            { labels: { kind: 'mapped' }, value: need.mappedBytes },
            { labels: { kind: 'anonymous' }, value: need.anonymousBytes },
          ],
  ),
  defineModelGauge(
    'model.observed',
    'bytes',
    'What a model was seen to take while nothing else ran beside it.',
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
      return takenBytes === undefined || takenBytes === 0 || model.need.basis === 'unknown'
        ? []
        : [unlabelled(model.need.anonymousBytes / takenBytes - 1)];
    },
  ),
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
