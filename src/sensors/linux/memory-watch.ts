/** Watches memory while the event loop is blocked: on the addon's own thread, or by the kernel's notifications. It judges nothing. */
import { type FSWatcher, watch as watchFile } from 'node:fs';
import type { Addon, NativeMemoryWatch, NativeNotice } from '../../addon/addon.ts';
import type { MemoryWatch } from '../../core/memory-reader.ts';
import { toNativePlan } from './native-engine.ts';
import type { ReadPlan } from './read-plan.ts';

/** The plan that was read last, and its numbers. */
export interface LastReading {
  readonly plan: ReadPlan;
  readonly rows: Float64Array;
}

/** Opens a watch, or returns `undefined` if there is neither the addon's thread nor a kernel that notifies. */
export function openMemoryWatch(
  getLast: () => LastReading | undefined,
  woken: () => void,
  addon: Addon | undefined,
): MemoryWatch | undefined {
  if (addon?.MemoryWatch) return new ThreadWatch(addon.MemoryWatch, getLast, woken);
  return process.platform === 'linux' ? new EventsWatch(getLast, woken) : undefined;
}

/** Kinds of notices, as native/memory_watch.h counts them. */
const THRESHOLD = 0;
const EVENTS = 1;
const PRESSURE = 2;

/** Groups of either version have notifications of their own, the machine has its pressure. */
function listNotices(plan: ReadPlan): readonly NativeNotice[] {
  const meminfo = plan.files[0]?.path ?? '';
  const notices: NativeNotice[] = [[PRESSURE, meminfo.replace(/meminfo$/, 'pressure/memory'), 0]];
  for (const [row, { kind, directory }] of plan.scopes.entries()) {
    if (kind === 'cgroup-v1') notices.push([THRESHOLD, directory!, row]);
    if (kind === 'cgroup-v2') {
      notices.push([EVENTS, `${directory}/memory.events`, row], [PRESSURE, `${directory}/memory.pressure`, row]);
    }
  }
  return notices;
}

class ThreadWatch implements MemoryWatch {
  readonly #NativeWatch: NonNullable<Addon['MemoryWatch']>;
  readonly #getLast: () => LastReading | undefined;
  readonly #woken: () => void;
  #open: { readonly plan: ReadPlan; readonly native: NativeMemoryWatch } | undefined;
  #failed = false;

  constructor(
    NativeWatch: NonNullable<Addon['MemoryWatch']>,
    getLast: () => LastReading | undefined,
    woken: () => void,
  ) {
    this.#NativeWatch = NativeWatch;
    this.#getLast = getLast;
    this.#woken = woken;
  }

  watch(leftBytes: readonly number[], belowBytes: number): boolean {
    const last = this.#getLast();
    if (this.#failed || !last) return false;
    try {
      if (this.#open?.plan !== last.plan) this.#reopen(last.plan);
      this.#open?.native.watch(last.rows, Float64Array.from(leftBytes), belowBytes);
      return true;
    } catch {
      // There are no more threads or descriptors: the timers go on as they would without this watch.
      this.#failed = true;
      this.close();
      return false;
    }
  }

  least(): ReturnType<MemoryWatch['least']> {
    return this.#open?.native.take();
  }

  close(): void {
    this.#open?.native.close();
    this.#open = undefined;
  }

  #reopen(plan: ReadPlan): void {
    this.close();
    const notices = listNotices(plan);
    this.#open = { plan, native: new this.#NativeWatch(...toNativePlan(plan, plan.initial), notices, this.#woken) };
  }
}

/** memory.events changes if a group reclaims, is throttled or kills; a second look within this time would see the same. */
const QUIET_MS = 100;

/** Without the addon: v2 groups tell of reclaim through a file that can be watched. */
class EventsWatch implements MemoryWatch {
  readonly #getLast: () => LastReading | undefined;
  readonly #woken: () => void;
  #plan: ReadPlan | undefined;
  #watchers: FSWatcher[] = [];
  #quietUntilMs = 0;

  constructor(getLast: () => LastReading | undefined, woken: () => void) {
    this.#getLast = getLast;
    this.#woken = woken;
  }

  watch(): boolean {
    const plan = this.#getLast()?.plan;
    if (this.#plan === plan) return false;
    this.close();
    this.#plan = plan;
    for (const [kind, path] of plan ? listNotices(plan) : []) if (kind === EVENTS) this.#watchFile(path);
    return false;
  }

  least(): undefined {}

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    this.#plan = undefined;
  }

  #watchFile(path: string): void {
    try {
      // An error, too, is a reason to look.
      const look = () => this.#wakeUnlessQuiet();
      this.#watchers.push(watchFile(path, { persistent: false }, look).on('error', look));
    } catch {
      // The root of a hierarchy has no such file.
    }
  }

  #wakeUnlessQuiet(): void {
    const nowMs = performance.now();
    if (nowMs < this.#quietUntilMs) return;
    this.#quietUntilMs = nowMs + QUIET_MS;
    this.#woken();
  }
}
