#!/usr/bin/env node
/**
 * Embeds texts, and lets the model go after a minute without any: the next text loads it again.
 *   node examples/node-llama-cpp/embeddings.mjs MODEL TEXT TEXT
 */
import { openLlama } from './open-llama.mjs';

const [modelPath = '', ...texts] = process.argv.slice(2);
const llama = await openLlama({ keepAliveMs: 60_000, reload: true });
const model = await llama.loadModel({ modelPath });
// Without a number the guard takes 2048 to 4096 tokens, and not all that the model was trained for.
const embeddings = await model.createEmbeddingContext();
const [first, ...others] = await Promise.all(texts.map((text) => embeddings.getEmbeddingFor(text)));
for (const other of others) console.log('similarity', first?.calculateCosineSimilarity(other));
for (const { name, reason } of llama.guard.models()) console.log(`${name.split('/').at(-1)}: ${reason}`);
await llama.dispose();
