/** What one reading costs, per reader and beside what others offer, in a three-level control group. Needs `npm run compile`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { fileURLToPath } from 'node:url';
import systeminformation from 'systeminformation';
import { openReader } from '../../dist/sensors/open-reader.js';
import { timeAwaitedCalls, timeCalls } from '../../tools/timing.mjs';

const MiB = 2 ** 20;
const MEMORY = '/sys/fs/cgroup/memory';
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

/** Three nested groups with limits, as a pod has them; 0, or the reason why they can't be made. */
function inThreeLevels() {
  if (process.getuid?.() !== 0) return 'this user is not root';
  if (!existsSync(`${MEMORY}/release_agent`)) return `no v1 memory controller is mounted at ${MEMORY}`;
  const top = `${MEMORY}/nexa-memory-guard-bench-${process.pid}`;
  const groups = [top, `${top}/pod`, `${top}/pod/app`];
  try {
    for (const [level, group] of groups.entries()) {
      mkdirSync(group);
      writeFileSync(`${group}/memory.limit_in_bytes`, String((1024 - 256 * level) * MiB));
    }
    const script = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"';
    const program = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), 'inside'];
    return spawnSync('sh', ['-c', script, 'sh', groups[2] ?? top, ...program], { stdio: 'inherit' }).status;
  } finally {
    for (const group of groups.toReversed()) if (existsSync(group)) rmdirSync(group);
  }
}

if (process.argv[2] === 'inside') {
  await measure();
} else {
  const outcome = inThreeLevels();
  if (typeof outcome === 'string') {
    console.log(`No three-level group could be made (${outcome}); measured in the group this runs in:`);
    console.log(readFileSync('/proc/self/cgroup', 'utf8').trim());
    await measure();
  } else process.exitCode = outcome ?? 1;
}
