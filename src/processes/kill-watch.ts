/** Keeps the kernel's counters of out-of-memory kills while processes of models run, so that each kill is laid to one end. */
import { type Clock, systemClock } from '../core/clock.ts';
import type { ScopeName } from '../sensors/scope-rows.ts';
import { findKiller, type OomKills, readOomKills } from './oom-kills.ts';

/** Kills of other processes that are older than two of these are not laid to a model's end. */
const INTERVAL_MS = 1000;

/** One process that may be killed. */
export interface KillWatch {
  /** The process is in a group of its own now, which counts its kills. */
  add(directory: string): void;
  /** The scope whose killer has ended a process since the last look, once for each kill. `undefined`: none has. */
  findKiller(): ScopeName | undefined;
  close(): void;
}

/** Reads the counters, those of further groups among them. */
export type ReadKills = (groups: readonly string[]) => OomKills;

type Groups = OomKills['groups'];

/** The counters as they are read for all processes that are watched. */
export class KillCounts {
  readonly #read: ReadKills;
  readonly #clock: Clock;
  /** The groups of each process's own. */
  readonly #watches = new Set<Set<string>>();
  /** Two readings: what rose since the older one has happened just now. */
  #older: OomKills | undefined;
  #newer: OomKills | undefined;
  #cancel: (() => void) | undefined;

  constructor(read: ReadKills, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** The counters are read every second while at least one watch is open. */
  watch(): KillWatch {
    const own = new Set<string>();
    this.#watches.add(own);
    if (this.#older === undefined) {
      this.#older = this.#newer = this.#readAll();
      this.#wait();
    }
    return {
      add: (directory) => void own.add(directory),
      findKiller: () => this.#findKiller(own),
      close: () => this.#close(own),
    };
  }

  #wait(): void {
    this.#cancel = this.#clock.schedule(() => {
      this.#older = this.#newer;
      this.#newer = this.#readAll();
      this.#wait();
    }, INTERVAL_MS);
  }

  #findKiller(own: ReadonlySet<string>): ScopeName | undefined {
    if (this.#older === undefined) return undefined;
    const now = this.#readAll();
    const [before, after] = [lookFrom(own, this.#older), lookFrom(own, now)];
    const killer = findKiller(before, after);
    if (killer === undefined) return undefined;
    this.#older = creditOne(this.#older, now, after.groups);
    this.#newer = this.#newer && creditOne(this.#newer, now, after.groups);
    return killer;
  }

  #close(own: Set<string>): void {
    this.#watches.delete(own);
    if (this.#watches.size > 0) return;
    this.#cancel?.();
    [this.#older, this.#newer] = [undefined, undefined];
  }

  #readAll(): OomKills {
    return this.#read([...this.#watches].flatMap((own) => [...own]));
  }
}

const counts = new KillCounts((groups) => readOomKills({ groups }), systemClock);

/** Begins to watch one process of this program's. */
export function watchKills(): KillWatch {
  return counts.watch();
}

/** The counters that a kill of one process moves: those of its own group, or else all but those of other processes' own. */
function lookFrom(own: ReadonlySet<string>, kills: OomKills): OomKills {
  const others = kills.groups.filter(({ contained }) => !contained);
  if (own.size === 0) return { ...kills, groups: others };
  const itsOwn = kills.groups.filter(({ directory }) => own.has(directory));
  // Limits above may be what had run out. Kills that are counted there are those of other processes.
  const above = others.map((group) => ({ ...group, kills: undefined }));
  return { ...kills, groups: [...above, ...itsOwn], ownCounted: itsOwn.some((group) => group.kills !== undefined) };
}

/** An earlier reading with one kill more where there were any: a second process that was killed finds the rest. */
function creditOne(before: OomKills, now: OomKills, seen: Groups): OomKills {
  const credited = new Map(before.groups.map((group) => [group.directory, group]));
  for (const group of seen) {
    const former = credited.get(group.directory) ?? { ...group, kills: 0, limitHits: 0 };
    if (group.kills === undefined || former.kills === undefined || former.kills >= group.kills) continue;
    credited.set(group.directory, { ...former, kills: former.kills + 1 });
  }
  const { hostKills } = before;
  const known = hostKills !== undefined && now.hostKills !== undefined;
  return {
    ...before,
    groups: [...credited.values()],
    hostKills: known ? Math.min(hostKills + 1, now.hostKills) : hostKills,
  };
}
