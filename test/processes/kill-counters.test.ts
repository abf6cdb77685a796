/** Files as Linux 6.18 (v1) and 6.1 (v2) write them, with numbers that differ from line to line. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readHostKills, readKillCounters } from '../../src/processes/kill-counters.ts';

const EVENTS = 'low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n';

function makeFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('the counters of a group', () => {
  it('of v2 are its own events, or all of its events if the kernel tells no others', () => {
    const both = makeFolder({ 'memory.events.local': EVENTS, 'memory.events': EVENTS.replace(/\d/g, '9') });
    expect(readKillCounters('cgroup-v2', both)).toEqual({ kills: 5, limitHits: 4, swapLimitReached: false });
    expect(readKillCounters('cgroup-v2', makeFolder({ 'memory.events': EVENTS }))).toEqual({
      kills: 5,
      limitHits: 4,
      swapLimitReached: false,
    });
  });

  it('of v1 are its kills, and how often either limit was reached', () => {
    const control = { 'memory.oom_control': 'oom_kill_disable 7\nunder_oom 8\noom_kill 5\n', 'memory.failcnt': '3\n' };
    expect(readKillCounters('cgroup-v1', makeFolder(control))).toEqual({
      kills: 5,
      limitHits: 3,
      swapLimitReached: false,
    });
    const swap = { ...control, 'memory.memsw.failcnt': '40\n' };
    expect(readKillCounters('cgroup-v1', makeFolder(swap))).toMatchObject({ kills: 5, limitHits: 43 });
  });

  it('of v1 say whether the limit of memory and swap together was reached', () => {
    const isReached = (limit: string, peak: string) =>
      readKillCounters(
        'cgroup-v1',
        makeFolder({ 'memory.memsw.limit_in_bytes': limit, 'memory.memsw.max_usage_in_bytes': peak }),
      ).swapLimitReached;
    expect(isReached('67108864\n', '67108864\n')).toBe(true);
    expect(isReached('67108864\n', '67104768\n')).toBe(false);
    expect(isReached('9223372036854771712\n', '67104768\n')).toBe(false);
  });

  it('are absent if the kernel doesn’t tell them, and not 0', () => {
    const absent = { kills: undefined, limitHits: undefined, swapLimitReached: false };
    for (const kind of ['cgroup-v1', 'cgroup-v2'] as const) {
      expect(readKillCounters(kind, '/nowhere')).toEqual(absent);
      const old = makeFolder({ 'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\n', 'memory.events': 'low 0\n' });
      expect(readKillCounters(kind, old)).toEqual(absent);
      const bad = makeFolder({
        'memory.oom_control': 'oom_kill x\n',
        'memory.failcnt': 'x',
        'memory.events': 'oom -1\n',
      });
      expect(readKillCounters(kind, bad)).toEqual(absent);
    }
  });
});

it('the machine’s counter is that of /proc/vmstat', () => {
  const root = makeFolder({});
  expect(readHostKills(root)).toBeUndefined();
  mkdirSync(join(root, 'proc'));
  writeFileSync(join(root, 'proc/vmstat'), 'drop_slab 1\noom_kill 12\nnuma_hit 3\n');
  expect(readHostKills(root)).toBe(12);
  if (process.platform === 'linux') expect(readHostKills('')).toBeGreaterThanOrEqual(0);
});
