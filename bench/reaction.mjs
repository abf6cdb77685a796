/** How soon a guard hears that memory runs out, beside polls of the same figure; what that costs; what a swing makes it tell. Needs root, control groups and `npm run build`. */
import { parseArgs } from 'node:util';
import { lateness, MiB, react, THRESHOLDS } from './reaction/run.mjs';

const { values } = parseArgs({
  options: {
    limit: { type: 'string', default: '2560' },
    runs: { type: 'string', default: '7' },
    swing: { type: 'string', default: '60' },
    idle: { type: 'string', default: '20' },
    rates: { type: 'string', default: '60,600,fastest' },
  },
});
const limitBytes = Number(values.limit) * MiB;

const guard = (/** @type {string} */ name, options = {}) =>
  /** @type {const} */ ({ name, kind: 'guard', parameter: JSON.stringify(options) });
const poll = (/** @type {number} */ everyMs) =>
  /** @type {const} */ ({ name: `poll every ${everyMs / 1000} s`, kind: 'poll', parameter: String(everyMs) });
const WATCHERS = [guard('guard'), poll(500), poll(1000)];

await reactions();
await idling();
await swinging();

async function reactions() {
  for (const rate of values.rates.split(',')) {
    const perSecondBytes = rate === 'fastest' ? Number.MAX_SAFE_INTEGER : Number(rate) * MiB;
    /** @type {Map<string, { ms: number, bytes: number }[]>} */
    const found = new Map();
    let eatenPerSecond = 0;
    for (let run = 0; run < Number(values.runs); run++) {
      const { log, told } = await react({ watchers: WATCHERS, limitBytes, stopBytes: 64 * MiB, perSecondBytes });
      const [first, last] = [log[0], log.at(-1)];
      if (first && last) eatenPerSecond = (first[1] - last[1]) / ((last[0] - first[0]) / 1000);
      for (const [index, { name }] of WATCHERS.entries()) {
        for (const level of /** @type {const} */ (['warning', 'critical'])) {
          // A poll may see critical at once; then it was warned as well.
          const event = told[index]?.find((each) => each.level === level || each.level === 'critical');
          const late = lateness(log, THRESHOLDS[level], event?.atMs);
          const key = `${name}, ${level}`;
          if (late) found.set(key, [...(found.get(key) ?? []), late]);
        }
      }
    }
    console.log(
      `\nMemory eaten at ${rate === 'fastest' ? 'full speed' : `${rate} MiB/s`} (measured ${Math.round(eatenPerSecond / MiB)} MiB/s), ${values.runs} runs:`,
    );
    console.table(
      Object.fromEntries(
        [...found].map(([key, lates]) => [
          key,
          {
            'median ms': middle(lates.map(({ ms }) => ms)).toFixed(1),
            'worst ms': Math.max(...lates.map(({ ms }) => ms)).toFixed(1),
            'median MiB': middle(lates.map(({ bytes }) => bytes / MiB)).toFixed(1),
            'worst MiB': Math.max(...lates.map(({ bytes }) => bytes / MiB)).toFixed(1),
            heard: `${lates.length} of ${values.runs}`,
          },
        ]),
      ),
    );
  }
}

async function idling() {
  /** @type {Record<string, string>} */
  const rows = {};
  for (const [where, leftBytes] of /** @type {const} */ ([
    ['far from any threshold', limitBytes],
    ['20 MiB above the warning threshold', THRESHOLDS.warning + 20 * MiB],
    ['20 MiB above the critical threshold', THRESHOLDS.critical + 20 * MiB],
    ['critical', THRESHOLDS.critical - 100 * MiB],
  ])) {
    const { costRatios } = await react({
      watchers: [guard('guard')],
      limitBytes,
      stopBytes: leftBytes,
      perSecondBytes: Number.MAX_SAFE_INTEGER,
      lastsMs: Number(values.idle) * 1000,
    });
    rows[where] = `${((costRatios[0] ?? Number.NaN) * 100).toFixed(3)} %`;
  }
  console.log(`\nWhat watching costs, in shares of a core over ${values.idle} s:`);
  console.table(rows);
}

async function swinging() {
  const watchers = [
    guard('defaults (0.05, 1000 ms)'),
    guard('no hysteresis (0, 1000 ms)', { hysteresisRatio: 0 }),
    guard('no dwell time (0.05, 0 ms)', { dwellMs: 0 }),
    guard('neither', { hysteresisRatio: 0, dwellMs: 0 }),
  ];
  /** @type {Record<string, Record<string, number>>} */
  const rows = Object.fromEntries(watchers.map(({ name }) => [name, {}]));
  for (const ratio of [0.01, 0.08]) {
    const swing = { bytes: THRESHOLDS.warning * ratio, everyMs: 300 };
    const { told } = await react({
      watchers,
      limitBytes,
      // It stands at the threshold's upper turn first, and goes down and up by twice the swing.
      stopBytes: THRESHOLDS.warning + swing.bytes,
      perSecondBytes: Number.MAX_SAFE_INTEGER,
      swing,
      lastsMs: Number(values.swing) * 1000,
    });
    for (const [index, { name }] of watchers.entries()) {
      Object.assign(rows[name] ?? {}, { [`±${ratio * 100} %`]: told[index]?.length ?? Number.NaN });
    }
  }
  console.log(`\nEvents in ${values.swing} s of a value that swings around the warning threshold every 0.6 s:`);
  console.table(rows);
}

/** @param {number[]} numbers */
function middle(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
