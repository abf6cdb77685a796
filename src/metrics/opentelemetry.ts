/** The metrics as instruments of an OpenTelemetry meter, named by its conventions. It imports no OpenTelemetry: the program hands in its meter. */
import type { MemoryGuard } from '../index.ts';
import { EVENT_METRICS, SECONDS_BOUNDARIES } from './event-metrics.ts';
import { GAUGES, readGauge } from './gauges.ts';
import type { EventMetricDefinition, Labels, MetricDefinition, MetricUnit } from './metric-definitions.ts';

/** What an instrument is made with. */
export interface InstrumentOptions {
  readonly description: string;
  readonly unit: string;
  readonly advice?: { explicitBucketBoundaries?: number[] };
}

interface ObservableResult {
  observe(instrument: never, value: number, attributes: Record<string, string>): void;
}

// biome-ignore lint/suspicious/noExplicitAny: OpenTelemetry's own types name the instruments
export type AnyInstrument = any;

/** A `Meter` of `@opentelemetry/api`, 1.3 and later, as far as it is used. */
export interface Meter {
  createObservableGauge(name: string, options: InstrumentOptions): object;
  createCounter(name: string, options: InstrumentOptions): { add(value: number, attributes: MetricAttributes): void };
  createHistogram(
    name: string,
    options: InstrumentOptions,
  ): { record(value: number, attributes: MetricAttributes): void };
  addBatchObservableCallback(callback: (result: AnyInstrument) => void, instruments: AnyInstrument[]): void;
  removeBatchObservableCallback(callback: (result: AnyInstrument) => void, instruments: AnyInstrument[]): void;
}

/** Attribute values by their names. */
export type MetricAttributes = Record<string, string>;

/** Codes of UCUM: bytes, seconds, and for a count what is counted, in braces. */
const UNITS: Readonly<Record<MetricUnit, string>> = {
  bytes: 'By',
  seconds: 's',
  ratio: '1',
  state: '1',
  models: '{model}',
  contexts: '{context}',
  loads: '{load}',
  decisions: '{decision}',
  refusals: '{refusal}',
  events: '{event}',
};

const NAMESPACE = 'nexa.memory_guard';

/** Creates the instruments. Returns how one sample is counted, and how measuring ends. */
export function openMeter(
  meter: Meter,
  guard: MemoryGuard,
  guardName: string,
): { count(metric: MetricDefinition, labels: Labels, value: number): void; stop(): void } {
  const gauges = GAUGES.map((gauge) => ({
    gauge,
    instrument: meter.createObservableGauge(...describeInstrument(gauge)),
  }));
  const instruments = gauges.map(({ instrument }) => instrument);
  const observe = (result: ObservableResult) => {
    for (const { gauge, instrument } of gauges) {
      for (const { labels, value } of readGauge(gauge, guard)) {
        result.observe(instrument as never, value, toAttributes(labels, guardName));
      }
    }
  };
  const count = new Map(EVENT_METRICS.map((metric) => [metric.name, createInstrument(meter, metric)]));
  // Last: a meter keeps the callback, and with it the guard, until it is taken out.
  meter.addBatchObservableCallback(observe, instruments);
  return {
    count: ({ name }, labels, value) => count.get(name)?.(toAttributes(labels, guardName), value),
    stop: () => meter.removeBatchObservableCallback(observe, instruments),
  };
}

/** `nexa.memory_guard.model.predicted`: dots between the words, and no unit. */
export function formatTelemetryName({ name }: MetricDefinition): string {
  return `${NAMESPACE}.${name}`;
}

function describeInstrument(metric: MetricDefinition): [string, InstrumentOptions] {
  return [formatTelemetryName(metric), { description: metric.help, unit: UNITS[metric.unit] }];
}

function createInstrument(
  meter: Meter,
  metric: EventMetricDefinition,
): (attributes: MetricAttributes, value: number) => void {
  const [name, options] = describeInstrument(metric);
  if (metric.kind === 'counter') {
    const counter = meter.createCounter(name, options);
    return (attributes, value) => counter.add(value, attributes);
  }
  const histogram = meter.createHistogram(name, {
    ...options,
    advice: { explicitBucketBoundaries: SECONDS_BOUNDARIES },
  });
  return (attributes, value) => histogram.record(value, attributes);
}

/** Attributes carry the namespace, since attributes of other libraries stand beside them. */
function toAttributes(labels: Labels, guardName: string): MetricAttributes {
  const attributes: MetricAttributes = { [`${NAMESPACE}.name`]: guardName };
  for (const [label, value] of Object.entries(labels)) attributes[`${NAMESPACE}.${label}`] = value;
  return attributes;
}
