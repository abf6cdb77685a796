/** What a second mapped model does to the first if only one fits, with and without the guard. Needs root, a v1 memory controller and `npm run compile`. */
import { once } from 'node:events';
import { mkdtempSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatBytes } from 'nexa-memory-guard';
import { ControlGroup, whyNoControlGroups } from '../../tools/control-groups.mjs';
import { findMedian } from '../../tools/timing.mjs';
import { makeDiskGroup } from './disk.mjs';
import {
  ANSWER_TOKENS,
  ANSWERS,
  DISK_BYTES_PER_SECOND,
  FIRST,
  LIMIT_BYTES,
  RESERVES,
  ROWS,
  SECOND,
} from './setting.mjs';

/** @typedef {import('./program.mjs').Answer} Answer */
/** @typedef {import('./program.mjs').Rows} Rows */

/** Only v1 lets go of pages by force. */
const VERSION = /** @type {const} */ (1);
const TMPFS_MAGIC = 0x01021994;
const interrupted = new AbortController();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => interrupted.abort(new Error(`Ended by ${signal}.`)));
}

/**
 * Runs a script in a new group, and lets go of every page that the group was charged for.
 * @param {string} script @param {string[]} args @param {number} [limitBytes] @param {number} [diskBytesPerSecond]
 */
async function runInGroup(script, args, limitBytes, diskBytesPerSecond) {
  const options = { version: VERSION, limitBytes };
  return await ControlGroup.use(`nexa-memory-guard-mapped-${process.pid}`, options, async (group) => {
    try {
      if (diskBytesPerSecond === undefined) return await runScript(group, [], script, args);
      return await withDisk(diskBytesPerSecond, (disk) => runScript(group, [disk], script, args));
    } finally {
      // Else the pages stay in memory, charged to a group that is gone, and the next variant would find its files cached.
      group.writeFile('memory.force_empty', '0');
    }
  });
}

/** @template T @param {number} bytesPerSecond @param {(directory: string) => Promise<T>} action */
async function withDisk(bytesPerSecond, action) {
  const made = makeDiskGroup(folder, bytesPerSecond);
  if ('reason' in made) throw new Error(made.reason);
  try {
    return await action(made.directory);
  } finally {
    rmdirSync(made.directory);
  }
}

/** @param {ControlGroup} group @param {string[]} alsoIn @param {string} script @param {string[]} args @returns {Promise<unknown>} */
async function runScript(group, alsoIn, script, args) {
  interrupted.signal.throwIfAborted();
  const program = [process.execPath, ...process.execArgv, fileURLToPath(new URL(script, import.meta.url)), ...args];
  const child = group.spawn(program, { alsoIn, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const stop = () => child.kill('SIGKILL');
  interrupted.signal.addEventListener('abort', stop);
  /** @type {unknown} */
  let result;
  child.on('message', (message) => {
    result = message;
  });
  try {
    const [code, signal] = await once(child, 'close');
    interrupted.signal.throwIfAborted();
    if (code !== 0) throw new Error(`${script} ${args[0]} ended with ${signal ?? code}.`);
    return result;
  } finally {
    interrupted.signal.removeEventListener('abort', stop);
  }
}

/** Why it can't be measured here; `undefined` if it can. */
function whyNotHere() {
  const whyNot = whyNoControlGroups({ version: VERSION });
  if (whyNot === undefined && statfsSync(folder).type === TMPFS_MAGIC) {
    return `${folder} is on tmpfs, which reads nothing from a disk`;
  }
  return whyNot;
}

/** @param {Rows} rows */
function showTable(rows) {
  const medians = Object.entries(rows).map(([name, answers]) => {
    const median = (/** @type {keyof Answer} */ key) => findMedian(answers.map((answer) => answer[key]));
    return {
      name,
      'tokens/s': Number(median('tokensPerSecond').toFixed(2)),
      'major faults/token': Number(median('faultsPerToken').toFixed(1)),
      'MiB read/token': Number((median('bytesPerToken') / 2 ** 20).toFixed(1)),
    };
  });
  console.table(Object.fromEntries(medians.map(({ name, ...numbers }) => [name, numbers])));
  const speed = (/** @type {string} */ name) => medians.find((row) => row.name === name)?.['tokens/s'] ?? Number.NaN;
  const times = (/** @type {string} */ before, /** @type {string} */ after) =>
    `${(speed(before) / speed(after)).toFixed(2)} times`;
  const [alone, beside, atOnce, guardedAlone, guardedAfter] = ROWS;
  console.log(
    `A is slower ${times(alone, beside)} in turns with B, ${times(alone, atOnce)} at the same time; guarded ${times(guardedAlone, guardedAfter)}.`,
  );
}

/** Both variants, each from cold files. @param {number} [diskBytesPerSecond] */
async function measureBothVariants(diskBytesPerSecond) {
  /** @type {Rows} */
  const rows = {};
  for (const variant of ['unguarded', 'guarded']) {
    console.log(`${variant}:`);
    Object.assign(rows, await runInGroup('./program.mjs', [variant, folder], LIMIT_BYTES, diskBytesPerSecond));
  }
  showTable(rows);
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'nexa-memory-guard-mapped-'));
try {
  const reason = whyNotHere();
  if (reason !== undefined) console.log(`Not measured: ${reason}.`);
  else {
    const { minFreeBytes, minFreeRatioAfterLoad } = RESERVES;
    console.log(
      `\nTwo mapped models where one fits: Node ${process.version}, a v1 group of ${formatBytes(LIMIT_BYTES)}`,
    );
    console.log(
      `The guard keeps ${formatBytes(minFreeBytes)} and ${100 * minFreeRatioAfterLoad} % free; medians of ${ANSWERS} answers of ${ANSWER_TOKENS} tokens`,
    );
    for (const file of [FIRST, SECOND]) await runInGroup('./write.mjs', [path.join(folder, file)]);
    console.log("\nAt this disk's own speed");
    await measureBothVariants();
    const disk = makeDiskGroup(folder, DISK_BYTES_PER_SECOND);
    if ('reason' in disk) console.log(`Not measured with a slower disk: ${disk.reason}.`);
    else {
      rmdirSync(disk.directory);
      console.log(`\nWith the disk held to ${formatBytes(DISK_BYTES_PER_SECOND)}/s by the block controller`);
      await measureBothVariants(DISK_BYTES_PER_SECOND);
    }
  }
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
