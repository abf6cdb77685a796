/**
 * Many processes, many random loads, one limit: who is killed, who is refused for nothing, and how much is used.
 *   npm run bench:survival [-- --mode guarded --situation 'small reserve' --processes 1,2 --loads 250 --seconds 60 --seed 1 --json FILE --chart FILE]
 *   npm run bench:survival -- --isolated [--short --situation 'crashes in one of ten' --mode isolated --loads 500 --seconds 120 --seed 1 --json FILE --chart FILE]
 * The second runs the rows of models in processes of their own, which takes up to 12 minutes, with --short 2. --until-killed ends an unguarded row with its
 * first kill. Needs root, control groups and `npm run compile`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { MiB } from 'nexa-memory-guard';
import { drawChart } from './draw-chart.mjs';
import { runIsolatedRows } from './isolated-rows.mjs';
import { measureTruths } from './measure-truths.mjs';
import { runMode } from './run-mode.mjs';
import { findBuffersTruth, MODELS, MODES, PROCESSES, SITUATIONS, TRUTHS_FILE, writeModels } from './setting.mjs';

const { values } = parseArgs({
  options: {
    isolated: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    loads: { type: 'string' },
    processes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    mode: { type: 'string', multiple: true },
    situation: { type: 'string', multiple: true },
    seconds: { type: 'string' },
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
  if (values.isolated)
    await runIsolatedRows({ ...values, seed: Number(values.seed), folder, signal: interrupted.signal });
  else await runRows();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function runRows() {
  const { loads = '250', seconds = '60' } = values;
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
  writeFileSync(path.join(folder, TRUTHS_FILE), JSON.stringify(Object.fromEntries(listTruths(truthOf))));
  const all = [];
  for (const { mode, situation, processes } of listRows()) {
    const { sdk, learns } = /** @type {import('./setting.mjs').Situation} */ (SITUATIONS[situation]);
    // What is learned in one row must not help the next.
    process.env['XDG_CACHE_HOME'] = learns ? folder : mkdtempSync(path.join(folder, 'nothing-learned-'));
    const result = await runMode({
      mode,
      situation,
      processes,
      loads: Number(loads),
      seed: Number(values.seed),
      folder,
      truthOf: sdk === 'buffers' ? findBuffersTruth : truthOf,
      mostMs: Number(seconds) * 1000,
      untilKilled: values['until-killed'] && mode === 'unguarded',
      signal: interrupted.signal,
    });
    all.push(result);
    console.log(
      `${situation}, ${mode}, ${processes} processes: ${result.kills} killed, ${result.seconds.toFixed(0)} s`,
    );
  }
  console.log(
    `\nseed ${values.seed}, ${loads} loads for each row, 24 MiB to stay free with a small reserve, else the defaults`,
  );
  console.table(
    all.map((result) => ({
      situation: result.situation,
      mode: result.mode,
      processes: result.processes,
      loads: result.tried,
      killed: result.kills,
      'at first sight': result.killsAtFirstSight,
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
}

/** Every mode with a small reserve, and the guarded mode in every other situation; or what was asked for. */
function listRows() {
  const asked = values.situation ?? (values.mode || values.processes ? ['small reserve'] : Object.keys(SITUATIONS));
  const modes = MODES.filter((mode) => !values.mode || values.mode.includes(mode));
  const counts = (values.processes ?? '1,2,4,8').split(',').map(Number);
  return asked.flatMap((situation) => {
    const usual = PROCESSES[/** @type {keyof typeof PROCESSES} */ (situation)];
    if (usual === undefined)
      return modes.flatMap((mode) => counts.map((processes) => ({ mode, situation, processes })));
    const mode = /** @type {const} */ ('guarded');
    return (values.processes ? counts : [usual]).map((processes) => ({ mode, situation, processes }));
  });
}

/** @param {Awaited<ReturnType<typeof measureTruths>>} truthOf */
function listTruths(truthOf) {
  const holders = MODELS.flatMap((model) => [true, false].map((mmap) => ({ model, mmap })));
  return holders.map((holder) => /** @type {const} */ ([`${holder.model} ${holder.mmap}`, truthOf(holder)]));
}

/** @param {Awaited<ReturnType<typeof runMode>>} result */
function makeChartRun({ situation, mode, limitBytes, processes, kills, admitted, tried, seconds, series }) {
  const killed = kills === 1 ? '1 killed (x)' : `${kills} killed${kills > 0 ? ' (x)' : ''}`;
  const title = `Headroom, ${situation}, ${mode}, ${processes} processes: ${admitted} of ${tried} loads admitted, ${killed}`;
  return { title, seconds, limitBytes, series };
}
