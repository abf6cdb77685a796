#!/usr/bin/env node
/**
 * Sorts documents by how well they answer a question. The model must be one for reranking.
 *   node examples/node-llama-cpp/reranking.mjs MODEL QUESTION DOCUMENT DOCUMENT
 */
import { openLlama } from './open-llama.mjs';

const [modelPath = '', question = '', ...documents] = process.argv.slice(2);
const llama = await openLlama();
const model = await llama.loadModel({ modelPath });
const ranking = await model.createRankingContext({ contextSize: { max: 512 } });
for (const { document, score } of await ranking.rankAndSort(question, documents))
  console.log(score.toFixed(3), document);
for (const { name, reason } of llama.guard.models()) console.log(`${name.split('/').at(-1)}: ${reason}`);
await llama.dispose();
