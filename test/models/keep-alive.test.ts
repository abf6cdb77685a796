import { describe, expect, it } from 'vitest';
import { KeepAlive } from '../../src/models/keep-alive.ts';
import { makeHeldModel } from '../support/make-held-model.ts';
import { ManualClock } from '../support/manual-clock.ts';

function makeKeepAlive(keepAliveMs: number | undefined) {
  const clock = new ManualClock();
  const expired: string[] = [];
  const keepAlive = new KeepAlive({ keepAliveMs, clock, expired: ({ facts }) => expired.push(facts.name) });
  return { clock, expired, keepAlive };
}

describe('a model that is idle', () => {
  it('is told once its time is over, once, and not before', () => {
    const { clock, expired, keepAlive } = makeKeepAlive(1000);
    keepAlive.begin(makeHeldModel({ name: 'm' }));
    clock.advance(999);
    expect(expired).toEqual([]);
    clock.advance(2000);
    expect(expired).toEqual(['m']);
  });

  it('has its whole time again if that begins anew', () => {
    const { clock, expired, keepAlive } = makeKeepAlive(1000);
    const held = makeHeldModel({ name: 'm' });
    keepAlive.begin(held);
    clock.advance(900);
    keepAlive.begin(held);
    expect(clock.pending).toBe(1);
    clock.advance(900);
    expect(expired).toEqual([]);
    clock.advance(100);
    expect(expired).toEqual(['m']);
  });

  it('is not told if its time was ended, and leaves no timer', () => {
    const { clock, expired, keepAlive } = makeKeepAlive(1000);
    const [ended, other] = [makeHeldModel({ name: 'ended' }), makeHeldModel({ name: 'other' })];
    keepAlive.begin(ended);
    keepAlive.begin(other);
    keepAlive.end(ended);
    keepAlive.end(ended);
    expect(clock.pending).toBe(1);
    clock.advance(1000);
    expect(expired).toEqual(['other']);
  });

  it('may be so for ever if no time is set', () => {
    const { clock, keepAlive } = makeKeepAlive(undefined);
    keepAlive.begin(makeHeldModel());
    expect(clock.pending).toBe(0);
  });
});

describe('a model that is not idle', () => {
  it('has no time that could end, and loses the one that ran', () => {
    const { clock, keepAlive } = makeKeepAlive(1000);
    const held = makeHeldModel();
    keepAlive.begin(held);
    held.callsInFlight = 1;
    keepAlive.begin(held);
    expect(clock.pending).toBe(0);
  });
});
