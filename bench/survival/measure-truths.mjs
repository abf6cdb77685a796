/** What each model of this bench really takes: loads each alone, without a limit, in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** @typedef {import('./packer.mjs').Holder} Holder */
/** @typedef {import('./packer.mjs').Truth} Truth */

const ALONE = fileURLToPath(new URL('./alone.mjs', import.meta.url));

/** Gives a function that looks a truth up. @param {string} folder @param {readonly string[]} models */
export async function measureTruths(folder, models) {
  /** @type {Map<string, Truth>} */
  const truths = new Map();
  for (const model of models) {
    for (const mmap of [true, false]) {
      const [truth] = await once(fork(ALONE, [folder, model, String(mmap)]), 'message');
      truths.set(`${model} ${mmap}`, truth);
    }
  }
  return (/** @type {Holder} */ { model, mmap }) => /** @type {Truth} */ (truths.get(`${model} ${mmap}`));
}
