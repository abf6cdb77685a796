/** One isolated row: programs with models in one limited group, what becomes of each request, and who is killed. It decides nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlGroup } from '../../tools/control-groups.mjs';
import { killChild } from '../../tools/kill-child.mjs';
import { dropPages, readAvailableBytes } from './group-memory.mjs';
import { GROUP_ENDING, LIMIT_BYTES, PROGRAMS } from './isolated-setting.mjs';
import { DISTURBER, RESERVES } from './setting.mjs';

/** @typedef {import('./isolated-setting.mjs').Keeper} Keeper */
/** @typedef {import('./isolated-program.mjs').Outcome} Outcome */
/** @typedef {{ ready?: true, asks?: true, loads?: true, outcome?: Outcome, killed?: 'wall' | 'group' | 'crash', failed?: string }} Told */
/** @typedef {{ keeper: Keeper, fault: string, loads: number, seed: number, folder: string, mostMs: number, signal?: AbortSignal }} Options */

const SAMPLE_EVERY_MS = 50;
/** The kernel ends a model's process before these, and these before anybody else in the group. */
const PROGRAM_OOM_SCORE = 900;

/** @param {Options} options */
export async function runIsolated(options) {
  dropPages(options.folder);
  const name = `nexa-memory-guard-isolated-${process.pid}${GROUP_ENDING}`;
  return await ControlGroup.use(name, { limitBytes: LIMIT_BYTES }, (group) => new IsolatedRun(group, options).run());
}

class IsolatedRun {
  #group;
  #options;
  #startMs = performance.now();
  #ledger = path.join(mkdtempSync(path.join(os.tmpdir(), 'nexa-survival-')), 'ledger');
  #disturber;
  #taken = 0;
  #rising = true;
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #programs = new Set();
  #spawned = 0;
  #done = false;
  /** @type {() => void} */
  #finish = () => {};
  #counts = { loads: 0, ended: 0, requests: 0, answered: 0, again: 0, refused: 0, lost: 0 };
  /** How models ended that nobody had disposed: at their wall, at the limit of all, or by a crash. */
  #killed = { wall: 0, group: 0, crash: 0 };
  /** @type {{ atMs: number, headroomBytes: number, kills: number, models: number }[]} */
  #series = [];

  /** @param {ControlGroup} group @param {Options} options */
  constructor(group, options) {
    this.#group = group;
    this.#options = options;
    this.#disturber = this.#spawn('./disturber.mjs', [], ['--expose-gc'], 0);
  }

  async run() {
    const { keeper, fault, seed, mostMs, signal } = this.#options;
    /** @type {Promise<void>} */
    const finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const timers = [
      setInterval(() => this.#moveDisturber(), DISTURBER.everyMs),
      setInterval(() => this.#sample(), SAMPLE_EVERY_MS),
    ];
    const timer = setTimeout(this.#finish, mostMs);
    signal?.addEventListener('abort', this.#finish, { once: true });
    try {
      for (let each = 0; each < PROGRAMS; each++) this.#startProgram();
      await finished;
    } finally {
      this.#done = true;
      clearTimeout(timer);
      for (const each of timers) clearInterval(each);
      await Promise.all([this.#disturber, ...this.#programs].map(killChild));
      rmSync(path.dirname(this.#ledger), { recursive: true, force: true });
    }
    signal?.throwIfAborted();
    const seconds = (performance.now() - this.#startMs) / 1000;
    const used = this.#series.map(({ headroomBytes }) => 1 - headroomBytes / LIMIT_BYTES);
    const meanUsed = used.reduce((sum, share) => sum + share, 0) / used.length;
    return { keeper, fault, seed, seconds, ...this.#counts, killed: this.#killed, meanUsed, series: this.#series };
  }

  /** @param {string} script @param {string[]} args @param {string[]} flags @param {number} oomScore */
  #spawn(script, args, flags, oomScore) {
    const file = fileURLToPath(new URL(script, import.meta.url));
    // The engine prints where it likes.
    const stdio = /** @type {const} */ (['ignore', 'ignore', 'ignore', 'ipc']);
    return this.#group.spawn([process.execPath, ...flags, file, ...args], { oomScore, stdio: [...stdio] });
  }

  /** Another program takes and returns memory, by less than the reserve at once. */
  #moveDisturber() {
    const { mostBytes, stepBytes } = DISTURBER;
    if (this.#taken * stepBytes >= mostBytes) this.#rising = false;
    if (this.#taken === 0) this.#rising = true;
    const leftBytes = readAvailableBytes(this.#group, LIMIT_BYTES);
    if (this.#rising && leftBytes - stepBytes < RESERVES.minFreeBytes) return;
    this.#taken += this.#rising ? 1 : -1;
    this.#disturber.send(this.#rising ? 'take' : 'return');
  }

  #sample() {
    const models = Object.values(this.#killed).reduce((sum, count) => sum + count, 0);
    const headroomBytes = readAvailableBytes(this.#group, LIMIT_BYTES);
    this.#series.push({ atMs: performance.now() - this.#startMs, headroomBytes, kills: this.#counts.ended, models });
  }

  #startProgram() {
    const { keeper, fault, folder, seed } = this.#options;
    const args = [keeper, fault, folder, String(seed + this.#spawned++ * 1000), this.#ledger];
    const program = this.#spawn('./isolated-program.mjs', args, [], PROGRAM_OOM_SCORE);
    this.#programs.add(program);
    let asking = false;
    program.on('message', (message) => {
      const told = /** @type {Told} */ (message);
      if (told.ready) program.send('go');
      if (told.asks) asking = true;
      if (told.outcome) asking = false;
      this.#hear(told);
    });
    program.on('exit', (code, signal) => {
      this.#programs.delete(program);
      if (this.#done) return;
      this.#counts.ended++;
      if (asking) this.#counts.lost++;
      if (code !== null) console.error(`a program ended by itself (${code}${signal ?? ''})`);
      this.#startProgram();
    });
  }

  /** @param {Told} told */
  #hear({ asks, loads, outcome, killed, failed }) {
    if (asks) this.#counts.requests++;
    if (killed) this.#killed[killed]++;
    if (failed) console.error(failed);
    if (outcome) this.#counts[outcome]++;
    if (loads && ++this.#counts.loads >= this.#options.loads) this.#finish();
  }
}
