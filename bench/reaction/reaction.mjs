/**
 * How soon a guard hears that memory runs out, beside polls of the same figure; what that costs; what a swing makes it tell.
 * In a control group of this machine (root, v1 or v2), or with --vm on control groups v2 in QEMU. Needs `npm run compile`.
 */
import { parseArgs } from 'node:util';
import { runInVm, whyNoVm } from '../../tools/vm/run-in-vm.mjs';
import { MiB } from './measure-reaction.mjs';
import { measureIdling, measureReactions, measureSwinging } from './measures.mjs';

const { values } = parseArgs({
  options: {
    vm: { type: 'boolean', default: false },
    limit: { type: 'string' },
    'min-free': { type: 'string' },
    runs: { type: 'string', default: '7' },
    idle: { type: 'string', default: '60' },
    swing: { type: 'string', default: '60' },
    rates: { type: 'string', default: '60,600,fastest' },
  },
});

/** @type {import('./measures.mjs').Setting} */
const setting = {
  limitBytes: Number(values.limit ?? (values.vm ? 1152 : 2560)) * MiB,
  // The guard's own default; a machine in software has no memory for that.
  minFreeBytes: Number(values['min-free'] ?? (values.vm ? 256 : 512)) * MiB,
  runs: Number(values.runs),
  idleSeconds: Number(values.idle),
  swingSeconds: Number(values.swing),
  rates: values.rates.split(',').map((rate) => (rate === 'fastest' ? rate : Number(rate))),
};
console.log(`Limit ${setting.limitBytes / MiB} MiB, ${setting.minFreeBytes / MiB} MiB to keep free.`);

if (values.vm) {
  const whyNot = whyNoVm();
  if (whyNot) throw new Error(whyNot);
  await runInVm({
    script: 'bench/reaction/guest.mjs',
    input: setting,
    memoryMiB: 1792,
    cpus: 2,
    include: ['bench/reaction', 'tools/timing.mjs'],
    onLine: print,
    timeoutMs: 30 * 60_000,
  });
} else {
  for await (const table of measureReactions(setting)) print(table);
  print(await measureIdling(setting));
  print(await measureSwinging(setting));
}

/** @param {import('./measures.mjs').Table} table */
function print({ title, rows }) {
  console.log(`\n${title}:`);
  console.table(rows);
}
