#!/usr/bin/env node
/** `npm run torture`: random operations and faults over a guard, from a seed, with what must hold checked after each step. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readArguments, USAGE } from './arguments.mjs';
import { TortureReport } from './report.mjs';
import { runSeedProcess, whyNotHere } from './seed-process.mjs';

/** @typedef {import('./arguments.mjs').Engine} Engine */
/** @typedef {Omit<import('./report.mjs').FoundViolation, 'engine' | 'seed' | 'world'>} FoundViolation */

const options = readArguments(process.argv.slice(2));
if (typeof options === 'string') {
  console.error(`${options}\n${USAGE}`);
  process.exitCode = 2;
} else process.exitCode = (await torture(options)) > 0 ? 1 : 0;

/** Returns the number of violations. @param {import('./arguments.mjs').TortureArguments} options */
async function torture(options) {
  const { seed, seeds, seconds, engines, json } = options;
  const report = new TortureReport(json);
  if (!json)
    console.log(
      `seed ${seed}${seeds > 1 ? ` to ${seed + seeds - 1}` : ''}, ${seconds} s for each, ${engines.join(', ')}`,
    );
  const folder = mkdtempSync(path.join(tmpdir(), 'nexa-torture-'));
  try {
    for (let each = seed; each < seed + seeds; each++) {
      for (const engine of engines) await runSeed(engine, each, options, report, folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report.close();
}

/**
 * @param {Engine} engine @param {number} seed @param {import('./arguments.mjs').TortureArguments} options
 * @param {TortureReport} report @param {string} folder
 */
async function runSeed(engine, seed, { seconds, engines, faults, world, past }, report, folder) {
  const row = { engine, seed, worlds: 0, steps: 0, violations: 0, known: 0 };
  const skipped = whyNotHere(engine);
  if (skipped !== undefined) return report.tellSeed({ ...row, skipped });
  const violate = (/** @type {number} */ at, /** @type {FoundViolation} */ found) => {
    row.violations += 1;
    const command = `npm run torture -- --engine ${engine} --seed ${seed} --world ${at}`;
    report.tellViolation({ engine, seed, world: at, ...found }, command);
  };
  const logFile = path.join(folder, 'steps.txt');
  const startMs = performance.now();
  const told = (
    /** @type {import('./run-seed.mjs').WorldReport} */ { world: at, steps, known, violation, tail, options },
  ) => {
    row.worlds += 1;
    row.steps += steps;
    row.known += Object.values(known).reduce((sum, count) => sum + count, 0);
    if (violation) violate(at, { ...violation, tail, options });
    report.tellProgress(row);
  };
  // After a crash the seed goes on with its next world.
  for (let first = world ?? 0; ; ) {
    const left = seconds / engines.length - (performance.now() - startMs) / 1000;
    if (left <= 0) break;
    const crash = await runSeedProcess(
      { engine, seed, seconds: left, faults, world, first, past, folder, logFile },
      told,
    );
    if (!crash) break;
    const found = `the process ended with ${crash.signal ?? `exit code ${crash.code}`}`;
    const invariant = 'process-survives';
    violate(crash.world, { invariant, found, tail: crash.tail.slice(-40), options: {} });
    if (world !== undefined) break;
    first = crash.world + 1;
  }
  report.tellSeed(row);
}
