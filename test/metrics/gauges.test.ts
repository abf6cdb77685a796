import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { GAUGES, readGauge } from '../../src/metrics/gauges.ts';
import { FakeMachine, guardedFake } from '../support/fake-sdk.ts';
import { startLife } from '../support/guard-life.ts';

const findGauge = (name: string) => GAUGES.find((gauge) => gauge.name === name)!;
const sized = (gib: number) => ({ memoryGuard: { footprint: { mappedBytes: 0, anonymousBytes: gib * GiB } } });

describe('the gauges', () => {
  it('have samples with exactly the labels that they are defined with', async () => {
    const { nexa, guard } = startLife();
    await nexa.loadModel('m', sized(1));
    for (const gauge of GAUGES) {
      for (const { labels } of readGauge(gauge, guard)) {
        expect([gauge.name, Object.keys(labels).sort()]).toEqual([gauge.name, [...gauge.labels].sort()]);
      }
    }
  });

  it('tell models of the same name apart by a number', async () => {
    const { nexa, guard } = startLife();
    for (const name of ['m', 'other', 'm']) await nexa.loadModel(name, sized(1));
    const predicted = readGauge(findGauge('model.predicted'), guard).filter(
      ({ labels }) => labels['kind'] === 'anonymous',
    );
    expect(predicted.map(({ labels: { model, number } }) => [model, number])).toEqual([
      ['m', '1'],
      ['other', '1'],
      ['m', '2'],
    ]);
  });

  it('show nothing of a model that nobody saw taking memory', async () => {
    const { nexa, guard } = startLife();
    await nexa.loadModel('m', sized(1));
    for (const name of ['model.observed', 'model.estimate_error']) {
      expect(readGauge(findGauge(name), guard)).toEqual([]);
    }
  });

  it('count the loads that wait for memory until they are in', async () => {
    const { nexa, guard, clock, machine } = guardedFake(new FakeMachine(1 * GiB));
    const { footprint } = sized(1).memoryGuard;
    const waiting = () => readGauge(findGauge('waiting'), guard).map(({ value }) => value);
    expect(waiting()).toEqual([0]);
    const loads = ['a', 'b'].map((name) => nexa.loadModel(name, { memoryGuard: { footprint, wait: true } }));
    await clock.advanceAsync(1000);
    expect(waiting()).toEqual([2]);
    machine.availableBytes = 16 * GiB;
    await clock.advanceAsync(1000);
    await Promise.all(loads);
    expect(waiting()).toEqual([0]);
  });

  it('show no need of a model of which nobody knows it', async () => {
    const { nexa, guard } = guardedFake(new FakeMachine(8 * GiB), { unknownModels: 'admit' });
    await nexa.loadModel('m');
    expect(guard.models()).toMatchObject([{ need: { basis: 'unknown' } }]);
    for (const name of ['model.predicted', 'model.estimate_error']) {
      expect(readGauge(findGauge(name), guard)).toEqual([]);
    }
  });

  it('show nothing of memory that can’t be read', () => {
    const { guard, machine } = startLife();
    expect(readGauge(findGauge('headroom'), guard)).toEqual([{ labels: {}, value: 8 * GiB }]);
    machine.failsAlways = true;
    expect(readGauge(findGauge('headroom'), guard)).toEqual([]);
    expect(readGauge(findGauge('models'), guard)).toEqual([{ labels: {}, value: 0 }]);
  });
});
