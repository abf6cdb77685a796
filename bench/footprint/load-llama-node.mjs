// Loads one shape in @fugood/llama.node and uses it, in this process: what it took is the last line that is printed.
import { createRequire } from 'node:module';
import { MemoryMeter } from './memory-meter.mjs';
import { MARK } from './real-load.mjs';

/** @typedef {import('./cases.mjs').Files} Files */
/** @typedef {import('./cases.mjs').Run} Run */
/** @typedef {import('./cases.mjs').Use} Use */
/** @typedef {{ files: Files, run: Run, use: Use }} Request */

const [, , text = ''] = process.argv;
const { files, run, use } = /** @type {Request} */ (JSON.parse(text));
const llama = createRequire(import.meta.url)('@fugood/llama.node');
await llama.initLlama();
const meter = new MemoryMeter();
const startMs = performance.now();
const context = await llama.loadModel(createOptions());
if (files.projector) await context.initMultimodal({ path: files.projector, use_gpu: false });
const loadMs = performance.now() - startMs;
meter.read();
const tokens = await useModel();
console.log(`\n${MARK}${JSON.stringify({ ...meter.stop(), tokens, loadMs })}`);
process.exit(0);

function createOptions() {
  const { k, v } =
    typeof run.kvCacheType === 'object'
      ? run.kvCacheType
      : { k: run.kvCacheType ?? 'f16', v: run.kvCacheType ?? 'f16' };
  const { speculative, flashAttentionFalse } = use;
  return {
    model: files.model,
    n_gpu_layers: 0,
    n_ctx: run.contextSize,
    n_batch: run.batchSize ?? 512,
    n_ubatch: run.microBatchSize ?? 512,
    n_parallel: run.sequences ?? 1,
    kv_unified: run.unifiedKvCache ?? false,
    cache_type_k: k,
    cache_type_v: v,
    swa_full: run.fullSlidingCache ?? false,
    embedding: run.embeddings ?? false,
    use_mmap: run.mmap ?? true,
    use_mlock: run.mlock ?? false,
    vocab_only: run.part === 'vocabulary',
    ctx_shift: run.contextShift ?? false,
    ...(flashAttentionFalse ? { flash_attn: false } : { flash_attn_type: run.flashAttention ?? 'auto' }),
    ...(run.pooling && { pooling_type: run.pooling }),
    ...(files.lora && { lora: files.lora }),
    ...(files.draft && { model_draft: files.draft }),
    ...(speculative && { speculative: { enabled: true, type: 'draft-mtp' } }),
  };
}

/** Returns how many tokens were computed. */
async function useModel() {
  if (use.kind === 'nothing') return 0;
  if (use.kind === 'embed') {
    await context.embedding('a'.repeat(use.tokens - 2));
    return use.tokens;
  }
  let evaluated = 0;
  for (let turn = 1; turn <= (use.turns ?? 1); turn++) {
    const prompt = `${files.media ? '<__media__>' : ''}${'a'.repeat(use.tokens * turn)}`;
    const media = files.media ? { media_paths: [files.media] } : {};
    const n_predict = use.predict ?? 1;
    const result = await context.completion(
      { prompt, ...media, n_predict, ignore_eos: true, temperature: 0, top_k: 1 },
      () => {},
    );
    evaluated += result.tokens_evaluated + result.tokens_predicted;
    meter.read();
  }
  return evaluated;
}
