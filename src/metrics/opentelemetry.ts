/** The figures as instruments of an OpenTelemetry meter, named as its conventions have it. It imports no OpenTelemetry: the meter is handed in. */
import type { MemoryGuard } from '../index.ts';
import {
  COUNTED,
  type Figure,
  GAUGES,
  type Labels,
  readGauge,
  SECONDS_BOUNDARIES,
  type Unit,
} from './metric-definitions.ts';

interface InstrumentOptions {
  readonly description: string;
  readonly unit: string;
  readonly advice?: { explicitBucketBoundaries?: number[] };
}

interface Result {
  observe(instrument: never, value: number, attributes: Record<string, string>): void;
}

// biome-ignore lint/suspicious/noExplicitAny: its own types name the instruments
type Given = any;

/** What is used of a `Meter` of `@opentelemetry/api`, 1.3 and later. */
export interface Meter {
  createObservableGauge(name: string, options: InstrumentOptions): object;
  createCounter(name: string, options: InstrumentOptions): { add(value: number, attributes: Attributes): void };
  createHistogram(name: string, options: InstrumentOptions): { record(value: number, attributes: Attributes): void };
  addBatchObservableCallback(callback: (result: Given) => void, instruments: Given[]): void;
  removeBatchObservableCallback(callback: (result: Given) => void, instruments: Given[]): void;
}

type Attributes = Record<string, string>;

/** UCUM: bytes, seconds, and for counts what is counted, in braces. */
const UNITS: Readonly<Record<Unit, string>> = {
  bytes: 'By',
  seconds: 's',
  ratio: '1',
  state: '1',
  models: '{model}',
  contexts: '{context}',
  decisions: '{decision}',
  refusals: '{refusal}',
  events: '{event}',
};

const NAMESPACE = 'nexa.memory_guard';

/** Returns the way to count one sample of a figure, and the way to stop. */
export function openTelemetry(
  meter: Meter,
  guard: MemoryGuard,
  guardName: string,
): { count(figure: Figure, labels: Labels, value: number): void; stop(): void } {
  const gauges = GAUGES.map((figure) => ({ figure, instrument: meter.createObservableGauge(...named(figure)) }));
  const instruments = gauges.map(({ instrument }) => instrument);
  const observe = (result: Result) => {
    for (const { figure, instrument } of gauges) {
      for (const { labels, value } of readGauge(figure, guard)) {
        result.observe(instrument as never, value, attributesOf(labels, guardName));
      }
    }
  };
  meter.addBatchObservableCallback(observe, instruments);
  const count = new Map(COUNTED.map((figure) => [figure.name, counting(meter, figure)]));
  return {
    count: ({ name }, labels, value) => count.get(name)?.(attributesOf(labels, guardName), value),
    stop: () => meter.removeBatchObservableCallback(observe, instruments),
  };
}

/** `nexa.memory_guard.model.predicted`: dots, and the unit apart. */
export function telemetryName({ name }: Figure): string {
  return `${NAMESPACE}.${name}`;
}

function named(figure: Figure): [string, InstrumentOptions] {
  return [telemetryName(figure), { description: figure.help, unit: UNITS[figure.unit] }];
}

function counting(meter: Meter, figure: Figure): (attributes: Attributes, value: number) => void {
  const [name, options] = named(figure);
  if (figure.kind === 'counter') {
    const counter = meter.createCounter(name, options);
    return (attributes, value) => counter.add(value, attributes);
  }
  const histogram = meter.createHistogram(name, {
    ...options,
    advice: { explicitBucketBoundaries: SECONDS_BOUNDARIES },
  });
  return (attributes, value) => histogram.record(value, attributes);
}

/** In the namespace as well: attributes of other libraries stand beside them. */
function attributesOf(labels: Labels, guardName: string): Attributes {
  const attributes: Attributes = { [`${NAMESPACE}.name`]: guardName };
  for (const [label, value] of Object.entries(labels)) attributes[`${NAMESPACE}.${label}`] = value;
  return attributes;
}
