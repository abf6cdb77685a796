/**
 * A worker of an agent: loads its embedder at boot, embeds a text, and keeps the embedder for a while.
 *   node bench/agents/worker.mjs MODEL plain|wrapped|guarded CONTEXT|default HOLD_MS
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryGuard } from 'nexa-memory-guard';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const [modelPath = '', mode, tokens, holdMs] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
const guard = mode === 'plain' ? undefined : createMemoryGuard();
/** With 151,936 outputs of each token a batch of 512 takes 600 MiB. */
const BATCH = 128;
const WAIT = { wait: { timeoutMs: 240_000 } };
const loaded = await (mode === 'guarded' && tokens !== 'default' ? loadAtOnce() : load(guard?.wrap(llama) ?? llama));
const { vector } = await loaded.getEmbeddingFor('hello');
console.log(JSON.stringify({ values: vector.length, reason: guard?.models().at(-1)?.reason }));
await sleep(Number(holdMs));
await llama.dispose();

/** Weights, and then the context. @param {Pick<typeof llama, 'loadModel'>} from */
async function load(from) {
  const memoryGuard = from !== llama && { memoryGuard: WAIT };
  const model = await from.loadModel({ modelPath, ...memoryGuard });
  const small = tokens !== 'default' && { contextSize: Number(tokens), batchSize: BATCH };
  return model.createEmbeddingContext({ ...small, ...memoryGuard });
}

/** Both as one load. */
function loadAtOnce() {
  const estimate = /** @type {const} */ ({ engine: 'node-llama-cpp', embeddings: true, batchSize: BATCH });
  const asked = { modelPath, contextSize: Number(tokens), estimate, ...WAIT };
  return /** @type {NonNullable<typeof guard>} */ (guard).load(asked, () => load(llama));
}
