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
const loaded = await (guard
  ? loadGuarded(guard)
  : load(llama, tokens === 'default' ? {} : { contextSize: Number(tokens) }));
const { vector } = await loaded.getEmbeddingFor('hello');
console.log(JSON.stringify({ values: vector.length, reason: guard?.models().at(-1)?.reason }));
await sleep(Number(holdMs));
await llama.dispose();

/** @param {Pick<typeof llama, 'loadModel'>} from @param {{ contextSize?: number }} options */
async function load(from, options) {
  const model = await from.loadModel({ modelPath });
  return model.createEmbeddingContext(options);
}

/**
 * Weights and context are let in together: a worker that held weights while it waits for a context would keep all others waiting.
 * @param {import('nexa-memory-guard').MemoryGuard} guard
 */
async function loadGuarded(guard) {
  if (tokens === 'default') return load(guard.wrap(llama), {});
  const asked = { modelPath, contextSize: Number(tokens), wait: { timeoutMs: 240_000 } };
  return guard.load(asked, ({ contextSize }) => load(llama, { contextSize: contextSize ?? Number(tokens) }));
}
