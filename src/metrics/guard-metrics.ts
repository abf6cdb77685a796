/** Metrics of a guard, for whichever library the program measures with. It imports neither of them, and decides nothing. */
import { type MemoryGuard, MemoryGuardError } from '../index.ts';
import { COUNTED, type Figure, type Labels } from './metric-definitions.ts';
import { type Meter, openTelemetry } from './opentelemetry.ts';
import { openPrometheus, type Prometheus } from './prometheus.ts';

export type { Meter } from './opentelemetry.ts';
export type { Prometheus } from './prometheus.ts';

export interface GuardMetricsOptions {
  /** Tells the guards of one program apart: the label `guard`, the attribute `nexa.memory_guard.name`. @default 'default' */
  readonly name?: string;
  /** Of prom-client. @default its own `register` */
  readonly registry?: object;
}

/** What `guardMetrics` returns. */
export interface GuardMetrics {
  /** Takes the listeners off the guard, and its figures out of the registry or meter. */
  stop(): void;
}

/**
 * Measures a guard: with the module `prom-client` (14 and later), or a meter of `@opentelemetry/api` (1.3 and later).
 * README lists the figures. Gauges are read when they are collected, some microseconds each; the rest is counted as events
 * are told. Throws `ERR_INVALID_OPTION`.
 */
export function guardMetrics(
  guard: MemoryGuard,
  target: Prometheus | Meter,
  options: GuardMetricsOptions = {},
): GuardMetrics {
  if (typeof guard?.models !== 'function' || typeof guard.on !== 'function') {
    throw invalid('`guard` to be the guard of a guarded SDK, as `nexa.guard`', guard);
  }
  const { name = 'default', registry } = options;
  if (typeof name !== 'string' || name === '') throw invalid('`name` to be a text that is not empty', name);
  const opened = isPrometheus(target)
    ? openPrometheus(target, guard, name, registry)
    : isMeter(target)
      ? openTelemetry(target, guard, name)
      : undefined;
  if (!opened) throw invalid('the module `prom-client`, or a meter of `@opentelemetry/api`', target);
  const unlisten = listen(guard, opened.count);
  return {
    stop() {
      unlisten();
      opened.stop();
    },
  };
}

function listen(guard: MemoryGuard, count: (figure: Figure, labels: Labels, value: number) => void): () => void {
  const listeners = COUNTED.flatMap((figure) =>
    figure.sources.map(({ event, of }) => {
      const listener = (told: Parameters<typeof of>[0]) => {
        for (const { labels, value } of of(told)) count(figure, labels, value);
      };
      guard.on(event, listener);
      return { event, listener };
    }),
  );
  return () => {
    for (const { event, listener } of listeners) guard.off(event, listener);
  };
}

function isPrometheus(target: Prometheus | Meter): target is Prometheus {
  const { Gauge, Counter, Histogram, register } = Object(target) as Partial<Prometheus>;
  return [Gauge, Counter, Histogram].every((each) => typeof each === 'function') && typeof register === 'object';
}

function isMeter(target: Prometheus | Meter): target is Meter {
  const { createObservableGauge, addBatchObservableCallback } = Object(target) as Partial<Meter>;
  return typeof createObservableGauge === 'function' && typeof addBatchObservableCallback === 'function';
}

function invalid(expected: string, found: unknown): MemoryGuardError {
  const what = typeof found === 'string' ? JSON.stringify(found) : found === null ? 'null' : typeof found;
  return new MemoryGuardError('ERR_INVALID_OPTION', `Expected ${expected}, got ${what}.`);
}
