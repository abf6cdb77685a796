import * as client from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { guardMetrics } from '../../src/metrics/guard-metrics.ts';
import { startLife } from '../support/guard-life.ts';

afterEach(() => client.register.clear());

describe('what is measured', () => {
  it('stops once: a second `stop` takes nothing from a guard that is measured since', async () => {
    const [before, since] = [startLife(), startLife()];
    const registry = new client.Registry();
    const stopped = guardMetrics(before.guard, client, { registry });
    stopped.stop();
    const metrics = guardMetrics(since.guard, client, { registry, name: 'since' });
    stopped.stop();
    expect(await registry.metrics()).toContain('nexa_memory_guard_models{guard="since"} 0');
    metrics.stop();
    expect(await registry.metrics()).toMatch(/^\s*$/);
  });

  it('is counted from the call on, until it is stopped', async () => {
    const { nexa, guard } = startLife();
    const load = () => nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    const registry = new client.Registry();
    const countLoads = async () => (await registry.metrics()).match(/load_duration_seconds_count\S* (\d+)/)?.[1];
    await load();
    guardMetrics(guard, client, { registry, name: 'other' });
    const metrics = guardMetrics(guard, client, { registry });
    await load();
    expect(await countLoads()).toBe('1');
    metrics.stop();
    await load();
    expect(await registry.metrics()).toContain('nexa_memory_guard_load_duration_seconds_count{guard="other"} 2');
    expect(await registry.metrics()).toContain('nexa_memory_guard_load_duration_seconds_count{guard="default"} 1');
  });
});

describe('what can’t be measured', () => {
  it.each<[string, unknown, unknown, unknown, string | RegExp]>([
    [
      'no guard',
      undefined,
      client,
      {},
      'Expected `guard` to be the guard of a guarded SDK, for example `nexa.guard`, got undefined.',
    ],
    ['another object', {}, client, {}, /^Expected `guard` to be .*, got \{\} \(object\)\.$/],
    [
      'no target',
      startLife().guard,
      undefined,
      {},
      /^Expected `target` to be the module `prom-client`, or a meter .*, got undefined\.$/,
    ],
    ['another target', startLife().guard, {}, {}, /^Expected `target` to be .*, got \{\} \(object\)\.$/],
    [
      'a registry as the target',
      startLife().guard,
      new client.Registry(),
      {},
      /^Expected `target` to be .*, got .*\.$/,
    ],
    ['no options', startLife().guard, client, null, 'Expected `options` to be an object, got null.'],
    [
      'an empty name',
      startLife().guard,
      client,
      { name: '' },
      "Expected `name` to be a text that is not empty, got '' (string).",
    ],
    [
      'a name that is no text',
      startLife().guard,
      client,
      { name: 5 },
      'Expected `name` to be a text that is not empty, got 5 (number).',
    ],
    [
      'no registry',
      startLife().guard,
      client,
      { registry: 'main' },
      "Expected `registry` to be a registry of prom-client, got 'main' (string).",
    ],
    [
      'an unknown option',
      startLife().guard,
      client,
      { registy: client.register },
      'Unknown option `registy` of `guardMetrics`; did you mean `registry`?',
    ],
  ])('is refused with a sentence: %s', (_what, guard, target, options, message) => {
    expect(() => guardMetrics(guard as never, target as never, options as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        message: typeof message === 'string' ? message : expect.stringMatching(message),
      }),
    );
  });
});
