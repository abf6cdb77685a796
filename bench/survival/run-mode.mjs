/** One mode of the survival run: its processes in one limited group, their decisions one after the other, and what the perfect packer says to each. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlGroup } from '../../tools/control-groups.mjs';
import { killChild } from '../../tools/kill-child.mjs';
import { dropPages, readAnonymousBytes, readAvailableBytes, readKernelBytes } from './group-memory.mjs';
import { packerAdmits, sumMappedBytes } from './packer.mjs';
import { DISTURBER, SITUATIONS } from './setting.mjs';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */
/** @typedef {import('./packer.mjs').Holder} Holder */
/** @typedef {import('./packer.mjs').Truth} Truth */
/** @typedef {import('./setting.mjs').Mode} Mode */
/** @typedef {{ pid: number, asks?: Holder, id?: number, decided?: 'admitted' | 'refused', gone?: number, ready?: number, loaded?: number, failed?: string }} Told */
/** @typedef {{ child: ChildProcess, holds: Map<number, Holder>, asking?: { id: number, holder: Holder, packed: boolean } | undefined, baseBytes: number, beforeLoadBytes?: number, loadingSinceStep?: number | undefined }} Worker */
/** @typedef {{ mode: Mode, situation: string, processes: number, loads: number, seed: number, folder: string, mostMs: number, untilKilled?: boolean, signal?: AbortSignal, truthOf: (holder: Holder) => Truth }} Options */

const SAMPLE_EVERY_MS = 50;
/** The kernel kills these before anybody else in the group. */
const WORKER_OOM_SCORE = 900;

/** @param {Options} options */
export async function runMode(options) {
  dropPages(options.folder);
  const name = `nexa-memory-guard-survival-${process.pid}`;
  const { limitBytes } = findSituation(options);
  return await ControlGroup.use(name, { limitBytes }, (group) => new ModeRun(group, options).run());
}

/** @param {Options} options */
function findSituation({ situation }) {
  return /** @type {import('./setting.mjs').Situation} */ (SITUATIONS[situation]);
}

class ModeRun {
  #group;
  #options;
  #situation;
  /** Models that some process of this run has loaded and used. @type {Set<string>} */
  #seen = new Set();
  #ledger = path.join(mkdtempSync(path.join(os.tmpdir(), 'nexa-survival-')), 'ledger');
  #startMs = performance.now();
  #disturber;
  /** What the disturber holds, in steps, and how many it has taken in all. */
  #taken = 0;
  #steps = 0;
  #rising = true;
  /** @type {Set<Worker>} */
  #workers = new Set();
  /** Those that wait to decide. @type {Worker[]} */
  #line = [];
  /** @type {Worker | undefined} */
  #deciding;
  #spawned = 0;
  #done = false;
  /** @type {() => void} */
  #finish = () => {};
  #result = { tried: 0, admitted: 0, packed: 0, wrong: 0, kills: 0, killsAtFirstSight: 0, failed: 0 };
  /** @type {{ atMs: number, headroomBytes: number, kills: number }[]} */
  #series = [];

  /** @param {ControlGroup} group @param {Options} options */
  constructor(group, options) {
    this.#group = group;
    this.#options = options;
    this.#situation = findSituation(options);
    this.#disturber = this.#spawn('./disturber.mjs', [], { flags: ['--expose-gc'], oomScore: 0 });
  }

  async run() {
    const { mode, situation, processes, loads, seed, mostMs, signal } = this.#options;
    const { limitBytes } = this.#situation;
    /** @type {Promise<void>} */
    const finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const timers = [
      setInterval(() => this.#situation.disturbed && this.#moveDisturber(), DISTURBER.everyMs),
      setInterval(() => this.#sample(), SAMPLE_EVERY_MS),
    ];
    const timer = setTimeout(this.#finish, mostMs);
    signal?.addEventListener('abort', this.#finish, { once: true });
    try {
      for (let each = 0; each < processes; each++) this.#startWorker();
      await finished;
    } finally {
      this.#done = true;
      clearTimeout(timer);
      for (const each of timers) clearInterval(each);
      await Promise.all([this.#disturber, ...[...this.#workers].map(({ child }) => child)].map(killChild));
      rmSync(path.dirname(this.#ledger), { recursive: true, force: true });
    }
    signal?.throwIfAborted();
    const seconds = (performance.now() - this.#startMs) / 1000;
    const used = this.#series.map((sample) => 1 - sample.headroomBytes / limitBytes);
    const meanUsed = used.reduce((sum, share) => sum + share, 0) / used.length;
    const summary = { seconds, meanUsed, peakUsed: Math.max(...used), series: this.#series };
    return { mode, situation, limitBytes, processes, loads, seed, ...this.#result, ...summary };
  }

  /** @param {string} script @param {string[]} args @param {{ flags?: string[], oomScore: number }} options */
  #spawn(script, args, { flags = [], oomScore }) {
    const file = fileURLToPath(new URL(script, import.meta.url));
    const stdio = /** @type {const} */ (['ignore', 'inherit', 'inherit', 'ipc']);
    return this.#group.spawn([process.execPath, ...flags, file, ...args], { oomScore, stdio: [...stdio] });
  }

  /** It takes no more than the reserve while a load runs that was decided on before: nobody can react in it. */
  #moveDisturber() {
    const { mostBytes, stepBytes } = DISTURBER;
    if (this.#taken * stepBytes >= mostBytes) this.#rising = false;
    if (this.#taken === 0) this.#rising = true;
    const oldest = Math.min(...[...this.#workers].map(({ loadingSinceStep = this.#steps }) => loadingSinceStep));
    if (this.#rising && (this.#steps - oldest + 1) * stepBytes >= this.#situation.reserveBytes) return;
    this.#steps += this.#rising ? 1 : 0;
    this.#taken += this.#rising ? 1 : -1;
    this.#disturber.send(this.#rising ? 'take' : 'return');
  }

  #sample() {
    const mappedBytes = sumMappedBytes(this.#listHolders(), this.#options.truthOf);
    const headroomBytes = readAvailableBytes(this.#group, this.#situation.limitBytes) - mappedBytes;
    this.#series.push({ atMs: performance.now() - this.#startMs, headroomBytes, kills: this.#result.kills });
  }

  #listHolders() {
    return [...this.#workers].flatMap(({ holds }) => [...holds.values()]);
  }

  #startWorker() {
    const { mode, situation, folder, seed } = this.#options;
    const args = [mode, situation, folder, String(seed + this.#spawned++ * 1000), this.#ledger];
    const child = this.#spawn('./worker.mjs', args, { oomScore: WORKER_OOM_SCORE });
    /** @type {Worker} */
    const worker = { child, holds: new Map(), baseBytes: 0 };
    this.#workers.add(worker);
    child.on('message', (told) => this.#hear(worker, /** @type {Told} */ (told)));
    child.on('exit', (code, signal) => this.#bury(worker, code, signal));
  }

  /** @param {Worker} worker @param {Told} told */
  #hear(worker, told) {
    if (told.ready !== undefined) {
      worker.baseBytes = told.ready;
      worker.child.send('go');
    }
    if (told.asks) {
      worker.asking = { id: told.id ?? 0, holder: told.asks, packed: false };
      this.#line.push(worker);
      if (!this.#deciding) this.#letNextDecide();
    }
    if (told.decided) this.#count(worker, told.decided);
    if (told.failed) {
      this.#result.failed++;
      console.error(told.failed);
    }
    if (told.loaded !== undefined) this.#noteLoaded(worker, told.loaded);
    if (told.gone !== undefined) worker.holds.delete(told.gone);
  }

  /** @param {Worker} worker @param {number} id */
  #noteLoaded(worker, id) {
    worker.loadingSinceStep = undefined;
    const holder = worker.holds.get(id);
    if (holder) this.#seen.add(nameHolder(holder));
  }

  #letNextDecide() {
    this.#deciding = this.#line.shift();
    if (!this.#deciding?.asking) return;
    const { truthOf } = this.#options;
    const kernelBytes = readKernelBytes(this.#group);
    const baseBytes = [...this.#workers].reduce((sum, worker) => sum + readBaseBytes(worker, truthOf), kernelBytes);
    const disturberBytes = readAnonymousBytes(this.#disturber.pid) ?? 0;
    const { limitBytes, reserveBytes } = this.#situation;
    const room = { limitBytes, minFreeBytes: reserveBytes, baseBytes, disturberBytes };
    this.#deciding.asking.packed = packerAdmits(room, this.#listHolders(), this.#deciding.asking.holder, truthOf);
    this.#deciding.child.send('decide');
  }

  /** @param {Worker} worker @param {'admitted' | 'refused'} decided */
  #count(worker, decided) {
    if (!worker.asking) return;
    const { id, holder, packed } = worker.asking;
    worker.asking = undefined;
    this.#result.tried++;
    this.#result.packed += Number(packed);
    if (decided === 'admitted') {
      this.#result.admitted++;
      worker.loadingSinceStep = this.#steps;
      worker.holds.set(id, holder);
    } else if (packed) this.#result.wrong++;
    if (this.#result.tried >= this.#options.loads) this.#finish();
    if (this.#deciding === worker) this.#letNextDecide();
  }

  /** A kill while any model is loaded for the first time is counted apart: nobody knew what it takes. @param {Worker} dead */
  #countKill(dead) {
    const holders = [...this.#listHolders(), ...dead.holds.values()];
    const unseen = !this.#situation.learns && holders.some((holder) => !this.#seen.has(nameHolder(holder)));
    if (unseen) this.#result.killsAtFirstSight++;
    else this.#result.kills++;
  }

  /** @param {Worker} worker @param {number | null} code @param {NodeJS.Signals | null} signal */
  #bury(worker, code, signal) {
    this.#workers.delete(worker);
    if (this.#done) return;
    if (signal === 'SIGKILL') this.#countKill(worker);
    else console.error(`a worker ended by itself (${code ?? signal})`);
    if (worker.asking) this.#result.tried++; // it died of this load
    const at = this.#line.indexOf(worker);
    if (at !== -1) this.#line.splice(at, 1);
    if (this.#deciding === worker) this.#letNextDecide();
    const { loads, untilKilled = false } = this.#options;
    if (this.#result.tried >= loads || (untilKilled && this.#result.kills > 0)) this.#finish();
    else this.#startWorker();
  }
}

/** @param {Holder} holder */
function nameHolder({ model, mmap }) {
  return `${model} ${mmap}`;
}

/**
 * What a process holds beside its models: as far as they don't explain it. While a model is loaded that can't be seen; then it is at least what it
 * was before.
 *
 * @param {Worker} worker @param {(holder: Holder) => Truth} truthOf
 */
function readBaseBytes(worker, truthOf) {
  const { child, holds, loadingSinceStep } = worker;
  const modelBytes = [...holds.values()].reduce((sum, holder) => sum + truthOf(holder).anonymousBytes, 0);
  const unexplainedBytes = (readAnonymousBytes(child.pid) ?? 0) - modelBytes;
  if (loadingSinceStep === undefined) worker.beforeLoadBytes = unexplainedBytes;
  return Math.max(worker.baseBytes, worker.beforeLoadBytes ?? 0, unexplainedBytes);
}
