/** What one reading costs, per reader and beside what others offer, in a three-level control group. Needs `npm run compile`. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { fileURLToPath } from 'node:url';
import systeminformation from 'systeminformation';
import { openReader } from '../../dist/sensors/open-reader.js';
import { ControlGroup, whyNoControlGroups } from '../../tools/control-groups.mjs';
import { timeAwaitedCalls, timeCalls } from '../../tools/timing.mjs';

const MiB = 2 ** 20;
/** Three nested groups with limits, as a pod has them. */
const PLACE = /** @type {const} */ ({ version: 1, atRoot: true });
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

/** The exit code of this program in the innermost of three groups. */
async function measureInside() {
  const options = { ...PLACE, limitBytes: 1024 * MiB };
  return await ControlGroup.use(`nexa-memory-guard-bench-${process.pid}`, options, async (top) => {
    const innermost = top.createChild('pod', 768 * MiB).createChild('app', 512 * MiB);
    const program = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), 'inside'];
    const [code] = await once(innermost.spawn(program, { stdio: 'inherit' }), 'exit');
    return code ?? 1;
  });
}

const whyNot = whyNoControlGroups(PLACE);
if (process.argv[2] === 'inside') {
  await measure();
} else if (whyNot === undefined) {
  process.exitCode = await measureInside();
} else {
  console.log(`No three-level group could be made (${whyNot}); measured in the group this runs in:`);
  console.log(readFileSync('/proc/self/cgroup', 'utf8').trim());
  await measure();
}
