/** Another program in the same group: takes memory step by step and returns it step by step. */
import { DISTURBER } from './setting.mjs';

/** @type {Buffer[]} */
const held = [];
let rising = true;

setInterval(() => {
  const { mostBytes, stepBytes } = DISTURBER;
  if (held.length * stepBytes >= mostBytes) rising = false;
  if (held.length === 0) rising = true;
  if (rising) held.push(Buffer.alloc(stepBytes, 1));
  else {
    held.pop();
    globalThis.gc?.();
  }
}, DISTURBER.everyMs);
process.on('disconnect', () => process.exit());
