/** The metrics as those of prom-client, named by the rules of Prometheus. It imports no prom-client: the program hands in its own. */
import type { MemoryGuard } from '../index.ts';
import { EVENT_METRICS, SECONDS_BOUNDARIES } from './event-metrics.ts';
import { GAUGES, readGauge } from './gauges.ts';
import type { Labels, MetricDefinition } from './metric-definitions.ts';

interface Configuration {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registers: readonly Registry[];
  readonly buckets?: readonly number[];
  collect?(this: GaugeMetric): void;
}

interface Registry {
  getSingleMetric(name: string): object | undefined;
  removeSingleMetric(name: string): void;
}

export interface GaugeMetric {
  reset(): void;
  set(labels: object, value: number): void;
}

// biome-ignore lint/suspicious/noExplicitAny: prom-client's own types name each metric's labels
export type AnyConfiguration = any;

/** The module `prom-client`, 14 and later, as far as it is used: `import * as client from 'prom-client'`. */
export interface Prometheus {
  readonly Gauge: new (configuration: AnyConfiguration) => GaugeMetric;
  readonly Counter: new (configuration: AnyConfiguration) => { inc(labels: object, value: number): void };
  readonly Histogram: new (configuration: AnyConfiguration) => { observe(labels: object, value: number): void };
  readonly register: object;
}

/** The guards of a registry share its metrics; the label `guard` tells them apart. */
interface SharedMetrics {
  readonly guards: Set<MeasuredGuard>;
  readonly count: Map<string, (labels: Labels, value: number) => void>;
}

interface MeasuredGuard {
  readonly guard: MemoryGuard;
  readonly name: string;
}

const registries = new WeakMap<object, SharedMetrics>();

/** Registers the metrics with the first guard of a registry. Returns how one sample is counted, and how measuring ends. */
export function openPrometheus(
  client: Prometheus,
  guard: MemoryGuard,
  guardName: string,
  registry: object = client.register,
): { count(metric: MetricDefinition, labels: Labels, value: number): void; stop(): void } {
  const shared = registerMetrics(client, registry as Registry, registries.get(registry));
  registries.set(registry, shared);
  const measured = { guard, name: guardName };
  shared.guards.add(measured);
  return {
    count: ({ name }, labels, value) => shared.count.get(name)?.({ guard: guardName, ...labels }, value),
    stop() {
      shared.guards.delete(measured);
      if (shared.guards.size > 0) return;
      registries.delete(registry);
      for (const metric of [...GAUGES, ...EVENT_METRICS]) {
        (registry as Registry).removeSingleMetric(formatPrometheusName(metric));
      }
    },
  };
}

/** `nexa_memory_guard_model_predicted_bytes`, `nexa_memory_guard_decisions_total`: base units, and `_total` for what only grows. */
export function formatPrometheusName({ name, unit, kind }: MetricDefinition): string {
  const suffix = unit === 'bytes' || unit === 'seconds' || unit === 'ratio' ? `_${unit}` : '';
  return `nexa_memory_guard_${name.replaceAll('.', '_')}${suffix}${kind === 'counter' ? '_total' : ''}`;
}

/** Does nothing for metrics that are there; a program may have cleared the registry since. If one can't be registered, none is. */
function registerMetrics(
  client: Prometheus,
  registry: Registry,
  known: SharedMetrics = { guards: new Set(), count: new Map() },
): SharedMetrics {
  const all = [...GAUGES, ...EVENT_METRICS].map(formatPrometheusName);
  if (registries.has(registry)) {
    if (all.every((name) => registry.getSingleMetric(name))) return known;
    for (const name of all) registry.removeSingleMetric(name);
  }
  const before = new Set(all.filter((name) => registry.getSingleMetric(name)));
  try {
    return createMetrics(client, registry, known);
  } catch (error) {
    for (const name of all) if (!before.has(name)) registry.removeSingleMetric(name);
    throw error;
  }
}

function createMetrics(client: Prometheus, registry: Registry, shared: SharedMetrics): SharedMetrics {
  const describeMetric = (metric: MetricDefinition): Configuration => ({
    name: formatPrometheusName(metric),
    help: metric.help,
    labelNames: ['guard', ...metric.labels],
    registers: [registry],
  });
  for (const gauge of GAUGES) {
    new client.Gauge({
      ...describeMetric(gauge),
      collect(this: GaugeMetric) {
        this.reset();
        for (const { guard, name } of shared.guards) {
          for (const { labels, value } of readGauge(gauge, guard)) this.set({ guard: name, ...labels }, value);
        }
      },
    } satisfies Configuration);
  }
  for (const metric of EVENT_METRICS) {
    if (metric.kind === 'counter') {
      const counter = new client.Counter(describeMetric(metric));
      shared.count.set(metric.name, (labels, value) => counter.inc(labels, value));
    } else {
      const histogram = new client.Histogram({ ...describeMetric(metric), buckets: SECONDS_BOUNDARIES });
      shared.count.set(metric.name, (labels, value) => histogram.observe(labels, value));
    }
  }
  return shared;
}
