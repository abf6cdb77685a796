/** What a metric is, as types: its name, unit and labels, and how its numbers are found. It knows no metric and no library. */
import type { GuardEventName, GuardEventOf, MemoryGuard } from '../index.ts';

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
  | 'loads'
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
export interface EventSource<E extends GuardEventName = GuardEventName> {
  readonly event: E;
  toSamples(event: GuardEventOf<E>): readonly Sample[];
}

/** Added up as the guard's events come. */
export interface EventMetricDefinition extends MetricBase {
  readonly kind: 'counter' | 'histogram';
  readonly sources: readonly EventSource[];
}

export type MetricDefinition = GaugeDefinition | EventMetricDefinition;
