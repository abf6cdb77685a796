/** Eats memory in the group at a rate, and notes what was left at which moment: the truth that watchers are compared with. */
import { openSync, readSync } from 'node:fs';

const MiB = 2 ** 20;
const { usageFile, limitBytes, reclaimableBytes, stopBytes, perSecondBytes, swing } = JSON.parse(process.argv[2] ?? '');
const usage = openSync(usageFile, 'r');
const buffer = Buffer.alloc(32);
const now = () => Number(process.hrtime.bigint()) / 1e6;
const left = () =>
  limitBytes - Number(buffer.toString('latin1', 0, readSync(usage, buffer, 0, 32, 0))) + reclaimableBytes;
const rest = (/** @type {number} */ ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
/** @type {Buffer[]} */
const held = [];
const eat = () => held.push(Buffer.allocUnsafeSlow(MiB).fill(1));

const startMs = now();
/** @type {[number, number][]} */
const log = [];
let eaten = 0;
while (left() > stopBytes) {
  eat();
  eaten += MiB;
  log.push([now(), left()]);
  const aheadMs = (eaten / perSecondBytes) * 1000 - (now() - startMs);
  if (aheadMs > 1) rest(aheadMs);
}
process.send?.({ log });

if (swing) {
  // Up and down around where it stopped, by whole MiB: a mapping that is given back is gone at once.
  const steps = Math.round(swing.bytes / MiB);
  let up = false;
  setInterval(() => {
    for (let step = 0; step < 2 * steps; step++) if (up) held.pop();
    if (up) globalThis.gc?.();
    else for (let step = 0; step < 2 * steps; step++) eat();
    up = !up;
  }, swing.everyMs);
} else setInterval(() => held, 2 ** 30);
process.on('disconnect', () => process.exit());
