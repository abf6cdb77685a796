#!/usr/bin/env node
/**
 * A small model guesses what the large one will say. Both, and both contexts, are admitted each by itself.
 *   node examples/node-llama-cpp/draft.mjs MODEL DRAFT PROMPT
 */
import { DraftSequenceTokenPredictor, LlamaCompletion } from 'node-llama-cpp';
import { openLlama } from './open-llama.mjs';

const [modelPath = '', draftPath = '', prompt = ''] = process.argv.slice(2);
const llama = await openLlama();
const [model, draft] = [await llama.loadModel({ modelPath }), await llama.loadModel({ modelPath: draftPath })];
const draftContext = await draft.createContext({ contextSize: 512 });
const context = await model.createContext({ contextSize: 512 });
const tokenPredictor = new DraftSequenceTokenPredictor(draftContext.getSequence(), { minTokens: 0, maxTokens: 4 });
const completion = new LlamaCompletion({ contextSequence: context.getSequence({ tokenPredictor }) });
console.log(await completion.generateCompletion(prompt, { maxTokens: 8 }));
for (const { name, reason } of llama.guard.models()) console.log(`${name.split('/').at(-1)}: ${reason}`);
await llama.dispose();
