/** One mode of the survival run: its processes in one limited group, their decisions one after the other, and what the perfect packer says to each. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeGroup, removeGroup, usedBytes } from '../../tools/limit-group.mjs';
import { mappedBytesOf, packerAdmits } from './packer.mjs';
import { DISTURBER, LIMIT_BYTES, RESERVES } from './setting.mjs';

/** @typedef {import('./packer.mjs').Holder} Holder */
/** @typedef {import('./packer.mjs').Truth} Truth */
/** @typedef {import('./setting.mjs').Mode} Mode */
/** @typedef {{ pid: number, asks?: Holder, id?: number, decided?: 'admitted' | 'refused', gone?: number, ready?: number, loaded?: number, failed?: string }} Told */
/** @typedef {{ child: import('node:child_process').ChildProcess, holds: Map<number, Holder>, asking?: { id: number, holder: Holder, packed: boolean } | undefined, baseBytes: number, loadingSinceStep?: number | undefined }} Worker */
/** @typedef {{ mode: Mode, processes: number, loads: number, seed: number, folder: string, mostMs: number, untilKilled?: boolean, signal?: AbortSignal, truthOf: (holder: Holder) => Truth }} Options */

/** A group with the limit, gone afterwards. @template T @param {number} limitBytes @param {(group: import('../../tools/limit-group.mjs').LimitGroup) => Promise<T>} action */
export async function inGroup(limitBytes, action) {
  const made = makeGroup();
  if ('reason' in made) throw new Error(made.reason);
  try {
    writeFileSync(made.group.limitFile, String(limitBytes));
    return await action(made.group);
  } finally {
    await removeGroup(made.group);
  }
}

/** @param {string} directory @param {number} oomScore @param {string} script @param {string[]} args @param {string[]} flags */
export function spawnIn(directory, oomScore, script, args, flags = []) {
  const enter = 'echo $$ > "$1/cgroup.procs" && echo "$2" > /proc/self/oom_score_adj && shift 2 && exec "$@"';
  const file = fileURLToPath(new URL(script, import.meta.url));
  return spawn('sh', ['-c', enter, 'sh', directory, String(oomScore), process.execPath, ...flags, file, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

/** @param {Options} options */
export async function runMode({ mode, processes, loads, seed, folder, mostMs, untilKilled = false, signal, truthOf }) {
  dropPages(folder);
  const ledger = path.join(mkdtempSync(path.join(os.tmpdir(), 'nexa-survival-')), 'ledger');
  const result = { mode, processes, tried: 0, admitted: 0, packed: 0, wrong: 0, kills: 0, failed: 0, seconds: 0 };
  /** @type {{ atMs: number, headroomBytes: number, kills: number }[]} */
  const series = [];
  const startMs = performance.now();
  await inGroup(LIMIT_BYTES, async (group) => {
    /** @type {Set<Worker>} */
    const workers = new Set();
    /** @type {Worker[]} */
    const line = [];
    /** @type {Worker | undefined} */
    let deciding;
    let [spawned, done] = [0, false];
    /** @type {(value?: unknown) => void} */
    let finish = () => {};
    const finished = new Promise((resolve) => {
      finish = resolve;
    });
    const disturber = spawnIn(group.directory, 0, './disturber.mjs', [], ['--expose-gc']);
    let [steps, taken, rising] = [0, 0, true];
    const steppingEveryMs = setInterval(() => {
      const { mostBytes, stepBytes } = DISTURBER;
      if (taken * stepBytes >= mostBytes) rising = false;
      if (taken === 0) rising = true;
      const oldest = Math.min(...[...workers].map(({ loadingSinceStep = steps }) => loadingSinceStep));
      if (rising && (steps - oldest + 1) * stepBytes >= RESERVES.minFreeBytes) return;
      steps += rising ? 1 : 0;
      taken += rising ? 1 : -1;
      disturber.send(rising ? 'take' : 'return');
    }, DISTURBER.everyMs);
    const sampler = setInterval(() => {
      const holders = [...workers].flatMap(({ holds }) => [...holds.values()]);
      const headroomBytes = availableBytes(group) - mappedBytesOf(holders, truthOf);
      series.push({ atMs: performance.now() - startMs, headroomBytes, kills: result.kills });
    }, 50);

    function next() {
      deciding = line.shift();
      if (!deciding?.asking) return;
      const holders = [...workers].flatMap(({ holds }) => [...holds.values()]);
      const baseBytes = [...workers].reduce((sum, worker) => sum + baseOf(worker, truthOf), kernelBytes(group));
      const disturberBytes = anonymousOf(disturber.pid) ?? 0;
      const room = { limitBytes: LIMIT_BYTES, minFreeBytes: RESERVES.minFreeBytes, baseBytes, disturberBytes };
      deciding.asking.packed = packerAdmits(room, holders, deciding.asking.holder, truthOf);
      deciding.child.send('decide');
    }

    /** @param {Worker} worker @param {Told} told */
    function hear(worker, told) {
      if (told.ready !== undefined) {
        worker.baseBytes = told.ready;
        worker.child.send('go');
      }
      if (told.asks) {
        worker.asking = { id: told.id ?? 0, holder: told.asks, packed: false };
        line.push(worker);
        if (!deciding) next();
      }
      if (told.decided && worker.asking) {
        const { id, holder, packed } = worker.asking;
        worker.asking = undefined;
        result.tried++;
        result.packed += Number(packed);
        if (told.decided === 'admitted') {
          result.admitted++;
          worker.loadingSinceStep = steps;
          worker.holds.set(id, holder);
        } else if (packed) result.wrong++;
        if (result.tried >= loads) finish();
        if (deciding === worker) next();
      }
      if (told.failed) {
        result.failed++;
        console.error(told.failed);
      }
      if (told.loaded !== undefined) worker.loadingSinceStep = undefined;
      if (told.gone !== undefined) worker.holds.delete(told.gone);
    }

    function start() {
      const args = [mode, folder, String(seed + spawned++ * 1000), ledger];
      const child = spawnIn(group.directory, 900, './worker.mjs', args);
      /** @type {Worker} */
      const worker = { child, holds: new Map(), baseBytes: 0 };
      workers.add(worker);
      child.on('message', (told) => hear(worker, /** @type {Told} */ (told)));
      child.on('exit', (_code, signal) => {
        workers.delete(worker);
        if (done) return;
        if (signal === 'SIGKILL') result.kills++;
        else console.error(`a worker ended by itself (${_code ?? signal})`);
        if (worker.asking) result.tried++; // it died of this load
        const at = line.indexOf(worker);
        if (at !== -1) line.splice(at, 1);
        if (deciding === worker) next();
        if (result.tried >= loads || (untilKilled && result.kills > 0)) finish();
        else start();
      });
    }

    try {
      for (let each = 0; each < processes; each++) start();
      const timer = setTimeout(finish, mostMs);
      signal?.addEventListener('abort', finish, { once: true });
      await finished;
      clearTimeout(timer);
    } finally {
      done = true;
      clearInterval(steppingEveryMs);
      clearInterval(sampler);
      const children = [disturber, ...[...workers].map(({ child }) => child)];
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const gone = once(child, 'exit');
          child.kill('SIGKILL');
          await gone;
        }),
      );
      rmSync(path.dirname(ledger), { recursive: true, force: true });
    }
  });
  signal?.throwIfAborted();
  result.seconds = (performance.now() - startMs) / 1000;
  const used = series.map((sample) => 1 - sample.headroomBytes / LIMIT_BYTES);
  const meanUsed = used.reduce((sum, share) => sum + share, 0) / used.length;
  return { ...result, meanUsed, peakUsed: Math.max(...used), series };
}

/** Pages of a file are charged to the group that reads them first; those that were read before would be charged to nobody here. @param {string} folder */
function dropPages(folder) {
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.gguf'))) {
    spawnSync('dd', [`if=${path.join(folder, name)}`, 'iflag=nocache', 'count=0', 'status=none'], { stdio: 'inherit' });
  }
}

/** What a process holds beside its models: at least as much as when it began, now as far as its models don't explain it. @param {Worker} worker @param {(holder: Holder) => Truth} truthOf */
function baseOf({ child, holds, baseBytes }, truthOf) {
  const modelBytes = [...holds.values()].reduce((sum, holder) => sum + truthOf(holder).anonymousBytes, 0);
  return Math.max(baseBytes, (anonymousOf(child.pid) ?? 0) - modelBytes);
}

/** What could still be taken: the limit less usage, page cache taken back. @param {import('../../tools/limit-group.mjs').LimitGroup} group */
function availableBytes(group) {
  const stat = readFileSync(`${group.directory}/memory.stat`, 'utf8');
  const cached = [...stat.matchAll(/^(?:total_)?(?:in)?active_file (\d+)$/gm)].map(([, bytes]) => Number(bytes));
  // v1 has each twice, the group alone and with all below it; it has none below.
  const reclaimableBytes = stat.includes('total_active_file') ? sum(cached) / 2 : sum(cached);
  return LIMIT_BYTES - usedBytes(group) + reclaimableBytes;
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}

/** Page tables and the like, which v1 counts as usage. @param {import('../../tools/limit-group.mjs').LimitGroup} group */
function kernelBytes({ directory }) {
  const file = `${directory}/memory.kmem.usage_in_bytes`;
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

/** @param {number | undefined} pid */
function anonymousOf(pid) {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  } catch {
    return undefined; // it has just ended
  }
}

/** What each model takes, loaded alone without a limit: its file, and by how much anonymous memory grew. @param {string} folder @param {readonly string[]} models */
export async function measureTruths(folder, models) {
  /** @type {Map<string, Truth>} */
  const truths = new Map();
  for (const model of models) {
    for (const mmap of [true, false]) {
      const child = spawn(
        process.execPath,
        [fileURLToPath(new URL('./alone.mjs', import.meta.url)), folder, model, String(mmap)],
        {
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        },
      );
      const [truth] = await once(child, 'message');
      truths.set(`${model} ${mmap}`, truth);
    }
  }
  return (/** @type {Holder} */ { model, mmap }) => /** @type {Truth} */ (truths.get(`${model} ${mmap}`));
}
