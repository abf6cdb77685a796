import { describe, expect, it } from 'vitest';
import { callBlocking } from '../../src/core/blocking-calls.ts';
import { FollowedLoad } from '../../src/loading/follow-load.ts';
import type { LoadMeter } from '../../src/machine/machine.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A load whose meter shows what the test says, and all that was told of it. */
function follow({ metered = true } = {}) {
  const shown = {
    takenBytes: 0 as number | undefined,
    moved: false,
    called: false,
    looks: 0,
    open: true,
    blind: false,
  };
  const order: unknown[] = [];
  const meter: LoadMeter = {
    blocked: (now) => order.push(['blocked', now]),
    readTakenBytes: () => shown.takenBytes,
    moved: () => shown.moved,
    async look() {
      if (shown.blind) throw new Error('no thread');
      shown.looks += 1;
    },
    took: (bytes) => order.push(['published', bytes]),
    publishTo: () => true,
    close() {
      shown.open = false;
    },
  };
  const clock = new ManualClock();
  const told: number[] = [];
  const load = new FollowedLoad({
    meter: metered ? meter : undefined,
    clock,
    wasCalled: () => shown.called,
    took: (bytes) => told.push(bytes),
  });
  return { load, shown, clock, told, order };
}

describe('a load that lasts', () => {
  it('is told of every 25 ms from the moment at which the SDK has returned', () => {
    const { load, shown, clock, told, order } = follow();
    shown.takenBytes = 10;
    clock.advance(200);
    expect(told).toEqual([]); // it is published by the meter meanwhile
    load.returned();
    clock.advance(25);
    shown.takenBytes = 30;
    clock.advance(25);
    expect(told).toEqual([10, 30]);
    expect(order).toEqual([
      ['blocked', false],
      ['published', 10],
      ['published', 30],
    ]);
  });

  it('is published by the meter itself while the engine blocks JavaScript, unless a call on a model runs beside it', async () => {
    const { load, shown, order } = follow();
    load.returned();
    await callBlocking(() => order.push('loads'));
    shown.called = true;
    await callBlocking(() => order.push('loads'));
    load.close();
    await callBlocking(() => order.push('another one loads'));
    const blocked = (now: boolean) => ['blocked', now];
    expect(order).toEqual([
      ...[blocked(false), blocked(true), 'loads', blocked(false)],
      ...[blocked(false), 'loads', blocked(false)],
      'another one loads',
    ]);
  });

  it('is told of no more once a call on a model has run beside it', async () => {
    const { load, shown, clock, told } = follow();
    load.returned();
    shown.takenBytes = 10;
    clock.advance(25);
    Object.assign(shown, { called: true, takenBytes: 90, moved: true });
    clock.advance(500);
    await load.finish();
    expect(told).toEqual([10]);
  });

  it('is not told of while it can’t be told what it takes', () => {
    const { load, shown, clock, told } = follow();
    shown.takenBytes = undefined;
    load.returned();
    clock.advance(25);
    expect(told).toEqual([]);
  });

  it('is not told of after its end', () => {
    const { load, shown, clock, told } = follow();
    load.returned();
    load.close();
    clock.advance(500);
    expect([told, shown.open]).toEqual([[], false]);
  });
});

describe('the end of a load', () => {
  it('is no error if it can’t be looked at', async () => {
    const { load, shown, told } = follow();
    load.returned();
    Object.assign(shown, { moved: true, takenBytes: 70, blind: true });
    await load.finish();
    expect(told).toEqual([]);
  });

  it('is looked at if the process has changed', async () => {
    const { load, shown, told } = follow();
    load.returned();
    Object.assign(shown, { moved: true, takenBytes: 70 });
    await load.finish();
    expect([told, shown.looks]).toEqual([[70], 1]);
  });

  it('is not looked at if it has not', async () => {
    const { load, shown, told } = follow();
    load.returned();
    await load.finish();
    expect([told, shown.looks]).toEqual([[], 0]);
  });

  it('is looked at all the same if something was told before: it may have been given back', async () => {
    const { load, shown, clock, told } = follow();
    load.returned();
    shown.takenBytes = 70;
    clock.advance(25);
    shown.takenBytes = 0;
    await load.finish();
    expect([told, shown.looks]).toEqual([[70, 0], 1]);
  });
});

it('does nothing for a load that is not metered', async () => {
  const { load, clock, told, order } = follow({ metered: false });
  load.returned();
  clock.advance(100);
  await load.finish();
  load.close();
  expect([told, order]).toEqual([[], []]);
});
