/** Counters that are moved by hand, as the kernel was seen to move them; then a real kill by a v1 limit. */
import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { containProcess } from '../../src/processes/contained-process.ts';
import { KillCounts, watchKills } from '../../src/processes/kill-watch.ts';
import type { OomKills } from '../../src/processes/oom-kills.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { startMemoryHolder } from '../support/memory-holder.ts';

/** Our group /p, and contained ones below it. */
class Counters {
  readonly clock = new ManualClock();
  readonly #values = new Map<string, { kills: number | undefined; limitHits: number }>([
    ['/p', { kills: 0, limitHits: 0 }],
  ]);
  hostKills = 0;
  readonly counts = new KillCounts((groups) => this.#read(groups), this.clock);

  move(directory: string, kills: number | undefined, limitHits = 0): void {
    const { kills: formerKills, limitHits: formerHits } = this.#values.get(directory) ?? { kills: 0, limitHits: 0 };
    const now = kills === undefined ? undefined : (formerKills ?? 0) + kills;
    this.#values.set(directory, { kills: now, limitHits: formerHits + limitHits });
    this.hostKills += kills ?? 0;
  }

  #read(groups: readonly string[]): OomKills {
    const one = (directory: string, contained: boolean) => ({
      kind: 'cgroup-v1' as const,
      path: directory,
      directory,
      contained,
      swapLimitReached: false,
      kills: 0 as number | undefined,
      limitHits: 0,
      ...this.#values.get(directory),
    });
    const ownCounted = this.#values.get('/p')?.kills !== undefined;
    return {
      groups: [one('/p', false), ...groups.map((each) => one(each, true))],
      ownCounted,
      hostKills: this.hostKills,
    };
  }
}

describe('a watch for kills', () => {
  it('tells the scope of a kill since it began, and of none before', () => {
    const counters = new Counters();
    counters.move('/p', 1, 1);
    const watch = counters.counts.watch();
    expect(watch.findKiller()).toBeUndefined();
    counters.move('/p', 1, 1);
    expect(watch.findKiller()).toMatchObject({ kind: 'cgroup-v1', path: '/p' });
    watch.close();
  });

  it('tells each kill once, also once the counters were read again', () => {
    const counters = new Counters();
    const [one, other] = [counters.counts.watch(), counters.counts.watch()];
    counters.move('/p', 1, 1);
    expect(one.findKiller()).toMatchObject({ path: '/p' });
    expect(other.findKiller()).toBeUndefined();
    counters.clock.advance(1000);
    expect(other.findKiller()).toBeUndefined();
    counters.clock.advance(1000);
    expect(other.findKiller()).toBeUndefined();
  });

  it('tells two kills to two, with the same scope', () => {
    const counters = new Counters();
    const [one, other, third] = [counters.counts.watch(), counters.counts.watch(), counters.counts.watch()];
    counters.move('/p', 2, 1);
    expect([one.findKiller(), other.findKiller()]).toMatchObject([{ path: '/p' }, { path: '/p' }]);
    expect(third.findKiller()).toBeUndefined();
  });

  it('does not name a limit that was hit long before for a second kill that the machine was short for', () => {
    const counters = new Counters();
    counters.move('/p', 0, 5);
    const [one, other] = [counters.counts.watch(), counters.counts.watch()];
    counters.move('/p', 2);
    expect([one.findKiller(), other.findKiller()]).toMatchObject([{ kind: 'host' }, { kind: 'host' }]);
  });

  it('lays no kill to an end that comes two readings later, but one that came just before a reading', () => {
    const counters = new Counters();
    const watch = counters.counts.watch();
    counters.move('/p', 1, 1);
    counters.clock.advance(1000);
    expect(watch.findKiller()).toMatchObject({ path: '/p' });
    counters.move('/p', 1, 1);
    counters.clock.advance(2000);
    expect(watch.findKiller()).toBeUndefined();
  });

  it('goes by its own group alone if it has one, and knows the limit above', () => {
    const counters = new Counters();
    const [one, other, free] = [counters.counts.watch(), counters.counts.watch(), counters.counts.watch()];
    one.add('/p/one');
    other.add('/p/other');
    counters.move('/p/one', 1, 1);
    expect(other.findKiller()).toBeUndefined();
    expect(free.findKiller()).toBeUndefined();
    expect(one.findKiller()).toMatchObject({ path: '/p/one' });
    expect(one.findKiller()).toBeUndefined();
    counters.move('/p', 1, 1);
    expect(other.findKiller()).toBeUndefined(); // a process beside it was killed
    expect(free.findKiller()).toMatchObject({ path: '/p' });
    counters.move('/p', 0, 1);
    counters.move('/p/other', 1);
    expect(other.findKiller()).toMatchObject({ path: '/p' });
  });

  it('tells each of two processes in groups of their own that were killed at once', () => {
    const counters = new Counters();
    const [one, other] = [counters.counts.watch(), counters.counts.watch()];
    one.add('/p/one');
    other.add('/p/other');
    counters.clock.advance(3000);
    counters.move('/p/one', 1, 1);
    counters.move('/p/other', 1, 1);
    expect(one.findKiller()).toMatchObject({ path: '/p/one' });
    expect(other.findKiller()).toMatchObject({ path: '/p/other' });
  });

  it('goes by the machine’s counter only if no group tells', () => {
    const counters = new Counters();
    counters.move('/p', undefined);
    const [watch, contained] = [counters.counts.watch(), counters.counts.watch()];
    contained.add('/p/one');
    expect(watch.findKiller()).toBeUndefined();
    counters.hostKills += 1;
    expect(contained.findKiller()).toBeUndefined(); // its own group tells
    expect(watch.findKiller()).toMatchObject({ kind: 'host' });
    expect(watch.findKiller()).toBeUndefined();
  });

  it('reads only while one is open, and tells nothing once all are closed', () => {
    const counters = new Counters();
    const [one, other] = [counters.counts.watch(), counters.counts.watch()];
    expect(counters.clock.pending).toBe(1);
    one.close();
    expect(counters.clock.pending).toBe(1);
    other.close();
    expect(counters.clock.pending).toBe(0);
    counters.move('/p', 1, 1);
    expect(other.findKiller()).toBeUndefined();
    expect(counters.counts.watch().findKiller()).toBeUndefined(); // begins anew
  });
});

describe.skipIf(whyNoControlGroups() !== undefined)('a real process', () => {
  it('that ran into the limit of its own group was killed by that, and one beside it that a user killed was not', async () => {
    const { directory } = createControlGroup();
    const [holder, beside] = [await startMemoryHolder(), await startMemoryHolder()];
    const watches = [watchKills(), watchKills()] as const;
    try {
      for (const [index, { pid }] of [holder, beside].entries()) {
        const contained = await containProcess({ kind: 'cgroup-v1', directory }, pid, 64 * MiB);
        watches[index]!.add(contained.path);
      }
      expect(await holder.take(200)).toBe('SIGKILL');
      await beside.kill();
      expect(watches[1].findKiller()).toBeUndefined();
      expect(watches[0].findKiller()).toMatchObject({
        kind: 'cgroup-v1',
        path: expect.stringContaining('nexa-memory-guard'),
      });
      expect(watches[0].findKiller()).toBeUndefined();
    } finally {
      for (const watch of watches) watch.close();
    }
  });
});
