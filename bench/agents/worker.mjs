/**
 * A worker of an agent: loads its embedder at boot, embeds a text, and keeps the embedder for a while.
 *   node bench/agents/worker.mjs MODEL plain|guarded CONTEXT|default HOLD_MS
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryGuard } from 'nexa-memory-guard';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const [modelPath = '', mode, tokens, holdMs] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
const guard = mode === 'guarded' ? createMemoryGuard() : undefined;
const loaded = await load(guard?.wrap(llama) ?? llama, tokens === 'default' ? {} : { contextSize: Number(tokens) });
const { vector } = await loaded.getEmbeddingFor('hello');
console.log(JSON.stringify({ values: vector.length, reason: guard?.models().at(-1)?.reason }));
await sleep(Number(holdMs));
await llama.dispose();

/** @param {Pick<typeof llama, 'loadModel'>} from @param {{ contextSize?: number }} options */
async function load(from, options) {
  const memoryGuard = guard && { memoryGuard: { wait: { timeoutMs: 240_000 } } };
  const model = await from.loadModel({ modelPath, ...memoryGuard });
  return model.createEmbeddingContext({ ...options, ...memoryGuard });
}
