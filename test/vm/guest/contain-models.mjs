/** As the program that owns models: contains one child and not another, lets both take memory, and prints what happened. Needs `lib/`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openContainment } from '../../../lib/processes/containment.js';
import { findKiller, readOomKills } from '../../../lib/processes/oom-kills.js';

const MiB = 2 ** 20;
const HOLDER = fileURLToPath(new URL('../../support/programs/hold-memory.mjs', import.meta.url));

/** @param {number} oomScore */
async function startHolder(oomScore) {
  const child = spawn(process.execPath, [HOLDER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  const ended = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
  const next = () => Promise.race([once(lines, 'line').then(([line]) => String(line)), ended]);
  if ((await next()) !== 'ready') throw new Error('The holder of memory did not start.');
  const pid = /** @type {number} */ (child.pid);
  writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScore));
  /** @param {number} mib */
  const take = (mib) => {
    const answer = next();
    child.stdin.write(`${mib}\n`);
    return answer;
  };
  return { child, pid, take, ended };
}

/** @param {{ limitMib: number, raisedMib: number, takeMib: number[] }} task */
async function containModel({ limitMib, raisedMib, takeMib }) {
  const opened = openContainment();
  if ('reason' in opened) return { reason: opened.reason };
  const model = await startHolder(1000);
  const neighbour = await startHolder(0);
  const before = readOomKills();
  const contained = await opened.containment.contain(model.pid, limitMib * MiB);
  const read = (/** @type {string} */ name) => readFileSync(`${contained.path}/${name}`, 'utf8').trim();
  const found = {
    kind: opened.containment.kind,
    path: contained.path,
    members: read('cgroup.procs') === String(model.pid),
    swapMax: existsSync(`${contained.path}/memory.swap.max`) ? read('memory.swap.max') : undefined,
    oomGroup: read('memory.oom.group'),
  };
  contained.limit(raisedMib * MiB);
  const took = [];
  for (const mib of takeMib) took.push(await model.take(mib));
  const killer = findKiller(before, readOomKills({ groups: [contained.path] }));
  const neighbourTook = await neighbour.take(32);
  const kills = contained.readKills();
  model.child.kill('SIGKILL');
  await model.ended;
  await contained.remove();
  neighbour.child.kill('SIGKILL');
  await neighbour.ended;
  return { ...found, took, killer, neighbourTook, kills, removed: !existsSync(contained.path) };
}

// Whoever started this moves it to its group first.
const [line] = await once(createInterface(process.stdin), 'line');
process.stdout.write(`${JSON.stringify(await containModel(JSON.parse(line)))}\n`);
process.exit();
