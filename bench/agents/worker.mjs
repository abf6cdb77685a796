/**
 * A worker of an agent: loads its embedder at boot, embeds a text, and keeps the embedder for a while.
 *   node bench/agents/worker.mjs MODEL plain|guarded CONTEXT|default HOLD_MS
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { withMemoryGuard } from 'nexa-memory-guard';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const [modelPath = '', mode, tokens, holdMs] = process.argv.slice(2);
const raw = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
const llama = mode === 'guarded' ? withMemoryGuard(raw) : raw;
const contextSize = tokens === 'default' ? {} : { contextSize: Number(tokens) };
const memoryGuard = { wait: { timeoutMs: 180_000 } };
const choices = mode === 'guarded' ? { memoryGuard } : {};
const model = await llama.loadModel({ modelPath, ...choices });
const embeddings = await model.createEmbeddingContext({ ...contextSize, ...choices });
const { vector } = await embeddings.getEmbeddingFor('hello');
const reason = 'guard' in llama ? llama.guard.models()[1]?.reason : undefined;
console.log(JSON.stringify({ values: vector.length, reason }));
await sleep(Number(holdMs));
await llama.dispose();
