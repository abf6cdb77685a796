/**
 * Many processes, many random loads, one limit: who is killed, who is refused for nothing, and how much is used.
 *   npm run bench:survival [-- --mode guarded --processes 1,2 --loads 250 --seconds 60 --seed 1 --json FILE --chart FILE]
 * --until-killed ends an unguarded row with its first kill. Needs root, control groups and `npm run compile`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { MiB } from 'nexa-memory-guard';
import { drawChart } from './draw-chart.mjs';
import { measureTruths } from './measure-truths.mjs';
import { runMode } from './run-mode.mjs';
import { LIMIT_BYTES, MODELS, MODES, writeModels } from './setting.mjs';

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '250' },
    processes: { type: 'string', default: '1,2,4,8' },
    seed: { type: 'string', default: '1' },
    mode: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '60' },
    'until-killed': { type: 'boolean', default: false },
    json: { type: 'string' },
    chart: { type: 'string' },
  },
});
const interrupted = new AbortController();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => interrupted.abort(new Error(`Ended by ${signal}.`)));
}
const folder = mkdtempSync(path.join(os.tmpdir(), 'nexa-survival-models-'));
process.env['XDG_CACHE_HOME'] = folder;

try {
  writeModels(folder);
  const truthOf = await measureTruths(folder, MODELS);
  console.log('What each model takes, measured alone (MiB):');
  const rows = MODELS.flatMap((model) => [true, false].map((mmap) => ({ model, mmap, ...truthOf({ model, mmap }) })));
  console.table(
    rows.map(({ model, mmap, mappedBytes, anonymousBytes }) => ({
      model,
      mmap,
      mapped: Math.round(mappedBytes / MiB),
      anonymous: Math.round(anonymousBytes / MiB),
    })),
  );
  const modes = MODES.filter((mode) => !values.mode || values.mode.includes(mode));
  const all = [];
  for (const mode of modes) {
    for (const processes of values.processes.split(',').map(Number)) {
      const result = await runMode({
        mode,
        processes,
        loads: Number(values.loads),
        seed: Number(values.seed),
        folder,
        truthOf,
        mostMs: Number(values.seconds) * 1000,
        untilKilled: values['until-killed'] && mode === 'unguarded',
        signal: interrupted.signal,
      });
      all.push(result);
      console.log(`${mode}, ${processes} processes: ${result.kills} killed, ${result.seconds.toFixed(0)} s`);
    }
  }
  console.log(`\nseed ${values.seed}, 1 GiB, ${values.loads} loads for each row, 24 MiB to stay free`);
  console.table(
    all.map((result) => ({
      mode: result.mode,
      processes: result.processes,
      loads: result.tried,
      killed: result.kills,
      admitted: result.admitted,
      'packer admits': result.packed,
      'refused, packer admits': result.wrong,
      'of the packer %': Number(((100 * (result.packed - result.wrong)) / Math.max(1, result.packed)).toFixed(1)),
      'used %': Math.round(100 * result.meanUsed),
      'peak %': Math.round(100 * result.peakUsed),
    })),
  );
  if (values.chart) writeFileSync(values.chart, drawChart(all.map(makeChartRun)));
  if (values.json) writeFileSync(values.json, JSON.stringify(all));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @param {Awaited<ReturnType<typeof runMode>>} result */
function makeChartRun({ mode, processes, kills, admitted, tried, seconds, series }) {
  const killed = kills === 1 ? '1 killed (x)' : `${kills} killed${kills > 0 ? ' (x)' : ''}`;
  const title = `Headroom, ${mode}, ${processes} processes: ${admitted} of ${tried} loads admitted, ${killed}`;
  return { title, seconds, limitBytes: LIMIT_BYTES, series };
}
