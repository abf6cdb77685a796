/**
 * What keeping and reading observations costs, with few and with as many models as are kept, and whether several processes lose any.
 *   npm run build:js && node bench/calibration/calibration.mjs
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CalibrationStore } from '../../lib/footprint/calibration-store.js';

const ROUNDS = 200;
const [PROCESSES, EACH] = [8, 25];

/** @param {unknown} load */
const observe = (load) => ({
  load: String(load),
  mappedBytes: 4_785_000_000,
  anonymousAfterLoadBytes: 2_400_000_000,
  full: false,
  heard: false,
});

/** @template T @param {(directory: string) => Promise<T>} action */
async function inFolder(action) {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexa-bench-calibration-'));
  try {
    return await action(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param {string} directory */
const open = (directory) =>
  new CalibrationStore(directory, (message) => {
    throw new Error(message);
  });

/** Median and 99th percentile in milliseconds. @param {() => Promise<unknown>} action */
async function time(action) {
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    await action();
    times.push(performance.now() - startMs);
  }
  times.sort((a, b) => a - b);
  return `${times[ROUNDS / 2]?.toFixed(2)} ms (99 %: ${times[Math.floor(ROUNDS * 0.99)]?.toFixed(2)})`;
}

/** @param {number} models */
async function measure(models) {
  await inFolder(async (directory) => {
    for (let model = 0; model < models; model++)
      for (let load = 0; load < 3; load++) await open(directory).record(`model ${model}`, observe(load));
    let load = 3;
    const read = await time(() => open(directory).readObservations());
    const keep = await time(() => open(directory).record('model 0', observe(load++)));
    console.log(`${models} models, 3 loads of each: read in ${read}, kept in ${keep}`);
  });
}

async function race() {
  await inFolder(async (directory) => {
    const body = `
      import { CalibrationStore } from ${JSON.stringify(new URL('../../lib/footprint/calibration-store.js', import.meta.url).href)};
      const store = new CalibrationStore(${JSON.stringify(directory)}, (message) => { throw new Error(message); });
      for (let n = 0; n < ${EACH}; n++) await store.record(process.argv[1] + ' ' + n, ${JSON.stringify(observe(1))});`;
    const programs = Array.from({ length: PROCESSES }, (_, at) =>
      spawn(process.execPath, ['--input-type=module', '-e', body, String(at)], {
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    );
    await Promise.all(programs.map((program) => new Promise((resolve) => program.on('exit', resolve))));
    const kept = readdirSync(path.join(directory, 'observations-1')).length;
    console.log(
      `${PROCESSES} processes that keep ${EACH} each at once: ${PROCESSES * EACH - kept} of ${PROCESSES * EACH} lost`,
    );
  });
}

await measure(10);
await measure(256);
await race();
