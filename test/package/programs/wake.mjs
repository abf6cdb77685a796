/**
 * Whether the addon's thread wakes this runtime: a watch over a tree of kernel files in which memory falls, and no timer that reads.
 * `wake.mjs READER TREE GROUP`: the compiled module, the tree and its group. Told as one line of JSON.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [reader = '', root = '', group = ''] = process.argv.slice(2);
const { openReader } = await import(pathToFileURL(reader).href);
const memory = openReader({ root, prefer: 'native' });
const descriptors = () => readdirSync('/proc/self/fd').length;

/** @param {() => boolean} seen */
async function until(seen) {
  for (let step = 0; step < 1000 && !seen(); step++) await new Promise((resolve) => setTimeout(resolve, 10));
  return seen();
}

let wakes = 0;
const watch = memory.openWatch(() => {
  wakes += 1;
});
const left = memory.snapshot().scopes.map((/** @type {{ availableBytes: number }} */ scope) => scope.availableBytes);
const begun = watch.watch(left, Math.min(...left) - 8 * 2 ** 20);
// In place and of the same length, as the kernel's files change.
const before = readFileSync(group, 'utf8');
const descriptor = openSync(group, 'r+');
writeSync(descriptor, String(Number(before) + 20 * 2 ** 20).padStart(before.trimEnd().length));
closeSync(descriptor);
const woken = await until(() => wakes > 0);
watch.close();
const opened = () => {
  const other = memory.openWatch(() => {});
  memory.snapshot();
  other.watch(left, 0);
  return other;
};
opened().close();
await new Promise((resolve) => setTimeout(resolve, 50));
const kept = descriptors();
for (let time = 0; time < 20; time++) opened().close();
const closed = await until(() => descriptors() <= kept);
console.log(JSON.stringify({ begun, woken, closed }));
// Nothing of a watch that stays open keeps the program alive.
opened();
