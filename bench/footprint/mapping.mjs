// Whether the engine maps weights or copies them: one model in three quantizations, with mmap and without, and what grew.
//   node bench/footprint/mapping.mjs
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { measureEngineLoad, sumBuffersMiB } from '../../tools/engine-load.mjs';
import { writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { createEngineOptions } from '../../tools/transcripts.mjs';

const MiB = 2 ** 20;
const SHAPE = { hidden: 1024, layers: 4, heads: 8, kvHeads: 8, ffn: 2816, vocab: 32_000, random: false };

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-mapping-'));
try {
  await printTable();
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function printTable() {
  const model = path.join(folder, 'model.gguf');
  const projector = path.join(folder, 'mmproj.gguf');
  const audio = { projection: SHAPE.hidden, width: 512, layers: 8, heads: 8, ffn: 2048, random: false };
  writeAudioProjector(projector, { ...audio, type: 'F16' });
  console.log(
    '| weights | mmap | engine: weights, KV cache, projector | mapped | anonymous | beside KV cache and projector |',
  );
  console.log('| --- | --- | --- | --- | --- | --- |');
  const repacking = new Set();
  for (const quantization of /** @type {const} */ (['Q4_0', 'Q4_K_M', 'Q5_K_M'])) {
    writeLanguageModel(model, { ...SHAPE, quantization });
    for (const mmap of [true, false]) {
      const options = { model, ...createEngineOptions({ contextSize: 2048, mmap }) };
      const { lines, measured, text } = await measureEngineLoad(options, projector);
      if (!measured) throw new Error(`The engine did not load it: ${text.slice(-2000)}`);
      const { model: weights, kvCache, projector: encoder } = sumBuffersMiB(lines);
      const anonymous = (measured.loaded.anonymousBytes - measured.before.anonymousBytes) / MiB;
      const said = [weights, kvCache, encoder].map((mib) => mib.toFixed(1)).join(', ');
      const found = [measured.mappedBytes / MiB, anonymous, anonymous - kvCache - encoder].map((mib) => mib.toFixed(1));
      console.log(`| ${[quantization, mmap ? 'on' : 'off', said, ...found].join(' | ')} |`);
      for (const line of text.split('\n')) if (line.includes('CPU_REPACK')) repacking.add(line.trim());
    }
  }
  console.log(`\nMiB. Of repacking the engine says:\n${[...repacking].join('\n') || 'nothing'}`);
}
