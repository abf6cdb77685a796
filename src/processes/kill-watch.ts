/** Keeps the kernel's counters of out-of-memory kills while processes of models run, so that each kill is laid to one end. */
import type { ScopeName } from '../sensors/scope-rows.ts';
import { findKiller, type OomKills, readOomKills } from './oom-kills.ts';

/** Kills of other processes that are older than this are not laid to a model's end. */
const INTERVAL_MS = 1000;

/** One process that may be killed. */
export interface KillWatch {
  /** A further group that counts its kills: one of its own. */
  add(directory: string): void;
  /** The scope whose killer has ended a process since the last look, once for each kill. `undefined`: none has. */
  findKiller(): ScopeName | undefined;
  close(): void;
}

const watches = new Set<object>();
const groups = new Set<string>();
/** Two readings: what rose since the older one has happened just now. */
let [older, newer]: [OomKills | undefined, OomKills | undefined] = [undefined, undefined];
let timer: NodeJS.Timeout | undefined;

/** The counters are read every second while at least one watch is open. */
export function watchKills(): KillWatch {
  const own: string[] = [];
  const watch: KillWatch = {
    add(directory) {
      own.push(directory);
      groups.add(directory);
    },
    findKiller() {
      const now = readOomKills({ groups: [...groups] });
      const killer = older && findKiller(older, now);
      if (older && killer) older = creditOne(older, now);
      return killer;
    },
    close() {
      watches.delete(watch);
      for (const directory of own) groups.delete(directory);
      if (watches.size > 0) return;
      clearInterval(timer);
      [older, newer, timer] = [undefined, undefined, undefined];
    },
  };
  watches.add(watch);
  newer ??= readOomKills();
  older ??= newer;
  timer ??= setInterval(() => {
    [older, newer] = [newer, readOomKills({ groups: [...groups] })];
  }, INTERVAL_MS).unref();
  return watch;
}

/** The earlier counters with one kill more wherever there were any: a second process that was killed finds the rest. */
function creditOne(before: OomKills, now: OomKills): OomKills {
  const credited = now.groups.map((group) => {
    const former = before.groups.find(({ directory }) => directory === group.directory)?.kills ?? 0;
    const { kills = 0 } = group;
    return kills > former + 1 ? { ...group, kills: former + 1, limitHits: 0 } : group;
  });
  const hostKills = before.hostKills === undefined ? now.hostKills : before.hostKills + 1;
  return { ...now, groups: credited, hostKills };
}
