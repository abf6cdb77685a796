/** Prints `ready`, then for each line on stdin takes so many MiB more, keeps them, and prints `held`. */
import { createInterface } from 'node:readline';

/** @type {Buffer[]} */
const held = [];
createInterface(process.stdin).on('line', (line) => {
  // Block by block, so that it grows as a load does.
  for (let mib = 0; mib < Number(line); mib++) held.push(Buffer.alloc(2 ** 20, 1));
  process.stdout.write('held\n');
});
process.stdout.write('ready\n');
