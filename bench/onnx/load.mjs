/** One load for the bench beside it, after a small one that brings the engine: `node load.mjs FOLDER ID DTYPE TASK` prints what it took in bytes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../../lib/core/clock.js';
import { giveBack } from '../../lib/machine/release-memory.js';

const [folder, id, dtype, task] = process.argv.slice(2);
const require = createRequire(new URL('../../test/engines/package.json', import.meta.url));
/** @type {any} its types are not installed with the project */
const { pipeline, env } = await import(pathToFileURL(require.resolve('@huggingface/transformers')).href);
Object.assign(env, { localModelPath: folder, allowRemoteModels: false });

const warm = await pipeline('feature-extraction', 'warm/encoder');
await warm('the model');
await warm.dispose();
await giveBack(systemClock);
await sleep(100);
// From here on the kernel notes the peak anew.
writeFileSync('/proc/self/clear_refs', '5');
const before = read();
const pipe = await pipeline(task, id, { dtype });
const loaded = read();
// The module reads the file once more by now.
await sleep(1500);
await pipe('the model fits memory', { max_new_tokens: 4 });
const after = read();
console.log(
  JSON.stringify({
    loadedBytes: loaded.anonymousBytes - before.anonymousBytes,
    peakBytes: loaded.peakBytes - before.residentBytes,
    afterBytes: after.anonymousBytes - before.anonymousBytes,
  }),
);

function read() {
  const kib = (/** @type {string} */ file, /** @type {string} */ key) =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1]) * 1024;
  return {
    anonymousBytes: kib('/proc/self/smaps_rollup', 'Anonymous'),
    residentBytes: kib('/proc/self/status', 'VmRSS'),
    peakBytes: kib('/proc/self/status', 'VmHWM'),
  };
}
