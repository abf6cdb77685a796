#!/usr/bin/env node
/**
 * Answers with a LoRA adapter, whose bytes are counted with its context.
 *   node examples/node-llama-cpp/lora.mjs MODEL ADAPTER PROMPT
 */
import { formatBytes } from 'nexa-memory-guard';
import { LlamaCompletion } from 'node-llama-cpp';
import { openLlama } from './open-llama.mjs';

const [modelPath = '', lora = '', prompt = ''] = process.argv.slice(2);
const llama = await openLlama();
const model = await llama.loadModel({ modelPath });
const plain = await model.createContext({ contextSize: 512 });
const adapted = await model.createContext({ contextSize: 512, lora });
const completion = new LlamaCompletion({ contextSequence: adapted.getSequence() });
console.log(await completion.generateCompletion(prompt, { maxTokens: 8 }));
const [, without, with_] = llama.guard.models().map(({ need }) => need.anonymousBytes);
console.log(`context ${formatBytes(without ?? 0)}, with the adapter ${formatBytes(with_ ?? 0)}`);
await plain.dispose();
await llama.dispose();
