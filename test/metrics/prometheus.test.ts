import * as client from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { guardMetrics } from '../../src/metrics/guard-metrics.ts';
import { runLife, startLife } from '../support/guard-life.ts';

let registry: client.Registry;
beforeEach(() => {
  registry = new client.Registry();
});
afterEach(() => client.register.clear());

/** `name{a="b"}` → value, of one collection. */
async function collected(from = registry): Promise<Map<string, number>> {
  const lines = (await from.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const metric = (name: string, labels: Record<string, string> = {}) => {
  const all = Object.entries({ guard: 'default', ...labels }).map(([label, value]) => `${label}="${value}"`);
  return `nexa_memory_guard_${name}{${all.join(',')}}`;
};

describe('a registry', () => {
  const names = () => registry.getMetricsAsArray().map(({ name }) => name);

  it('that has a metric of such a name already is left as it was, and can be tried again', () => {
    const { guard } = startLife();
    const name = 'nexa_memory_guard_decisions_total';
    new client.Counter({ name, help: "somebody else's", registers: [registry] });
    expect(() => guardMetrics(guard, client, { registry })).toThrow(name);
    expect(names()).toEqual([name]);
    registry.removeSingleMetric(name);
    guardMetrics(guard, client, { registry });
    expect(names().length).toBeGreaterThan(10);
  });

  it('that was cleared shows all guards again once another one is measured in it', async () => {
    const [first, second] = [startLife().guard, startLife().guard];
    guardMetrics(first, client, { registry, name: 'first' });
    const all = names();
    for (const clear of [() => registry.clear(), () => registry.removeSingleMetric(all[3]!)]) {
      clear();
      const { stop } = guardMetrics(second, client, { registry, name: 'second' });
      expect(names().sort()).toEqual([...all].sort());
      const found = await collected();
      for (const guard of ['first', 'second']) expect(found.has(metric('models', { guard }))).toBe(true);
      stop();
    }
  });
});

describe('metrics for prom-client', () => {
  it('show what is free, what is promised and how things stand, when they are collected', async () => {
    const { nexa, guard, machine } = startLife();
    guardMetrics(guard, client, { registry });
    const before = await collected();
    expect(before.get(metric('headroom_bytes'))).toBe(8 * GiB);
    expect(before.get(metric('limit_bytes'))).toBe(16 * GiB);
    expect(before.get(metric('models'))).toBe(0);
    await nexa.loadModel('m', { memoryGuard: { footprint: { mappedBytes: 1 * GiB, anonymousBytes: 2 * GiB } } });
    const after = await collected();
    expect(after.get(metric('headroom_bytes'))).toBe(5 * GiB);
    expect(after.get(metric('available_bytes'))).toBe(8 * GiB);
    expect(after.get(metric('min_free_bytes'))).toBe(100 * MiB);
    expect(after.get(metric('models'))).toBe(1);
    expect(after.get(metric('contexts'))).toBe(0);
    const model = { model: 'm', quantization: '', number: '1' };
    expect(after.get(metric('model_predicted_bytes', { ...model, kind: 'mapped' }))).toBe(1 * GiB);
    expect(after.get(metric('model_predicted_bytes', { ...model, kind: 'anonymous' }))).toBe(2 * GiB);
    expect(after.get(metric('status', { status: 'ok' }))).toBe(1);
    machine.availableBytes = 3.05 * GiB;
    const low = await collected();
    expect([low.get(metric('status', { status: 'ok' })), low.get(metric('status', { status: 'critical' }))]).toEqual([
      0, 1,
    ]);
  });

  it('count decisions by verdict and rule, waits, evictions and what came back', async () => {
    const life = startLife();
    guardMetrics(life.guard, client, { registry });
    await runLife(life);
    const found = await collected();
    const decided = { forced: 'false', observed: 'false' };
    expect(found.get(metric('decisions_total', { verdict: 'admit', ...decided }))).toBe(3);
    expect(found.get(metric('decisions_total', { verdict: 'downgrade', ...decided }))).toBe(1);
    expect(found.get(metric('decisions_total', { verdict: 'refuse', ...decided }))).toBe(1);
    expect(found.get(metric('rule_refusals_total', { verdict: 'refuse', rule: 'headroom' }))).toBe(1);
    expect(found.get(metric('rule_refusals_total', { verdict: 'downgrade', rule: 'min-free' }))).toBe(1);
    expect(found.get(metric('wait_duration_seconds_count', { verdict: 'admit' }))).toBe(1);
    expect(found.get(metric('wait_duration_seconds_sum', { verdict: 'admit' }))).toBeGreaterThanOrEqual(1);
    expect(found.get(metric('evictions_total', { reason: 'memory' }))).toBe(1);
    expect(found.get(metric('reclaim_duration_seconds_count', { reason: 'memory' }))).toBe(1);
    expect(found.get(metric('reclaim_duration_seconds_count', { reason: 'unloaded' }))).toBe(1);
    expect(found.get(metric('reclaimed_bytes_total', { reason: 'unloaded' }))).toBeGreaterThanOrEqual(0);
    expect(found.get(metric('load_duration_seconds_count'))).toBe(4);
    expect(found.get(metric('degraded_total', { reason: 'sensor-failed', code: 'ERR_SENSOR' }))).toBe(1);
  });

  it('show nothing of what can’t be read, and no collection fails for it', async () => {
    const { guard, machine } = startLife();
    guardMetrics(guard, client, { registry });
    machine.failsAlways = true;
    const blind = await collected();
    expect(blind.has(metric('headroom_bytes'))).toBe(false);
    expect(blind.get(metric('models'))).toBe(0);
    machine.failsAlways = false;
    expect((await collected()).has(metric('headroom_bytes'))).toBe(true);
    guard.close();
    expect((await collected()).has(metric('headroom_bytes'))).toBe(false);
  });

  it('are named as Prometheus has it: base units, `_total` of what only grows, help and type with each', async () => {
    const { guard } = startLife();
    guardMetrics(guard, client, { registry });
    const text = await registry.metrics();
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
    expect(types.size).toBeGreaterThan(15);
    for (const [name, type] of types) {
      expect(name).toMatch(/^nexa_memory_guard_[a-z_]+$/);
      expect(name?.endsWith('_total')).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(text).toMatch(new RegExp(`^# HELP ${name} \\S.*\\.$`, 'm'));
    }
  });

  it('tell several guards of one registry apart, and leave it when all are stopped', async () => {
    const [one, two] = [startLife(), startLife()];
    const metrics = [one, two].map(({ guard }, index) => guardMetrics(guard, client, { registry, name: `g${index}` }));
    await two.nexa.loadModel('m', { memoryGuard: { footprint: 1 * GiB } });
    const found = await collected();
    expect(found.get('nexa_memory_guard_models{guard="g0"}')).toBe(0);
    expect(found.get('nexa_memory_guard_models{guard="g1"}')).toBe(1);
    metrics[0]?.stop();
    expect([...(await collected()).keys()].filter((key) => key.includes('g0'))).toEqual([]);
    metrics[1]?.stop();
    expect(await registry.metrics()).toMatch(/^\s*$/);
    guardMetrics(one.guard, client, { registry });
    expect((await collected()).has(metric('models'))).toBe(true);
  });

  it('go to the default registry of prom-client where none is named', async () => {
    const { guard } = startLife();
    guardMetrics(guard, client);
    expect((await collected(client.register)).get(metric('models'))).toBe(0);
  });
});
