/** The SDKs over which the contract of adapters runs: real packages, each opened, called and read in its own way. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LlamaModel } from 'node-llama-cpp';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { LoadsModels } from '../../src/guarded-types.ts';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import { describeChain, writeOnnx } from '../../tools/onnx/write-onnx.mjs';
import { writeOnnxFamily } from '../../tools/synthetic-onnx.mjs';
import { writeWhisperModel } from '../../tools/synthetic-whisper.mjs';
import { importEngine, NO_OTHER_ENGINES } from '../support/other-engines.ts';

const require = createRequire(import.meta.url);

/** Any guarded model; what can be called on it is the subject's affair. */
// biome-ignore lint/suspicious/noExplicitAny: each subject has its own type
export type Model = any;

export interface Subject {
  readonly name: string;
  /** Whether an adapter is to be found by its shape. */
  readonly recognized: boolean;
  readonly options: GuardOptions;
  /** Where the method stands that loads. @default 'loadModel' */
  readonly loadPath?: string;
  /** Why it can't be tried here; absent if it can. */
  readonly missing?: string | undefined;
  /** False if it has models of its own, which the steps of the given files stand for. @default true */
  readonly readsHeaders?: boolean;
  /** Files that its engine reads. @default GGUF files */
  readonly makeFiles?: () => SubjectFiles;
  /** False if its files are no steps of one ladder. @default true */
  readonly laddered?: boolean;
  /** The engine reads its files into memory of its own. */
  readonly mapsNothing?: boolean;
  open(): Promise<Model>;
  /** The arguments that load this file with 512 tokens of context. */
  args(modelPath: string, memoryGuard?: object): readonly unknown[];
  /** The same, in such a way that the SDK itself fails. */
  failing(modelPath: string): readonly unknown[];
  /** Makes what is needed and computes; what was made is left for the disposal. */
  compute(model: Model): Promise<void>;
  dispose(model: Model): Promise<unknown>;
  /** Disposes everything through the SDK; absent where it has no such way. */
  disposeAll?(sdk: Model): Promise<unknown>;
}

/** The object that has the method that loads, and the name of that there. */
export function findLoad(sdk: Model, { loadPath = 'loadModel' }: Subject): readonly [holder: Model, name: string] {
  const path = loadPath.split('.');
  const name = path.pop()!;
  return [path.reduce((at, key) => at[key], sdk), name];
}

export function load(sdk: Model, subject: Subject, ...args: readonly unknown[]): Promise<Model> {
  const [holder, name] = findLoad(sdk, subject);
  return holder[name](...args);
}

/** Models by their quantizations; `larger` is large enough that what it takes stands out of what a process takes by itself. */
export interface SubjectFiles {
  model(quantization?: 'Q4_0' | 'Q4_K_M' | 'Q5_K_M' | 'F32'): string;
  /** The file of a step by the name that events have for it. @default model */
  named?(quantization: string | undefined): string;
  readonly larger: string;
  /** A step of `model` with others below it. */
  readonly best: string;
  remove(): void;
}

const CONTEXT = 512;

export const nexaSdk: Subject = {
  name: 'NexaSDK',
  recognized: true,
  options: {},
  open: () => NexaSDK.initialize(),
  args: (modelPath, memoryGuard) => [modelPath, { contextSize: CONTEXT, ...(memoryGuard && { memoryGuard }) }],
  failing: (modelPath) => [modelPath, { contextSize: CONTEXT, signal: AbortSignal.abort(new Error('not today')) }],
  async compute(model) {
    for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 4 }));
  },
  dispose: (model) => model.dispose(),
  disposeAll: (sdk) => sdk.dispose(),
};

async function llamaNode() {
  return require('@fugood/llama.node') as LoadsModels & object;
}

export const llamaNodeModule: Subject = {
  name: '@fugood/llama.node',
  recognized: true,
  options: {},
  open: llamaNode,
  args: (model, memoryGuard) => [{ model, n_ctx: CONTEXT, ...(memoryGuard && { memoryGuard }) }],
  // The engine ends the process over most of what it can't load; this fails before it is asked.
  failing: (model) => [
    Object.defineProperty({ model, n_ctx: CONTEXT }, 'lib_variant', {
      get() {
        throw new Error('not today');
      },
    }),
  ],
  async compute(model) {
    await model.completion({ prompt: 'Hi', n_predict: 4 });
  },
  dispose: (model) => model.release(),
};

export const nodeLlamaCpp: Subject = {
  name: 'node-llama-cpp',
  recognized: true,
  options: {},
  async open() {
    const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
    // Threads that wait for each other by spinning take seconds for a token where the cores are busy.
    return getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
  },
  args: (modelPath, memoryGuard) => [{ modelPath, ...(memoryGuard && { memoryGuard }) }],
  failing: (modelPath) => [{ modelPath, loadSignal: AbortSignal.abort(new Error('not today')) }],
  async compute(model: LlamaModel) {
    const { LlamaCompletion } = await import('node-llama-cpp');
    const context = await model.createContext({ contextSize: CONTEXT });
    await new LlamaCompletion({ contextSequence: context.getSequence() }).generateCompletion('Hi', { maxTokens: 4 });
  },
  dispose: (model) => model.dispose(),
  disposeAll: (sdk) => sdk.dispose(),
};

const WHISPER_STEPS = { F32: 'F16', Q5_K_M: 'Q8_0', Q4_K_M: 'Q5_0', Q4_0: 'Q4_0' } as const;

export const whisperNode: Subject = {
  name: '@fugood/whisper.node',
  recognized: true,
  options: {},
  loadPath: 'initWhisper',
  mapsNothing: true,
  missing: NO_OTHER_ENGINES,
  makeFiles() {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-whisper-'));
    const path = (step: string) => join(folder, `ggml-mini-${step.toLowerCase()}.bin`);
    for (const type of Object.values(WHISPER_STEPS)) writeWhisperModel(path(type), { type, quiet: true });
    const larger = join(folder, 'ggml-larger.bin');
    writeWhisperModel(larger, { width: 128, textLayers: 3, quiet: true });
    return {
      model: (step = 'Q4_0') => path(WHISPER_STEPS[step]),
      named: (quantization = '') => path(quantization),
      larger,
      best: 'Q8_0',
      remove: () => rmSync(folder, { recursive: true }),
    };
  },
  open: () => importEngine('@fugood/whisper.node').then(({ default: module }) => module),
  args: (filePath, memoryGuard) => [{ filePath, useGpu: false, ...(memoryGuard && { memoryGuard }) }],
  // Only the engine looks at what is not enumerable.
  failing: (filePath) => [
    Object.defineProperty({ filePath }, 'useGpu', {
      get() {
        throw new Error('not today');
      },
    }),
  ],
  async compute(model) {
    const sound = new Int16Array(16_000).map((_, index) => 3000 * Math.sin(index));
    // Five texts side by side, after one that is as long as any.
    const unsure = { temperature: 0.4, temperatureInc: 0, prompt: ' wa'.repeat(600) };
    await model.transcribeData(sound.buffer, { language: 'en', maxThreads: 1, ...unsure }).promise;
  },
  dispose: (model) => model.release(),
};

/** An SDK that nobody knows: its engine is real, its names are its own. */
class Library {
  readonly #open = new Set<Model>();

  async loadModel({ book, pages, ...rest }: { book: string; pages: number; forbidden?: boolean }): Promise<Model> {
    if (rest.forbidden) throw new Error('not today');
    const engine = await ((await llamaNode()).loadModel({ model: book, n_ctx: pages }) as Promise<Model>);
    this.#open.add(engine);
    return {
      predict: () => engine.completion({ prompt: 'Hi', n_predict: 4 }),
      close: async () => {
        if (this.#open.delete(engine)) await engine.release();
      },
    };
  }

  async closeAll(): Promise<void> {
    for (const engine of this.#open) await engine.release();
    this.#open.clear();
  }
}

const STEP = /Q\d_\w+(?=\.gguf)/;

interface Order {
  readonly book: string;
  readonly pages: number;
  readonly guard?: object;
}

export const anyObject: Subject = {
  name: 'any object, with an adapter',
  recognized: false,
  options: {
    adapter: {
      readRequest: ([order]) => {
        const { book, pages, guard } = order as Order;
        const quantization = STEP.exec(book)?.[0];
        // Its engine copies no weights.
        const shape = { contextSize: pages, batchSize: 2048, repack: false };
        return { name: book, quantization, memoryGuard: guard, shape };
      },
      withQuantization: ([order], _chosen, modelPath) => {
        const { guard: _kept, ...rest } = order as Order;
        return [{ ...rest, ...(modelPath !== undefined && { book: modelPath }) }];
      },
      listOffers: async ([order]) => {
        const { book } = order as Order;
        const steps = ['Q5_K_M', 'Q4_K_M', 'Q4_0'] as const;
        const offers = steps.map((step) => ({ quantization: step, modelPath: book.replace(STEP, step) }));
        const there = offers.filter(({ modelPath }) => existsSync(modelPath));
        return STEP.test(book) ? there : [{ modelPath: book }];
      },
      listFiles: (_model, [order]) => [(order as Order).book],
      sdkDisposers: { all: ['closeAll'] },
    },
  },
  open: async () => new Library(),
  args: (book, guard) => [{ book, pages: CONTEXT, ...(guard && { guard }) }],
  failing: (book) => [{ book, pages: CONTEXT, forbidden: true }],
  async compute(model) {
    await model.predict();
  },
  dispose: (model) => model.close(),
  disposeAll: (sdk) => sdk.closeAll(),
};

/** Dtypes by the steps of the files that they stand for. */
const DTYPES: Readonly<Record<string, string>> = { F32: 'fp32', Q5_K_M: 'fp16', Q4_K_M: 'q8', Q4_0: 'q4' };

const families = mkdtempSync(join(tmpdir(), 'nexa-onnx-'));
process.once('exit', () => rmSync(families, { recursive: true, force: true }));

const askedOf = (path: string) => [
  path.includes('larger') ? 'larger/bert' : 'tiny/bert',
  { dtype: DTYPES[/(F32|Q\d_\w+)\.gguf$/.exec(path)![1]!] },
];

export const transformersModule: Subject = {
  name: '@huggingface/transformers',
  recognized: true,
  readsHeaders: false,
  missing: NO_OTHER_ENGINES,
  loadPath: 'AutoModel.from_pretrained',
  options: {},
  async open() {
    if (!existsSync(join(families, 'tiny'))) writeOnnxFamily(join(families, 'tiny/bert'));
    if (!existsSync(join(families, 'larger')))
      writeOnnxFamily(join(families, 'larger/bert'), { hidden: 512, layers: 4 });
    const module = await importEngine('@huggingface/transformers');
    Object.assign(module.env, { localModelPath: families, allowRemoteModels: false });
    return module;
  },
  args(path, memoryGuard) {
    const [id, options] = askedOf(path);
    return [id, Object.assign(options!, memoryGuard && { memoryGuard })];
  },
  failing(path) {
    const [id, options] = askedOf(path);
    const get = () => {
      throw new Error('not today');
    };
    return [id, Object.defineProperty(options, 'progress_callback', { get })];
  },
  async compute(model) {
    const { Tensor } = await importEngine('@huggingface/transformers');
    const ids = new Tensor('int64', [2n, 4n, 5n, 3n], [1, 4]);
    const ones = new Tensor('int64', [1n, 1n, 1n, 1n], [1, 4]);
    await model({ input_ids: ids, attention_mask: ones, token_type_ids: ones });
  },
  dispose: (model) => model.dispose(),
};

/** Weights stay where they are: those beside the file mapped, those in it in memory. How many are copied otherwise depends on the CPU. */
const MAPPED = { extra: { session: { disable_prepacking: '1' } } };

export const onnxRuntime: Subject = {
  name: 'onnxruntime-node',
  recognized: true,
  options: {},
  missing: NO_OTHER_ENGINES,
  loadPath: 'InferenceSession.create',
  laddered: false,
  makeFiles: makeOnnxFiles,
  open: () => importEngine('onnxruntime-node'),
  args: (modelPath, memoryGuard) => [modelPath, { ...MAPPED, ...(memoryGuard && { memoryGuard }) }],
  failing: (modelPath) => [
    modelPath,
    {
      get executionMode() {
        throw new Error('not today');
      },
    },
  ],
  async compute(model) {
    const { Tensor } = await importEngine('onnxruntime-node');
    const [{ shape }] = model.inputMetadata;
    await model.run({ x: new Tensor('float32', new Float32Array(4 * shape[1]), [4, shape[1]]) });
  },
  dispose: (model) => model.release(),
};

function makeOnnxFiles(): SubjectFiles {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-'));
  const write = (name: string, chain: Parameters<typeof describeChain>[0]) => {
    const path = join(folder, name);
    if (!existsSync(path)) writeOnnx(path, describeChain(chain));
    return path;
  };
  return {
    best: 'F32',
    // The one that is the largest of the others is too.
    model: (quantization) =>
      write(`${quantization ?? 'model'}.onnx`, {
        layers: quantization === 'F32' ? 16 : 4,
        width: 512,
        external: true,
      }),
    get larger() {
      return write('inline.onnx', { layers: 24, width: 1024 });
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
