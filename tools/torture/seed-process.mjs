/** The process in which a seed runs: started, in a control group of its own for real memory, watched, and cleaned up after however it ends. */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlGroup, whyNoControlGroups } from '../control-groups.mjs';

/** @typedef {import('./run-seed.mjs').SeedTask} SeedTask */
/** @typedef {import('./run-seed.mjs').WorldReport} WorldReport */
/** @typedef {{ code: number | null, signal: string | null, world: number, tail: string[] }} Crash */

const MiB = 2 ** 20;
const WANTED = /** @type {const} */ ({ version: 1, atRoot: true });
/** A world takes a second or two; a child that tells nothing for so long hangs. */
const SILENCE_MS = 120_000;
/** What a process takes that has opened all engines. */
const ENGINE_BYTES = 256 * MiB;
const NEED_THE_ADDON = ['peers', 'directory', 'disk'];
const PRINTED = 'printed.txt';
const CHILD = fileURLToPath(new URL('run-seed.mjs', import.meta.url));

/** Why a seed can't run on this engine here; `undefined` if it can. @param {SeedTask['engine']} engine */
export function whyNotHere(engine) {
  return engine === 'memory' ? whyNoControlGroups(WANTED) : undefined;
}

/**
 * Resolves with what is left of a process that did not end by itself.
 * @param {Omit<SeedTask, 'groups'>} task @param {(report: WorldReport) => void} told @returns {Promise<Crash | undefined>}
 */
export async function runSeedProcess(task, told) {
  const inGroup = task.engine === 'memory' || (task.engine === 'llama' && whyNoControlGroups(WANTED) === undefined);
  if (!inGroup) return watch(startPlain({ ...task, groups: [] }), task, told);
  const roomBytes = task.engine === 'memory' ? 0 : ENGINE_BYTES;
  const name = `nexa-memory-guard-torture-${process.pid}`;
  return ControlGroup.use(name, { ...WANTED, limitBytes: 384 * MiB + roomBytes }, async (outer) => {
    const groups = [
      outer.createChild('first', 256 * MiB + roomBytes),
      outer.createChild('second', 224 * MiB + roomBytes),
    ];
    const [first] = /** @type {[ControlGroup]} */ (groups);
    const places = groups.map(({ version, path, directory }) => ({ version, path, directory }));
    // Of four seeds one runs without the addon, on the readers of node:fs; then other processes are not seen.
    const plain = task.seed % 4 === 3;
    const faults = task.faults.filter((fault) => !plain || !NEED_THE_ADDON.includes(fault));
    const env = { ...process.env, XDG_CACHE_HOME: task.folder, NEXA_MEMORY_GUARD_ADDON: plain ? 'off' : '' };
    const command = [process.execPath, '--expose-gc', CHILD, JSON.stringify({ ...task, faults, groups: places })];
    const child = withOutputs(task, (stdio) => first.spawn(command, { stdio, env }));
    try {
      return await watch(child, task, told);
    } finally {
      unmountBelow(task.folder);
    }
  });
}

/** @param {SeedTask} task */
function startPlain(task) {
  const env = { ...process.env, XDG_CACHE_HOME: task.folder };
  return withOutputs(task, (stdio) => fork(CHILD, [JSON.stringify(task)], { execArgv: ['--expose-gc'], env, stdio }));
}

/** Engines print much: what a child prints goes into a file, and is shown if it ends with an error. @template T @param {{ folder: string }} task @param {(stdio: import('node:child_process').StdioOptions) => T} start */
function withOutputs({ folder }, start) {
  const file = openSync(path.join(folder, PRINTED), 'w');
  try {
    return start(['ignore', file, file, 'ipc']);
  } finally {
    closeSync(file);
  }
}

/** @param {import('node:child_process').ChildProcess} child @param {Omit<SeedTask, 'groups'>} task @param {(report: WorldReport) => void} told */
async function watch(child, task, told) {
  const kill = () => child.kill('SIGKILL');
  let silent = setTimeout(kill, SILENCE_MS);
  child.on('message', (/** @type {WorldReport} */ report) => {
    clearTimeout(silent);
    silent = setTimeout(kill, SILENCE_MS);
    told(report);
  });
  process.once('exit', kill);
  const [code, signal] = await once(child, 'exit');
  process.off('exit', kill);
  clearTimeout(silent);
  if (code === 0) return undefined;
  const [head = '', ...lines] = readFileSync(task.logFile, 'utf8').trimEnd().split('\n');
  const printed = signal === null ? readFileSync(path.join(task.folder, PRINTED), 'utf8').trimEnd().split('\n') : [];
  return { code, signal, world: Number(head.replace('world ', '')) || 0, tail: [...lines, ...printed.slice(-15)] };
}

/** A world that crashed leaves its disk mounted. @param {string} folder */
function unmountBelow(folder) {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, point = ''] = line.split(' ');
    if (point.startsWith(folder)) spawnSync('umount', ['-l', point]);
  }
}
