// Loads one model with a projector in @fugood/llama.node and shows it pictures, one after the other: how much more each text with one took than a
// text without, at its peak, is the last line that is printed.
import { createRequire } from 'node:module';
import { MemoryMeter } from './memory-meter.mjs';
import { MARK } from './real-load.mjs';

/** @typedef {{ model: string, projector: string, pictures: readonly string[], contextSize: number }} Request */

const [, , text = ''] = process.argv;
const { model, projector, pictures, contextSize } = /** @type {Request} */ (JSON.parse(text));
const llama = createRequire(import.meta.url)('@fugood/llama.node');
const context = await llama.loadModel({ model, n_gpu_layers: 0, n_ctx: contextSize, n_batch: 512, n_ubatch: 512 });
await context.initMultimodal({ path: projector, use_gpu: false });
await complete([]);
const before = new MemoryMeter();
await complete([]);
before.stop();
/** @type {number[]} */
const peaks = [];
const meter = new MemoryMeter();
for (const picture of pictures) {
  await complete([picture]);
  peaks.push(meter.read().peakAnonymousBytes);
}
meter.stop();
console.log(`\n${MARK}${JSON.stringify(peaks)}`);
process.exit(0);

/** @param {readonly string[]} media */
async function complete(media) {
  const prompt = `${'<__media__>'.repeat(media.length)}${'a'.repeat(600)}`;
  await context.completion(
    {
      prompt,
      ...(media.length > 0 && { media_paths: media }),
      n_predict: 1,
      ignore_eos: true,
      temperature: 0,
      top_k: 1,
    },
    () => {},
  );
}
