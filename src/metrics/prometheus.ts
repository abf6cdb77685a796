/** The figures as prom-client's metrics, named as Prometheus has it. It imports no prom-client: the program's own is handed in. */
import type { MemoryGuard } from '../index.ts';
import { COUNTED, type Figure, GAUGES, type Labels, readGauge, SECONDS_BOUNDARIES } from './metric-definitions.ts';

interface Configuration {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registers: readonly Registry[];
  readonly buckets?: readonly number[];
  collect?(this: GaugeMetric): void;
}

interface Registry {
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

interface GaugeMetric {
  reset(): void;
  set(labels: object, value: number): void;
}

// biome-ignore lint/suspicious/noExplicitAny: its own types name each metric's labels
type Given = any;

/** What is used of the module `prom-client`, 14 and later. */
export interface Prometheus {
  readonly Gauge: new (configuration: Given) => GaugeMetric;
  readonly Counter: new (configuration: Given) => { inc(labels: object, value: number): void };
  readonly Histogram: new (configuration: Given) => { observe(labels: object, value: number): void };
  readonly register: object;
}

/** The guards of a registry share its metrics, told apart by `guard`. */
interface Shared {
  readonly guards: Map<MemoryGuard, string>;
  readonly count: Map<string, (labels: Labels, value: number) => void>;
}

const registries = new WeakMap<object, Shared>();

/** Returns the way to count one sample of a figure, and the way to stop. */
export function openPrometheus(
  client: Prometheus,
  guard: MemoryGuard,
  guardName: string,
  registry: object = client.register,
): { count(figure: Figure, labels: Labels, value: number): void; stop(): void } {
  const shared = registries.get(registry) ?? register(client, registry as Registry);
  shared.guards.set(guard, guardName);
  return {
    count: ({ name }, labels, value) => shared.count.get(name)?.({ guard: guardName, ...labels }, value),
    stop() {
      shared.guards.delete(guard);
      if (shared.guards.size > 0) return;
      registries.delete(registry);
      for (const figure of [...GAUGES, ...COUNTED]) (registry as Registry).removeSingleMetric(prometheusName(figure));
    },
  };
}

/** `nexa_memory_guard_model_predicted_bytes`, `nexa_memory_guard_decisions_total`: base units, and `_total` of what only grows. */
export function prometheusName({ name, unit, kind }: Figure): string {
  const suffix = unit === 'bytes' || unit === 'seconds' || unit === 'ratio' ? `_${unit}` : '';
  return `nexa_memory_guard_${name.replaceAll('.', '_')}${suffix}${kind === 'counter' ? '_total' : ''}`;
}

function register(client: Prometheus, registry: Registry): Shared {
  const shared: Shared = { guards: new Map(), count: new Map() };
  const configuration = (figure: Figure): Configuration => ({
    name: prometheusName(figure),
    help: figure.help,
    labelNames: ['guard', ...figure.labels],
    registers: [registry],
  });
  for (const figure of GAUGES) {
    new client.Gauge({
      ...configuration(figure),
      collect(this: GaugeMetric) {
        this.reset();
        for (const [guard, name] of shared.guards) {
          for (const { labels, value } of readGauge(figure, guard)) this.set({ guard: name, ...labels }, value);
        }
      },
    } satisfies Configuration);
  }
  for (const figure of COUNTED) {
    if (figure.kind === 'counter') {
      const counter = new client.Counter(configuration(figure));
      shared.count.set(figure.name, (labels, value) => counter.inc(labels, value));
    } else {
      const histogram = new client.Histogram({ ...configuration(figure), buckets: SECONDS_BOUNDARIES });
      shared.count.set(figure.name, (labels, value) => histogram.observe(labels, value));
    }
  }
  registries.set(registry, shared);
  return shared;
}
