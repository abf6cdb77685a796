/**
 * Workers that call every function of the addon, with right and with wrong arguments, until they are terminated at a random moment:
 * node terminated-workers.mjs ADDON WORKERS SEED LIBRARY FOLDER. LIBRARY is the double of the SDK's library and FOLDER has a model for it. Prints
 * how many workers were terminated, and how many more descriptors are open then.
 */
import { openSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createRandom } from '../../../tools/random.mjs';
import { listFunctions, listValues, rightValues } from './addon-calls.mjs';

const [addonFile, workers, seed, librarySo, folder] = isMainThread ? process.argv.slice(2) : workerData;
/** A worker lives this long at most once it has begun to call. */
const MOST_MS = 12;
/** The last workers may also say that the process ends, after which the library does nothing any more. */
const LEAVING = 5;
/** Calls between two turns of the event loop, in which promises are settled. */
const CALLS = 60;

const require = createRequire(import.meta.url);
const random = createRandom(Number(seed));
const below = (/** @type {number} */ bound) => Math.floor(random() * bound);

async function call() {
  parentPort?.postMessage('here');
  const addon = require(addonFile);
  const functions = listFunctions(addon);
  const wrong = listValues().map(([, value]) => value);
  const file = '/proc/meminfo';
  const descriptor = openSync(path.join(folder, 'lock'), 'a+');
  /** @type {Parameters<typeof rightValues>[0]} */
  const given = {
    file,
    cache: path.join(folder, 'cache.bin'),
    descriptor,
    librarySo,
    model: path.join(folder, 'model.gguf'),
  };
  const right = rightValues(given);
  const mayLeave = workerData[5];
  /** Objects of each class. @type {Map<unknown, any>} */
  const made = new Map();
  const keep = (/** @type {any} */ answer) => {
    given.library = answer?.library ?? given.library;
    given.loaded = answer?.model ?? given.loaded;
  };
  /** @param {import('./addon-calls.mjs').AddonFunction} called */
  const callOne = ({ name, owner, member, isClass, takes }) => {
    const isRight = below(3) > 0;
    if (name === 'nexa.leave' && !mayLeave && isRight) return;
    // A further descriptor is the caller's to close, who may be gone by then.
    if (name === 'locks.raise' && isRight) return;
    const args = takes.map((kind) =>
      isRight || below(2) ? right[kind.replace('?', '')]?.() : wrong[below(wrong.length)],
    );
    if (isClass) {
      made.set(owner[member], new owner[member](...args));
      return;
    }
    const self = typeof owner === 'function' ? made.get(owner) : owner;
    if ((name === 'nexa.leave' && !mayLeave) || name === 'locks.raise') args[0] = 'wrong';
    self?.[member](...args)?.then?.(keep, () => {});
  };
  parentPort?.postMessage('calling');
  for (;;) {
    for (let count = 0; count < CALLS; count++) {
      try {
        callOne(/** @type {import('./addon-calls.mjs').AddonFunction} */ (functions[below(functions.length)]));
      } catch {
        // A wrong argument.
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function terminate() {
  // What is not called here is not called by a worker either: an export without a row ends this.
  listFunctions(require(addonFile));
  // A worker saves a cache under a name that is no path.
  process.chdir(folder);
  const countDescriptors = () => readdirSync('/proc/self/fd').length;
  let before = countDescriptors();
  for (let count = 1; count <= Number(workers); count++) {
    const mayLeave = count > Number(workers) - LEAVING;
    const data = [addonFile, workers, Number(seed) + count, librarySo, folder, mayLeave];
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    worker.on('error', (error) => {
      console.error(error);
      process.exit(1);
    });
    // Some are terminated while they load the addon.
    const until = below(8) === 0 ? 'here' : 'calling';
    await new Promise((resolve) => worker.on('message', (message) => message === until && resolve(undefined)));
    await wait(random() * MOST_MS);
    await worker.terminate();
    // What the process opens once is open by now.
    if (count === 20) before = countDescriptors();
  }
  console.log(`${workers} workers terminated, ${countDescriptors() - before} more descriptors`);
  process.exit(0);
}

await (isMainThread ? terminate() : call());
