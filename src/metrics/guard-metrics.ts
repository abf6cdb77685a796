/** Metrics of a guard, for whichever library the program measures with. It imports neither of them, and decides nothing. */
import { invalidOption } from '../core/errors.ts';
import { type Checks, objectOf, text, validate } from '../core/validate.ts';
import type { MemoryGuard } from '../index.ts';
import { EVENT_METRICS } from './event-metrics.ts';
import type { Labels, MetricDefinition } from './metric-definitions.ts';
import { type Meter, openMeter } from './opentelemetry.ts';
import { openPrometheus, type Prometheus } from './prometheus.ts';

export type { AnyInstrument, InstrumentOptions, Meter, MetricAttributes } from './opentelemetry.ts';
export type { AnyConfiguration, GaugeMetric, Prometheus } from './prometheus.ts';

/** Options of `guardMetrics`. */
export interface GuardMetricsOptions {
  /** Tells the guards of one program apart: the label `guard`, the attribute `nexa.memory_guard.name`. @default 'default' */
  readonly name?: string;
  /** The registry of prom-client in which the metrics are registered. A meter needs none. @default prom-client's own `register` */
  readonly registry?: object;
}

const CHECKS: Checks<GuardMetricsOptions> = {
  name: text,
  registry: objectOf<object>('a registry of prom-client'),
};

/** The measuring of one guard, which goes on until it is stopped. */
export interface GuardMetrics {
  /**
   * Ends the measuring: takes the listeners off the guard and its gauges out of the meter. prom-client's metrics leave the
   * registry with the last guard that is measured in it. A second call does nothing.
   */
  stop(): void;
}

/**
 * Measures a guard: with the module `prom-client` (14 and later), or with a meter of `@opentelemetry/api` (1.3 and later).
 * docs/metrics.md lists the metrics with their units and labels. Gauges are read when they are collected: five of them read the
 * machine's memory, about 0.1 ms each, and one that can't be read is left out. Everything else is counted as the guard's events
 * come, from this call on.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if `guard` is no guard, `target` is neither of the two, or an option is unknown or wrong.
 *
 * @example
 * import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
 * import { guardMetrics } from 'nexa-memory-guard/metrics';
 * import * as prometheus from 'prom-client';
 *
 * const nexa = withMemoryGuard(await NexaSDK.initialize());
 * const metrics = guardMetrics(nexa.guard, prometheus, { name: 'speech' });
 * console.log(await prometheus.register.metrics()); // nexa_memory_guard_headroom_bytes{guard="speech"} 5368709120 ...
 * metrics.stop();
 */
export function guardMetrics(
  guard: MemoryGuard,
  target: Prometheus | Meter,
  options: GuardMetricsOptions = {},
): GuardMetrics {
  if (!isGuard(guard)) throw invalidOption('guard', 'the guard of a guarded SDK, for example `nexa.guard`', guard);
  const { name = 'default', registry } = validate<GuardMetricsOptions>(options, CHECKS, 'guardMetrics');
  const opened = openTarget(target, guard, name, registry);
  const stopListening = listen(guard, opened.count);
  let stopped = false;
  return {
    stop() {
      if (stopped) return;
      stopped = true;
      stopListening();
      opened.stop();
    },
  };
}

function openTarget(target: Prometheus | Meter, guard: MemoryGuard, name: string, registry: object | undefined) {
  if (isPrometheus(target)) return openPrometheus(target, guard, name, registry);
  if (isMeter(target)) return openMeter(target, guard, name);
  throw invalidOption('target', 'the module `prom-client`, or a meter of `@opentelemetry/api`', target);
}

function listen(
  guard: MemoryGuard,
  count: (metric: MetricDefinition, labels: Labels, value: number) => void,
): () => void {
  const listeners = EVENT_METRICS.flatMap((metric) =>
    metric.sources.map(({ event, toSamples }) => {
      const listener = (told: Parameters<typeof toSamples>[0]) => {
        for (const { labels, value } of toSamples(told)) count(metric, labels, value);
      };
      guard.on(event, listener);
      return { event, listener };
    }),
  );
  return () => {
    for (const { event, listener } of listeners) guard.off(event, listener);
  };
}

function isGuard(guard: unknown): boolean {
  const { models, status, on, off } = Object(guard) as Partial<MemoryGuard>;
  return [models, status, on, off].every((each) => typeof each === 'function');
}

function isPrometheus(target: Prometheus | Meter): target is Prometheus {
  const { Gauge, Counter, Histogram, register } = Object(target) as Partial<Prometheus>;
  return [Gauge, Counter, Histogram].every((each) => typeof each === 'function') && typeof register === 'object';
}

function isMeter(target: Prometheus | Meter): target is Meter {
  const { createObservableGauge, addBatchObservableCallback } = Object(target) as Partial<Meter>;
  return typeof createObservableGauge === 'function' && typeof addBatchObservableCallback === 'function';
}
