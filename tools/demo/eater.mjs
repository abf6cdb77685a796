/** Another program that takes memory: takes as many MiB as each line on its standard input says, and answers with the sum. */
import readline from 'node:readline';

/** @type {Buffer[]} */
const held = [];
let takenMiB = 0;

for await (const line of readline.createInterface({ input: process.stdin })) {
  for (let i = 0; i < Number(line); i++) held.push(Buffer.alloc(2 ** 20, 1));
  takenMiB += Number(line);
  console.log(takenMiB);
}
