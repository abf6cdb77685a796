#!/usr/bin/env node
/**
 * Several texts at once in one context: each sequence has cells of its own, and all of them are counted.
 *   node examples/node-llama-cpp/parallel.mjs MODEL PROMPT PROMPT PROMPT
 */
import { formatBytes } from 'nexa-memory-guard';
import { LlamaCompletion } from 'node-llama-cpp';
import { openLlama } from './open-llama.mjs';

const [modelPath = '', ...prompts] = process.argv.slice(2);
const llama = await openLlama();
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 512, sequences: prompts.length });
const answers = prompts.map(async (prompt) => {
  const sequence = context.getSequence();
  const text = await new LlamaCompletion({ contextSequence: sequence }).generateCompletion(prompt, { maxTokens: 8 });
  // A sequence that is kept keeps its context from being unloaded.
  await sequence.dispose();
  return text;
});
for (const text of await Promise.all(answers)) console.log(text);
const taken = llama.guard.models()[1]?.need.anonymousBytes ?? 0;
console.log(`${prompts.length} sequences in ${formatBytes(taken)}`);
await llama.dispose();
