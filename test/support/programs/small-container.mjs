/** Loads one model through one engine with a guard of default options, computes, and says how its guard stands. */
import { createRequire } from 'node:module';
import { NexaSDK, withMemoryGuard } from '../../../dist/index.js';

const [engine, path = ''] = process.argv.slice(2);

/** @type {Record<string, () => Promise<import('../../../dist/index.js').MemoryGuard>>} */
const engines = {
  async NexaSDK() {
    const nexa = withMemoryGuard(await NexaSDK.initialize({ runtime: 'llama' }));
    const model = await nexa.loadModel(path);
    for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 2 }));
    return nexa.guard;
  },
  async '@fugood/llama.node'() {
    /** @type {any} */
    const module = createRequire(import.meta.url)('@fugood/llama.node');
    const guarded = withMemoryGuard(module);
    const model = await guarded.loadModel({ model: path });
    await model.completion({ prompt: 'Hi', n_predict: 2 });
    return guarded.guard;
  },
  async 'node-llama-cpp'() {
    const { getLlama, LlamaCompletion } = await import('node-llama-cpp');
    const llama = withMemoryGuard(await getLlama({ gpu: false, build: 'never', maxThreads: 1 }));
    const model = await llama.loadModel({ modelPath: path });
    const context = await model.createContext();
    const completion = new LlamaCompletion({ contextSequence: context.getSequence() });
    await completion.generateCompletion('Hi', { maxTokens: 2 });
    return llama.guard;
  },
};

const guard = await engines[/** @type {string} */ (engine)]?.();
if (!guard) throw new Error(`Expected one of ${Object.keys(engines).join(', ')}, got ${engine}.`);
// What a load has taken is seen a little later.
await new Promise((resolve) => setTimeout(resolve, 200));
const { status, minFreeBytes, headroomBytes } = guard.status();
const needs = guard.models().map(({ name, need }) => ({ name, ...need, files: undefined }));
process.stdout.write(`\n${JSON.stringify({ status, minFreeBytes, headroomBytes, needs })}\n`);
process.exit(0);
