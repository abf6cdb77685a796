/** What one reading costs, per reader and beside what others offer, in a three-level control group. Needs `npm run compile`. */
import { freemem } from 'node:os';
import systeminformation from 'systeminformation';
import { openReader } from '../../lib/sensors/open-reader.js';
import { timeAwaitedCalls, timeCalls } from '../../tools/timing.mjs';
import { measureInThreeLevels } from './three-levels.mjs';

const MiB = 2 ** 20;
const ITERATIONS = 20_000;

async function measure() {
  const time = (/** @type {() => unknown} */ action) => timeCalls(action, ITERATIONS);
  const native = openReader({ prefer: 'native' });
  const procfs = openReader({ prefer: 'procfs' });
  if (native.source !== 'native') console.log('The addon is not built: its rows are the JavaScript reader.');
  const { scopes, availableBytes, limitedBy } = procfs.snapshot();
  console.log(`Scopes: ${scopes.map((scope) => scope.path).join(' > ')}`);
  console.log(`Available: ${(availableBytes / MiB).toFixed(1)} MiB, by ${limitedBy.path}; Node ${process.version}`);
  /** @type {Record<string, ReturnType<typeof timeCalls>>} */
  const rows = {
    'nothing (the clock)': time(() => undefined),
    'native measure()': time(() => native.measure()),
    'native snapshot()': time(() => native.snapshot()),
    'procfs measure()': time(() => procfs.measure()),
    'procfs snapshot()': time(() => procfs.snapshot()),
    'os.freemem()': time(() => freemem()),
  };
  const { availableMemory } = /** @type {{ availableMemory?: () => number }} */ (process);
  if (availableMemory) rows['process.availableMemory()'] = time(() => availableMemory());
  rows['systeminformation mem()'] = await timeAwaitedCalls(() => systeminformation.mem(), 2000);
  console.table(rows);
}

await measureInThreeLevels(import.meta.url, measure);
