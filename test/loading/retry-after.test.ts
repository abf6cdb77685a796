import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { findRetryAfterMs } from '../../src/loading/retry-after.ts';
import type { IdleEnd } from '../../src/models/keep-alive.ts';
import { judgeCandidates } from '../../src/policy/choose-candidate.ts';
import { catchRefusal } from '../support/catch-refusal.ts';
import { FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';

const need = (anonymousBytes: number, mappedBytes = 0): LoadNeed => ({ mappedBytes, anonymousBytes, basis: 'given' });
const end = (atMs: number, ...bytes: Parameters<typeof need>): IdleEnd => ({ atMs, need: need(...bytes) });

/** A load of 500 bytes, of which 300 are lacking where 1000 are and `available` stay available. */
function refused(availableBytes = 200, ratio = 0) {
  const view = { totalBytes: 1000, availableBytes, headroomBytes: 200, promisedAnonymousBytes: 0 };
  const candidates = judgeCandidates([{ need: need(500), minFreeBytes: 0 }], view, ratio);
  return { candidates, reason: 'busy' as const };
}

describe('when a refused load may be tried again', () => {
  it('is when as many idle models have ended as hold what is missing', () => {
    expect(findRetryAfterMs(refused(), [end(9000, 400), end(3000, 100), end(7000, 200)], 1000)).toBe(6000);
    expect(findRetryAfterMs(refused(), [end(3000, 300), end(7000, 200)], 1000)).toBe(2000);
  });

  it('is at once if that time is over', () => {
    expect(findRetryAfterMs(refused(), [end(500, 300)], 1000)).toBe(0);
  });

  it('is not known if those that end by themselves don’t hold as much', () => {
    expect(findRetryAfterMs(refused(), [end(3000, 100), end(7000, 199)], 0)).toBeUndefined();
    expect(findRetryAfterMs(refused(), [], 0)).toBeUndefined();
  });

  it('counts mapped bytes only for what can be taken, since the system has them available already', () => {
    const mapped = [end(3000, 0, 300), end(7000, 300)];
    expect(findRetryAfterMs(refused(900, 0.25), mapped, 0)).toBe(3000);
    expect(findRetryAfterMs(refused(600, 0.25), mapped, 0)).toBe(7000);
  });

  it('is not known of a load that never fits, or if another one waits before it', () => {
    expect(findRetryAfterMs({ ...refused(), reason: 'too-large' }, [end(1, 900)], 0)).toBeUndefined();
    expect(findRetryAfterMs({ ...refused(), waitingBytes: 5 }, [end(1, 900)], 0)).toBeUndefined();
  });
});

describe('a load that is refused beside an idle model', () => {
  const load = { memoryGuard: { footprint: 2 * GiB } };

  async function refuse(options: object, wait?: object) {
    const { nexa, clock } = guardedFake(new FakeMachine(4 * GiB, 4 * GiB), { minFreeRatioAfterLoad: 0, ...options });
    await nexa.loadModel('idle', load);
    clock.advance(4000);
    const again = () => nexa.loadModel('next', { memoryGuard: { ...load.memoryGuard, ...wait } });
    return { error: await catchRefusal(again()), clock, again };
  }

  it('is told when that one will have ended, and fits then', async () => {
    const { error, clock, again } = await refuse({ keepAliveMs: 10_000 });
    expect(error).toMatchObject({ reason: 'busy', retryAfterMs: 6000, plan: { reason: 'busy' } });
    clock.advance(error.retryAfterMs!);
    await settled();
    expect(await again()).toBeDefined();
  });

  it('is told nothing of the kind if it never ends by itself', async () => {
    const { error } = await refuse({});
    expect(error.reason).toBe('busy');
    expect(error).not.toHaveProperty('retryAfterMs');
  });

  it('is told that it is too large if it is', async () => {
    const { error } = await refuse({ keepAliveMs: 10_000 }, { footprint: 4 * GiB });
    expect(error.reason).toBe('too-large');
    expect(error).not.toHaveProperty('retryAfterMs');
  });
});
