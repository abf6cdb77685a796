// Loads one model with ONNX Runtime, runs it if sizes are given, and tells what the process has taken. Run by onnx.mjs.
import { createRequire } from 'node:module';
import { describeChain, encodeOnnx } from '../../tools/onnx/write-onnx.mjs';
import { readProcessMemory } from '../../tools/process-memory.mjs';
import { MARK } from './real-load.mjs';

// It is installed apart, and has no types here.
const load = createRequire(new URL('../../test/engines/package.json', import.meta.url));
const ort = load('onnxruntime-node');
const { modelPath, options, sides = [] } = JSON.parse(process.argv[2] ?? '{}');

/** The most that was resident so far. */
const most = () => process.resourceUsage().maxRSS * 1024;

// The engine's own threads and tables are there before.
await (await ort.InferenceSession.create(encodeOnnx(describeChain({ layers: 1, width: 64 })))).release();
const before = { ...readProcessMemory(), rss: process.memoryUsage().rss };
const session = await ort.InferenceSession.create(modelPath, options);
const loaded = readProcessMemory();
const result = {
  loadedBytes: loaded.anonymousBytes - before.anonymousBytes,
  peakBytes: Math.max(0, most() - before.rss),
  runs: /** @type {object[]} */ ([]),
};
for (const side of sides) {
  const start = { ...readProcessMemory(), rss: process.memoryUsage().rss };
  const picture = new ort.Tensor('float32', new Float32Array(3 * side * side), [1, 3, side, side]);
  await session.run({ [session.inputNames[0]]: picture });
  const keptBytes = readProcessMemory().anonymousBytes - start.anonymousBytes;
  result.runs.push({ side, keptBytes, peakBytes: Math.max(keptBytes, most() - start.rss) });
}
process.stdout.write(`${MARK}${JSON.stringify(result)}\n`);
