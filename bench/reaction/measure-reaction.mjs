/** Watchers beside an eater in one limited group: how late each of them hears, what idling costs it, what it hears of a swing. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ControlGroup } from '../../tools/control-groups.mjs';
import { killChild } from '../../tools/kill-child.mjs';

export const MiB = 2 ** 20;

const SETTLING_MS = 5000;

/** @typedef {{ name: string, kind: 'guard' | 'poll' | 'nothing', parameter: string }} Watcher */
/** @typedef {{ level?: string, atMs?: number, ready?: boolean, cpuRatio?: number, availableBytes?: number, reclaimableBytes?: number, limitBytes?: number, log?: [number, number][] }} Told */

/** Starts a program of this folder inside the group. @param {ControlGroup} group @param {string} script @param {string[]} args */
function startProgram(group, script, args) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = group.spawn([process.execPath, '--expose-gc', file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // A freed MiB goes back to the system at once, however many were freed before.
    env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '65536' },
  });
  /** @type {Told[]} */
  const told = [];
  child.on('message', (message) => told.push(/** @type {Told} */ (message)));
  return { child, told, said: (/** @type {keyof Told} */ key) => waitForMessage(child, told, key) };
}

/** @typedef {ReturnType<typeof startProgram>} Started */

/** @param {import('node:child_process').ChildProcess} child @param {Told[]} told @param {keyof Told} key */
async function waitForMessage(child, told, key) {
  for (;;) {
    const found = told.find((message) => message[key] !== undefined);
    if (found) return found;
    if (child.exitCode !== null) throw new Error(`a program of the bench ended by itself (${child.exitCode})`);
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
  }
}

/** @param {readonly Started[]} started */
export async function end(started) {
  await Promise.all(started.map(({ child }) => killChild(child)));
}

/**
 * One run: memory is eaten at this rate until little is left.
 * @param {{ watchers: readonly Watcher[], limitBytes: number, stopBytes: number, perSecondBytes: number, swing?: { bytes: number, everyMs: number }, lastsMs?: number }} run
 */
export async function measureReaction({ watchers, limitBytes, stopBytes, perSecondBytes, swing, lastsMs = 1500 }) {
  return ControlGroup.use(`nexa-memory-guard-reaction-${process.pid}`, { limitBytes }, async (group) => {
    /** @type {Started[]} */
    const started = [];
    try {
      for (const { kind, parameter } of watchers) started.push(startProgram(group, './watcher.mjs', [kind, parameter]));
      const ready = await Promise.all(started.map((each) => each.said('ready')));
      // Polls are not to look all at the same moment after they have started.
      await sleep(300 + Math.random() * 1000);
      const reclaimableBytes = ready[0]?.reclaimableBytes ?? 0;
      const settings = { usageFile: group.usageFile, limitBytes, reclaimableBytes, stopBytes, perSecondBytes, swing };
      const eater = startProgram(group, './eater.mjs', [JSON.stringify(settings)]);
      started.push(eater);
      const { log = [] } = await eater.said('log');
      // A process that has just started goes on compiling and collecting for a while.
      if (lastsMs > SETTLING_MS) await sleep(SETTLING_MS);
      await readCosts(started.slice(0, watchers.length));
      await sleep(lastsMs);
      return {
        log,
        told: watchers.map((_, index) => (started[index]?.told ?? []).filter(({ level }) => level !== undefined)),
        costRatios: await readCosts(started.slice(0, watchers.length)),
      };
    } finally {
      await end(started);
    }
  });
}

/** What share of a core each has taken since it was ready. @param {readonly Started[]} started */
async function readCosts(started) {
  return Promise.all(
    started.map(async ({ child, told, said }) => {
      told.splice(0, told.length, ...told.filter(({ cpuRatio }) => cpuRatio === undefined));
      child.send('cost');
      return (await said('cpuRatio')).cpuRatio ?? Number.NaN;
    }),
  );
}

/**
 * How late a threshold's event came: time since memory had fallen below it, and what had been eaten since.
 * @param {readonly [number, number][]} log @param {number} thresholdBytes @param {number | undefined} atMs
 */
export function measureLateness(log, thresholdBytes, atMs) {
  const crossed = log.find(([, left]) => left < thresholdBytes);
  if (!crossed || atMs === undefined) return undefined;
  const [crossedAtMs, crossedLeft] = crossed;
  const before = log.findLast(([at]) => at <= atMs) ?? crossed;
  return { ms: Math.max(0, atMs - crossedAtMs), bytes: Math.max(0, crossedLeft - before[1]) };
}
