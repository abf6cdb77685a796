/** The rows of models in processes of their own, beside models in the program, guarded or not: runs them and prints their table. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { drawChart } from './draw-chart.mjs';
import { FAULTS, LIMIT_BYTES, listKeepers, PROGRAMS, writeLadders } from './isolated-setting.mjs';
import { runIsolated } from './run-isolated.mjs';

/** 2,000 loads of models in processes of their own; the others are there to be compared, for a shorter time. */
const WHOLE = { loads: 500, seconds: 120, otherSeconds: 30 };
const SHORT = { loads: 60, seconds: 20, otherSeconds: 5 };

/** @typedef {Awaited<ReturnType<typeof runIsolated>>} Row */

/**
 * @typedef {object} Asked
 * @property {string} folder for the models
 * @property {number} seed
 * @property {boolean} short
 * @property {string[] | undefined} [situation]
 * @property {string[] | undefined} [mode]
 * @property {string | undefined} [loads]
 * @property {string | undefined} [seconds]
 * @property {string | undefined} [json]
 * @property {string | undefined} [chart]
 * @property {AbortSignal} signal
 */

/** @param {Asked} asked */
export async function runIsolatedRows({ folder, seed, short, signal, ...asked }) {
  const { loads, seconds, otherSeconds } = short ? SHORT : WHOLE;
  writeLadders(folder);
  /** @type {Row[]} */
  const rows = [];
  for (const fault of Object.keys(FAULTS).filter((each) => asked.situation?.includes(each) ?? true)) {
    for (const keeper of listKeepers(fault).filter((each) => asked.mode?.includes(each) ?? true)) {
      // What is learned in one row must not help the next.
      process.env['XDG_CACHE_HOME'] = mkdtempSync(path.join(folder, 'nothing-learned-'));
      const row = await runIsolated({
        keeper,
        fault,
        loads: Number(asked.loads ?? loads),
        seed,
        folder,
        mostMs: 1000 * Number(asked.seconds ?? (keeper === 'isolated' ? seconds : otherSeconds)),
        signal,
      });
      rows.push(row);
      console.log(`${fault}, ${keeper}: ${row.ended} programs ended, ${row.loads} loads, ${row.seconds.toFixed(0)} s`);
    }
  }
  console.log(`\nseed ${seed}, ${PROGRAMS} programs in ${LIMIT_BYTES / 2 ** 20} MiB`);
  console.table(rows.map(summarize));
  const isolated = rows.filter(({ keeper }) => keeper.startsWith('isolated'));
  const sum = (/** @type {'loads' | 'ended'} */ key) => isolated.reduce((total, row) => total + row[key], 0);
  console.log(`${sum('ended')} programs ended in ${sum('loads')} loads of models in processes of their own`);
  if (asked.chart) writeFileSync(asked.chart, drawChart(rows.map(makeChartRun)));
  if (asked.json) writeFileSync(asked.json, JSON.stringify(rows));
}

/** @param {Row} row */
function summarize({ fault, keeper, loads, ended, killed, requests, answered, again, refused, lost, meanUsed }) {
  return {
    'each model': fault,
    models: keeper,
    loads,
    'programs ended': ended,
    'models killed at their wall': killed.wall,
    'at the limit': killed.group,
    crashed: killed.crash,
    requests,
    answered,
    'once more': again,
    refused,
    lost,
    'used %': Math.round(100 * meanUsed),
  };
}

/** @param {Row} row */
function makeChartRun({ fault, keeper, loads, ended, killed, seconds, series }) {
  const models = killed.wall + killed.group + killed.crash;
  const told = [
    ended > 0 ? `${ended} programs ended (x)` : 'no program ended',
    ...(models > 0 ? [`${models} models (o)`] : []),
  ];
  const title = `${keeper}, each model ${fault}: ${loads} loads, ${told.join(', ')}`;
  return { title, seconds, limitBytes: LIMIT_BYTES, series };
}
