/** The three questions of the reaction bench, as rows of tables. It prints nothing. */
import { findMedian } from '../../tools/timing.mjs';
import { MiB, measureLateness, measureReaction } from './measure-reaction.mjs';

/**
 * @typedef {object} Setting
 * @property {number} limitBytes
 * @property {number} minFreeBytes `critical` begins here, `warning` at twice as much.
 * @property {number} runs
 * @property {number} idleSeconds
 * @property {number} swingSeconds
 * @property {readonly (number | 'fastest')[]} rates MiB/s.
 */

/** @typedef {{ title: string, rows: Record<string, Record<string, string | number>> }} Table */

const createGuardWatcher = (/** @type {string} */ name, /** @type {Setting} */ { minFreeBytes }, options = {}) =>
  /** @type {const} */ ({ name, kind: 'guard', parameter: JSON.stringify({ minFreeBytes, ...options }) });
const createPollWatcher = (/** @type {number} */ everyMs, /** @type {Setting} */ { minFreeBytes }) =>
  /** @type {const} */ ({
    name: `poll every ${everyMs / 1000} s`,
    kind: 'poll',
    parameter: JSON.stringify({ everyMs, options: { minFreeBytes } }),
  });
const NOTHING = /** @type {const} */ ({ name: 'nothing', kind: 'nothing', parameter: '{"options":{}}' });
const getThresholds = (/** @type {Setting} */ { minFreeBytes }) => ({
  warning: 2 * minFreeBytes,
  critical: minFreeBytes,
});

/** How late each level was heard of, at each rate. @param {Setting} setting @returns {AsyncGenerator<Table>} */
export async function* measureReactions(setting) {
  const watchers = [
    createGuardWatcher('guard', setting),
    createPollWatcher(500, setting),
    createPollWatcher(1000, setting),
  ];
  const thresholds = getThresholds(setting);
  for (const rate of setting.rates) {
    const perSecondBytes = rate === 'fastest' ? Number.MAX_SAFE_INTEGER : rate * MiB;
    /** @type {Map<string, { ms: number, bytes: number }[]>} */
    const found = new Map();
    /** @type {number[]} */
    const speeds = [];
    for (let run = 0; run < setting.runs; run++) {
      const stopBytes = setting.minFreeBytes / 8;
      const { log, told } = await measureReaction({
        watchers,
        limitBytes: setting.limitBytes,
        stopBytes,
        perSecondBytes,
      });
      const [first, last] = [log[0], log.at(-1)];
      if (first && last) speeds.push((first[1] - last[1]) / MiB / ((last[0] - first[0]) / 1000));
      for (const [index, { name }] of watchers.entries()) {
        for (const level of /** @type {const} */ (['warning', 'critical'])) {
          // A poll may see critical at once; then it was warned as well.
          const event = told[index]?.find((each) => each.level === level || each.level === 'critical');
          const late = measureLateness(log, thresholds[level], event?.atMs);
          const key = `${name}, ${level}`;
          found.set(key, [...(found.get(key) ?? []), ...(late ? [late] : [])]);
        }
      }
    }
    const title = `Memory eaten at ${rate === 'fastest' ? 'full speed' : `${rate} MiB/s`} (measured ${Math.round(findMedian(speeds))} MiB/s), ${setting.runs} runs`;
    yield {
      title,
      rows: Object.fromEntries([...found].map(([key, lates]) => [key, makeLateRow(lates, setting.runs)])),
    };
  }
}

/** @param {readonly { ms: number, bytes: number }[]} lates @param {number} runs */
function makeLateRow(lates, runs) {
  const ms = lates.map((late) => late.ms);
  const mib = lates.map(({ bytes }) => bytes / MiB);
  return {
    'median ms': round(findMedian(ms)),
    'worst ms': round(Math.max(...ms)),
    'median MiB': round(findMedian(mib)),
    'worst MiB': round(Math.max(...mib)),
    heard: `${lates.length} of ${runs}`,
  };
}

/** What watching costs while nothing moves, beside the same program with nothing to watch. @param {Setting} setting @returns {Promise<Table>} */
export async function measureIdling(setting) {
  const { limitBytes, idleSeconds } = setting;
  const { warning, critical } = getThresholds(setting);
  /** @type {Table['rows']} */
  const rows = {};
  for (const [where, stopBytes] of /** @type {const} */ ([
    ['far from any threshold', limitBytes],
    ['20 MiB above the warning threshold', warning + 20 * MiB],
    ['20 MiB above the critical threshold', critical + 20 * MiB],
    ['critical', critical / 2],
  ])) {
    const { costRatios } = await measureReaction({
      watchers: [createGuardWatcher('guard', setting), NOTHING],
      limitBytes,
      stopBytes,
      perSecondBytes: Number.MAX_SAFE_INTEGER,
      lastsMs: idleSeconds * 1000,
    });
    const [watching = Number.NaN, nothing = Number.NaN] = costRatios.map((ratio) => ratio * 100);
    const columns = {
      'with a model': watching,
      'without a model': nothing,
      'watching, % of a core': watching - nothing,
    };
    rows[where] = Object.fromEntries(
      Object.entries(columns).map(([name, percent]) => [name, Number(percent.toFixed(3))]),
    );
  }
  return { title: `What watching costs, over ${idleSeconds} s`, rows };
}

/** What a value makes it tell that swings around the warning threshold. @param {Setting} setting @returns {Promise<Table>} */
export async function measureSwinging(setting) {
  const watchers = [
    createGuardWatcher('defaults (0.05, 1000 ms)', setting),
    createGuardWatcher('no hysteresis (0, 1000 ms)', setting, { hysteresisRatio: 0 }),
    createGuardWatcher('no dwell time (0.05, 0 ms)', setting, { dwellMs: 0 }),
    createGuardWatcher('neither', setting, { hysteresisRatio: 0, dwellMs: 0 }),
  ];
  const { warning } = getThresholds(setting);
  /** @type {Table['rows']} */
  const rows = Object.fromEntries(watchers.map(({ name }) => [name, {}]));
  for (const ratio of [0.01, 0.08]) {
    const swing = { bytes: warning * ratio, everyMs: 300 };
    const { told } = await measureReaction({
      watchers,
      limitBytes: setting.limitBytes,
      // It stands at the upper turn first, and goes down and up by twice the swing.
      stopBytes: warning + swing.bytes,
      perSecondBytes: Number.MAX_SAFE_INTEGER,
      swing,
      lastsMs: setting.swingSeconds * 1000,
    });
    for (const [index, { name }] of watchers.entries()) {
      Object.assign(rows[name] ?? {}, { [`±${ratio * 100} %`]: told[index]?.length ?? Number.NaN });
    }
  }
  const title = `Events in ${setting.swingSeconds} s of a value that swings around the warning threshold every 0.6 s`;
  return { title, rows };
}

/** @param {number} number */
function round(number) {
  return Number(number.toFixed(1));
}
