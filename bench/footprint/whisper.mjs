// How close are estimates of whisper.cpp's models to what loads of them take? Bytes of RssAnon in a process of their own each.
//   node bench/footprint/whisper.mjs [SHAPE ...] [--types F16,Q5_0] [--flash] [--seconds 40]
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { estimateFootprint } from '../../lib/index.js';
import { whisperShapes, writeWhisperModel } from '../../tools/synthetic-whisper.mjs';
import { runScript } from './real-load.mjs';

/** @typedef {import('../../tools/synthetic-whisper.mjs').WhisperType} WhisperType */

const MiB = 2 ** 20;
const LIMIT_MS = 1_200_000;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    types: { type: 'string', default: 'F16,Q8_0,Q5_0,Q4_0' },
    flash: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '1' },
  },
});
const names = positionals.length > 0 ? positionals : ['mini', 'tiny', 'base', 'small'];
const seconds = Number(values.seconds);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-whisper-'));
try {
  console.log('| model | estimate, MiB | taken | off | after the load | a long sound more |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const name of names) {
    for (const type of values.types.split(',')) await printRow(name, /** @type {WhisperType} */ (type));
  }
} finally {
  fs.rmSync(folder, { recursive: true });
}

/** @param {string} name @param {WhisperType} type */
async function printRow(name, type) {
  const file = path.join(folder, `ggml-${name}.bin`);
  writeWhisperModel(file, { ...whisperShapes[/** @type {keyof typeof whisperShapes} */ (name)], type, quiet: true });
  const flash = values.flash;
  const { totalBytes } = await estimateFootprint({ modelPath: file, flashAttention: flash ? 'on' : 'off' });
  const flags = ['--expose-gc'];
  const { found, problem } = await runScript(
    'load-whisper.mjs',
    { file, flash, seconds },
    { limitMs: LIMIT_MS, flags },
  );
  if (!found) throw new Error(problem);
  const { loadedBytes, heardBytes, longBytes } = found;
  const off = `${((totalBytes / heardBytes - 1) * 100).toFixed(1)} %`;
  const cells = [totalBytes, heardBytes, off, loadedBytes, longBytes - heardBytes];
  const printed = cells.map((cell) => (typeof cell === 'string' ? cell : (cell / MiB).toFixed(1)));
  console.log(`| ${name} ${type}${flash ? ', flash' : ''} | ${printed.join(' | ')} |`);
}
