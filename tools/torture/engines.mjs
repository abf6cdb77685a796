/** The real engines of a run, each opened, asked and read in its own way. They are opened once in a process. They know no guard. */
import { createRequire } from 'node:module';
import { NexaSDK } from 'nexa-memory-guard';

/** @typedef {import('./world.mjs').Handle} Handle */
/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {() => Promise<any>} open
 * @property {(modelPath: string, memoryGuard: object) => unknown[]} listArguments for `loadModel`
 * @property {readonly string[]} disposers methods of a model that end it
 * @property {boolean} diesBusy whether it ends the process if a model is disposed while a call runs: its user has to wait
 * @property {readonly string[]} uses methods of a model that must not be called afterwards
 * @property {(model: any) => Omit<Handle, 'dispose' | typeof Symbol.asyncDispose>} adapt the calls of a run in this engine's words
 */

const CONTEXT = 256;
const loadModule = createRequire(import.meta.url);

/** @type {Engine} */
const nexaSdk = {
  name: 'NexaSDK',
  open: () => NexaSDK.initialize({ runtime: 'llama' }),
  listArguments: (modelPath, memoryGuard) => [modelPath, { contextSize: CONTEXT, memoryGuard }],
  disposers: ['dispose'],
  diesBusy: false,
  uses: ['generate'],
  adapt: (model) => ({
    async generate() {
      for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 2 }));
    },
    generateStream: () => model.generate({ prompt: 'Hello', maxTokens: 4 }),
    tokenize: () => model.lastResult,
  }),
};

/**
 * The engine by itself ends the process if calls on several models run beside each other: without a guard, four models that are loaded,
 * asked and released side by side end it within seconds. So its calls reach it one after the other here.
 * @param {any} module
 */
function oneAtATime(module) {
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  const inTurn = (/** @type {() => unknown} */ call) => {
    last = last.then(call, call);
    return last;
  };
  const loadModel = async (/** @type {unknown[]} */ ...args) => {
    const model = await module.loadModel(...args);
    for (const name of ['completion', 'tokenize', 'release']) {
      const method = model[name].bind(model);
      model[name] = (/** @type {unknown[]} */ ...given) => inTurn(() => method(...given));
    }
    return model;
  };
  return { ...module, loadModel: (/** @type {unknown[]} */ ...args) => inTurn(() => loadModel(...args)) };
}

/** @type {Engine} */
const llamaNode = {
  name: '@fugood/llama.node',
  async open() {
    return oneAtATime(loadModule('@fugood/llama.node'));
  },
  listArguments: (model, memoryGuard) => [{ model, n_ctx: CONTEXT, n_gpu_layers: 0, memoryGuard }],
  disposers: ['release'],
  diesBusy: true,
  uses: ['completion', 'tokenize'],
  adapt: (model) => ({
    generate: () => model.completion({ prompt: 'Hi', n_predict: 2 }),
    // It has no streams: the text is given as one part.
    async *generateStream() {
      yield await model.tokenize('Hello');
    },
    tokenize: () => model.tokenize('Hi'),
  }),
};

/** @type {Engine} */
const nodeLlamaCpp = {
  name: 'node-llama-cpp',
  async open() {
    const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
    return getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
  },
  listArguments: (modelPath, memoryGuard) => [{ modelPath, memoryGuard }],
  disposers: ['dispose'],
  diesBusy: false,
  uses: ['createContext'],
  adapt: (model) => ({
    async generate() {
      const context = await model.createContext({ contextSize: CONTEXT });
      try {
        await readTokens(context, 2);
      } finally {
        await context.dispose();
      }
    },
    async *generateStream() {
      // The context is left to its model, which ends it.
      const context = await model.createContext({ contextSize: CONTEXT });
      yield await readTokens(context, 3);
    },
    tokenize: () => model.tokenize('Hi'),
  }),
};

export const ENGINES = [nexaSdk, llamaNode, nodeLlamaCpp];

/** @type {Map<Engine, Promise<any>>} */
const opened = new Map();

/** Opened, and used once: what an engine leaves in its process with its first model is not a world's doing. @param {Engine} engine @param {string} modelPath */
export function openEngine(engine, modelPath) {
  const sdk = opened.get(engine) ?? openAndUse(engine, modelPath);
  opened.set(engine, sdk);
  return sdk;
}

/** @param {Engine} engine @param {string} modelPath */
async function openAndUse({ open, listArguments, adapt, disposers: [disposer = ''] }, modelPath) {
  const sdk = await open();
  const { memoryGuard: _none, ...options } = /** @type {any} */ (listArguments(modelPath, {}).at(-1));
  const model = await sdk.loadModel(...listArguments(modelPath, {}).slice(0, -1), options);
  await adapt(model).generate();
  await model[disposer]();
  return sdk;
}

/** @param {any} context @param {number} most */
async function readTokens(context, most) {
  let count = 0;
  for await (const _token of context.getSequence().evaluate([1, 2, 3])) if (++count >= most) break;
}
