// Loads one shape in node-llama-cpp and uses it, in this process; then asks for its own estimate. What it took is the last line that is printed.
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { MemoryMeter } from './memory-meter.mjs';
import { MARK } from './real-load.mjs';

const [, , text = ''] = process.argv;
const { files, run, use } = /** @type {import('./load-llama-node.mjs').Request} */ (JSON.parse(text));
const LOG_LIMIT_MS = 5000;
/** @type {string[]} */
const lines = [];
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  logLevel: LlamaLogLevel.debug,
  logger: (_level, message) => void lines.push(message),
});
const meter = new MemoryMeter();
const startMs = performance.now();
const { mmap: useMmap = true, mlock: useMlock = false } = run;
const vocabOnly = run.part === 'vocabulary';
const model = await llama.loadModel({ modelPath: files.model, gpuLayers: 0, useMmap, useMlock, vocabOnly });
// What it logged is sifted by the level at the time when it comes out, which its own estimates of a context change.
await waitForLog(vocabOnly ? /vocab type/ : /model buffer size/);
const contextOptions = createContextOptions();
/** @type {any} */
const context = vocabOnly ? undefined : await createContext();
const loadMs = performance.now() - startMs;
meter.read();
const tokens = await useModel();
const taken = meter.stop();
await waitForLog(vocabOnly ? /vocab type/ : /compute buffer size/);
console.log(lines.splice(0).join('\n'));
const theirs = await estimateTheirs();
console.log(`\n${MARK}${JSON.stringify({ ...taken, tokens, loadMs, theirs })}`);
process.exit(0);

/** @param {RegExp} pattern of a line that comes sooner or later */
async function waitForLog(pattern) {
  const endMs = performance.now() + LOG_LIMIT_MS;
  while (performance.now() < endMs && !lines.some((line) => pattern.test(line))) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // Others come with it.
  await new Promise((resolve) => setTimeout(resolve, 50));
}

function createContextOptions() {
  const { k, v } =
    typeof run.kvCacheType === 'object'
      ? run.kvCacheType
      : { k: run.kvCacheType ?? 'f16', v: run.kvCacheType ?? 'f16' };
  const sequences = run.sequences ?? 1;
  return {
    contextSize: run.contextSize / sequences,
    sequences,
    batchSize: run.microBatchSize ?? 512,
    flashAttention: /** @type {any} */ ({ auto: 'auto', on: true, off: false })[run.flashAttention ?? 'auto'],
    swaFullCache: run.fullSlidingCache ?? false,
    experimentalKvCacheKeyType: /** @type {any} */ (k.toUpperCase()),
    experimentalKvCacheValueType: /** @type {any} */ (v.toUpperCase()),
    ...(files.lora && { lora: files.lora }),
    ignoreMemorySafetyChecks: true,
    failedCreationRemedy: /** @type {const} */ (false),
  };
}

async function createContext() {
  if (!run.embeddings) return model.createContext(contextOptions);
  const { contextSize, batchSize } = contextOptions;
  const options = { contextSize, batchSize, ignoreMemorySafetyChecks: true };
  return run.pooling === 'rank' ? model.createRankingContext(options) : model.createEmbeddingContext(options);
}

/** Returns how many tokens were computed. */
async function useModel() {
  if (use.kind === 'nothing') return 0;
  if (use.kind === 'embed') {
    const words = 'a'.repeat(use.tokens - 2);
    if (run.pooling === 'rank') await context.rank('a', words.slice(0, -8));
    else await context.getEmbeddingFor(words);
    return use.tokens;
  }
  const sequence = context.getSequence();
  let evaluated = 0;
  for (let turn = 0; turn < (use.turns ?? 1); turn++) {
    await sequence.evaluateWithoutGeneratingNewTokens(model.tokenize('a'.repeat(use.tokens)));
    evaluated += use.tokens;
    meter.read();
  }
  if (use.predict) {
    let left = use.predict;
    for await (const _token of sequence.evaluate(model.tokenize('a'), { temperature: 0, yieldEogToken: true })) {
      if (--left <= 0) break;
    }
    evaluated += use.predict;
  }
  return evaluated;
}

/** Bytes of main memory by its simulation, or why there are none. @returns {Promise<number | string>} */
async function estimateTheirs() {
  if (vocabOnly) return 'knows no vocabulary alone';
  try {
    const insights = model.fileInsights;
    const weights = await insights.estimateModelResourceRequirementsV2({ gpuLayers: 0, useMmap });
    const { contextSize, sequences, batchSize, flashAttention, swaFullCache } = contextOptions;
    const ofContext = await insights.estimateContextResourceRequirementsV2({
      ...{ contextSize, sequences, batchSize, flashAttention, swaFullCache, useMmap, modelGpuLayers: 0 },
      isEmbeddingContext: run.embeddings ?? false,
      kvCacheKeyType: context.kvCacheKeyType ?? context._llamaContext?.kvCacheKeyType,
      kvCacheValueType: context.kvCacheValueType ?? context._llamaContext?.kvCacheValueType,
    });
    return weights.cpuRam + ofContext.cpuRam;
  } catch (error) {
    return String(error).split('\n')[0]?.slice(0, 80) ?? '';
  }
}
