/**
 * What does a model of transformers.js take in each dtype, by the size of its file? `npm run compile`, `npm run engines`, then
 * `node bench/onnx/onnx.mjs`. Needs 1.5 GB below the system's folder for temporary files.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeOnnxFamily } from '../../tools/synthetic-onnx.mjs';

/** @typedef {import('../../tools/synthetic-onnx.mjs').Family} Family */

const RUNS = 3;
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));
const SUFFIXES = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4', q4f16: '_q4f16' };
const DTYPES = /** @type {(keyof typeof SUFFIXES)[]} */ (Object.keys(SUFFIXES));
/** @type {Record<string, Family>} */
const FAMILIES = {
  encoder: { hidden: 1024, layers: 4 },
  decoder: { kind: 'decoder', hidden: 1024, layers: 4 },
  'two large matrices': { hidden: 4096, layers: 1 },
  'encoder, weights apart': { hidden: 1024, layers: 4, external: true },
};

const folder = mkdtempSync(path.join(os.tmpdir(), 'nexa-onnx-'));
try {
  writeOnnxFamily(path.join(folder, 'warm/encoder'), {});
  console.log(
    `Node ${process.version}, ${os.cpus()[0]?.model}; the most of ${RUNS} runs, MiB beside what was there before`,
  );
  console.log(
    '| model | dtype | files | loaded | peak of the load | with the file in array buffers | times the files |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const [name, family] of Object.entries(FAMILIES)) {
    const id = `m/${name.replaceAll(/\W+/g, '-')}`;
    writeOnnxFamily(path.join(folder, id), { ...family, dtypes: DTYPES });
    for (const dtype of DTYPES) {
      const bytes = countBytes(path.join(folder, id, 'onnx'), SUFFIXES[dtype]);
      const runs = Array.from({ length: RUNS }, () => run(id, dtype, family.kind === 'decoder'));
      const most = (/** @type {keyof Taken} */ key) => Math.max(...runs.map((taken) => taken[key]));
      const [loaded, peak, after] = [most('loadedBytes'), most('peakBytes'), most('afterBytes')];
      const cells = [bytes, loaded, peak, after].map((each) => (each / 2 ** 20).toFixed(0));
      console.log(`| ${name} | ${dtype} | ${cells.join(' | ')} | ${(Math.max(peak, after) / bytes).toFixed(1)} |`);
    }
    rmSync(path.join(folder, id), { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @typedef {{ loadedBytes: number, peakBytes: number, afterBytes: number }} Taken */

/** In a process of its own. @param {string} id @param {string} dtype @param {boolean} generates @returns {Taken} */
function run(id, dtype, generates) {
  const task = generates ? 'text-generation' : 'feature-extraction';
  return JSON.parse(execFileSync(process.execPath, [LOAD, folder, id, dtype, task], { encoding: 'utf8' }));
}

/** The graph of a dtype and the file of weights beside it. @param {string} from @param {string} suffix */
function countBytes(from, suffix) {
  const names = readdirSync(from).filter((name) => name.startsWith(`model${suffix}.onnx`));
  return names.reduce((sum, name) => sum + statSync(path.join(from, name)).size, 0);
}
