/** Another program in the same group: takes a step of memory, or returns one, when its parent says so. */
import { DISTURBER } from './setting.mjs';

/** @type {Buffer[]} */
const held = [];

process.on('message', (word) => {
  if (word === 'take') held.push(Buffer.alloc(DISTURBER.stepBytes, 1));
  else {
    held.pop();
    globalThis.gc?.();
  }
});
process.on('disconnect', () => process.exit());
