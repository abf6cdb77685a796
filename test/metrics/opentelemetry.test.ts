import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { guardMetrics } from '../../src/metrics/guard-metrics.ts';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { runLife, startLife } from '../support/guard-life.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

let exporter: InMemoryMetricExporter;
let provider: MeterProvider;
beforeEach(() => {
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  provider = new MeterProvider({ readers: [reader] });
  onTestFinished(() => provider.shutdown());
});

async function collected(): Promise<readonly MetricData[]> {
  exporter.reset();
  await provider.forceFlush();
  return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
}

/** The value of the point with these attributes among others; a histogram's count. */
function measured(metrics: readonly MetricData[], name: string, attributes: Record<string, string> = {}) {
  const found = metrics.find(({ descriptor }) => descriptor.name === `nexa.memory_guard.${name}`);
  const point = found?.dataPoints.find((each) =>
    Object.entries(attributes).every(([key, value]) => each.attributes[`nexa.memory_guard.${key}`] === value),
  );
  return typeof point?.value === 'object' ? (point.value as { count: number }).count : point?.value;
}

describe('a meter', () => {
  it('that can make no counter keeps nothing of the guard', () => {
    const { guard } = startLife();
    const meter = provider.getMeter('test');
    const callbacks: unknown[] = [];
    meter.addBatchObservableCallback = (callback) => void callbacks.push(callback);
    meter.createCounter = () => {
      throw new Error('no counters here');
    };
    expect(() => guardMetrics(guard, meter)).toThrow('no counters here');
    expect(callbacks).toEqual([]);
  });
});

describe('metrics for OpenTelemetry', () => {
  it('observe what is free and promised, with units of their own', async () => {
    const { nexa, guard } = startLife();
    guardMetrics(guard, provider.getMeter('test'));
    await nexa.loadModel('m', { memoryGuard: { footprint: { mappedBytes: 1 * GiB, anonymousBytes: 2 * GiB } } });
    const metrics = await collected();
    expect(measured(metrics, 'headroom')).toBe(5 * GiB);
    expect(measured(metrics, 'limit')).toBe(16 * GiB);
    expect(measured(metrics, 'min_free')).toBe(100 * MiB);
    expect(measured(metrics, 'models', { name: 'default' })).toBe(1);
    expect(measured(metrics, 'model.predicted', { model: 'm', kind: 'anonymous' })).toBe(2 * GiB);
    expect(measured(metrics, 'status', { status: 'ok' })).toBe(1);
    const units = new Map(metrics.map(({ descriptor }) => [descriptor.name, descriptor.unit]));
    expect(units.get('nexa.memory_guard.headroom')).toBe('By');
    expect(units.get('nexa.memory_guard.models')).toBe('{model}');
    for (const { descriptor } of metrics) {
      expect(descriptor.name).toMatch(/^nexa\.memory_guard\.[a-z_.]+$/);
      expect(descriptor.name).not.toMatch(/bytes|seconds|total/);
      expect(descriptor.unit).not.toBe('');
    }
  });

  it('count decisions by verdict and rule, waits, evictions and what came back', async () => {
    const life = startLife();
    guardMetrics(life.guard, provider.getMeter('test'), { name: 'speech' });
    await runLife(life);
    const metrics = await collected();
    expect(measured(metrics, 'decisions', { verdict: 'admit', name: 'speech' })).toBe(3);
    expect(measured(metrics, 'decisions', { verdict: 'downgrade' })).toBe(1);
    expect(measured(metrics, 'rule.refusals', { verdict: 'refuse', rule: 'headroom' })).toBe(1);
    expect(measured(metrics, 'wait.duration', { verdict: 'admit' })).toBe(1);
    expect(measured(metrics, 'evictions', { reason: 'memory' })).toBe(1);
    expect(measured(metrics, 'reclaim.duration', { reason: 'unloaded' })).toBe(1);
    expect(measured(metrics, 'load.duration')).toBe(4);
    expect(measured(metrics, 'degraded', { reason: 'sensor-failed', code: 'ERR_SENSOR' })).toBe(1);
    const wait = metrics.find(({ descriptor }) => descriptor.name === 'nexa.memory_guard.wait.duration');
    expect(wait?.descriptor.unit).toBe('s');
    expect(wait?.dataPoints[0]?.value).toMatchObject({ buckets: { boundaries: expect.arrayContaining([0.01]) } });
  });

  it('observe nothing and count nothing once they are stopped', async () => {
    const { nexa, guard } = startLife();
    const metrics = guardMetrics(guard, provider.getMeter('test'));
    expect(measured(await collected(), 'models')).toBe(0);
    metrics.stop();
    await nexa.loadModel('m', { memoryGuard: { footprint: 1 * GiB } });
    const after = await collected();
    expect(measured(after, 'models')).toBe(0); // the library goes on with what was observed last
    expect(measured(after, 'decisions')).toBeUndefined();
  });

  it('show of a real model what it took beside what was promised', async () => {
    const files = makeTinyModels();
    onTestFinished(() => files.remove());
    const options = { minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0, ledger: 'process' } as const;
    const nexa = withMemoryGuard(await NexaSDK.initialize(), options);
    guardMetrics(nexa.guard, provider.getMeter('test'));
    const model = await nexa.loadModel(files.model('F32'), { contextSize: 512 });
    const metrics = await collected();
    const predicted = measured(metrics, 'model.predicted', { kind: 'mapped' });
    const observed = measured(metrics, 'model.observed', { kind: 'mapped' });
    expect(predicted).toBeGreaterThan(0.4 * MiB);
    expect(Math.abs(Number(observed) - Number(predicted))).toBeLessThan(64 * 1024);
    expect(measured(metrics, 'model.observed', { kind: 'anonymous' })).toEqual(expect.any(Number));
    await model.dispose();
    nexa.guard.close();
    await nexa.dispose();
  });
});
