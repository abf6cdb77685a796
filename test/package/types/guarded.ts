/** `Guarded<T>`: the SDK's own types, and what the guard adds to them. Compiled against the packed types, never run. */
import { expectTypeOf } from 'expect-type';
import {
  createMemoryGuard,
  type Guarded,
  type GuardedModel,
  type KvCacheType,
  type LadderStep,
  type MemoryGuard,
  type NexaModel,
  NexaSDK,
  type Quantization,
  type QuantizationName,
  type SpawnedProgram,
  withMemoryGuard,
} from 'nexa-memory-guard';

interface Model {
  readonly id: number;
  answer(prompt: string): AsyncIterable<string>;
  dispose(): Promise<void>;
}

declare class Sdk {
  readonly version: string;
  loadModel(name: string, options?: { quantization?: string; contextSize?: number; threads?: number }): Promise<Model>;
  list<T extends string>(kind: T): Promise<T[]>;
}

declare const sdk: Sdk;
const nexa = withMemoryGuard(sdk);

expectTypeOf(nexa).toEqualTypeOf<Guarded<Sdk>>();
expectTypeOf(nexa.guard).toEqualTypeOf<MemoryGuard>();
expectTypeOf(nexa.version).toEqualTypeOf<string>();
expectTypeOf(nexa.list('gguf')).toEqualTypeOf<Promise<'gguf'[]>>();
expectTypeOf(await nexa.loadModel('qwen2audio')).toEqualTypeOf<GuardedModel<Model>>();

// A guarded model is the SDK's own, with what was chosen for it and a way to be used with `await using`.
await using chosen = await nexa.loadModel('qwen2audio');
expectTypeOf(chosen).toExtend<Model>();
expectTypeOf(chosen.id).toEqualTypeOf<number>();
expectTypeOf(chosen.quantization).toEqualTypeOf<QuantizationName | undefined>();
expectTypeOf<LadderStep>().toExtend<QuantizationName>();
expectTypeOf<Quantization>().toEqualTypeOf<'Q4_0' | 'Q4_K_M' | 'Q5_K_M'>();
expectTypeOf<Quantization>().toExtend<LadderStep>();
expectTypeOf(chosen.contextSize).toEqualTypeOf<number | undefined>();
expectTypeOf(chosen.kvCacheType).toEqualTypeOf<KvCacheType | undefined>();
expectTypeOf(chosen[Symbol.asyncDispose]()).toEqualTypeOf<Promise<void>>();
// @ts-expect-error what was chosen is not changed
chosen.contextSize = 1;
// A property that the model has itself stays the model's.
expectTypeOf<GuardedModel<{ quantization: 7; free(): void }>['quantization']>().toEqualTypeOf<7>();
// Nothing ends this one.
expectTypeOf<typeof Symbol.asyncDispose extends keyof GuardedModel<{ id: 1 }> ? true : false>().toEqualTypeOf<false>();
expectTypeOf<GuardedModel<string>>().toEqualTypeOf<string>();

await nexa.loadModel('qwen2audio', { threads: 4, contextSize: { min: 2048, max: 4096 } });
await nexa.loadModel('qwen2audio', {
  quantization: 'Q5_K_M',
  memoryGuard: { downgrade: false, force: true, pin: true, wait: { timeoutMs: 1000 }, signal: AbortSignal.timeout(1) },
});
await nexa.loadModel('qwen2audio', { memoryGuard: { footprint: '5 GiB' } });
await nexa.loadModel('qwen2audio', { memoryGuard: { footprint: (quantization) => (quantization === 'Q4_0' ? 1 : 2) } });
await nexa.loadModel('qwen2audio', { memoryGuard: { footprint: { mappedBytes: '4 GiB', anonymousBytes: 2 ** 30 } } });

// @ts-expect-error an option of the SDK that it hasn't
await nexa.loadModel('qwen2audio', { thread: 4 });
// @ts-expect-error an option of the SDK of another type
await nexa.loadModel('qwen2audio', { threads: '4' });
// @ts-expect-error an option of the guard that it hasn't
await nexa.loadModel('qwen2audio', { memoryGuard: { forced: true } });
// @ts-expect-error an option of the guard of another type
await nexa.loadModel('qwen2audio', { memoryGuard: { wait: 1000 } });
// @ts-expect-error a range without its end
await nexa.loadModel('qwen2audio', { contextSize: { min: 2048 } });
// @ts-expect-error the SDK itself knows no ranges
await sdk.loadModel('qwen2audio', { contextSize: { min: 2048, max: 4096 } });
// @ts-expect-error the name is not optional
await nexa.loadModel();
// @ts-expect-error the guard is not replaced
nexa.guard = {} as MemoryGuard;
// @ts-expect-error nothing to guard
withMemoryGuard({ load() {} });

// A model that is returned at once comes as a promise.
const atOnce = withMemoryGuard({ loadModel: (name: string) => ({ name, free() {} }) });
expectTypeOf(atOnce.loadModel('a')).resolves.toExtend<{ name: string; free: () => void }>();
atOnce.loadModel('a', { memoryGuard: { pin: true } });
// @ts-expect-error an SDK without options takes no others
atOnce.loadModel('a', { threads: 4 });

// Options that must be given, and options of several shapes, stay so.
const strict = withMemoryGuard({
  loadModel: async (_name: string, _options: { device: 'cpu' } | { gpu: number }) => 'id',
});
expectTypeOf(strict.loadModel('a', { device: 'cpu', memoryGuard: { pin: true } })).resolves.toEqualTypeOf<string>();
strict.loadModel('a', { gpu: 1, memoryGuard: {} });
// @ts-expect-error neither shape
strict.loadModel('a', { memoryGuard: {} });
// @ts-expect-error no options
strict.loadModel('a');

// Options that nobody described are let through, the guard's own are known all the same.
const loose = withMemoryGuard({ loadModel: async (_name: string, _options?: Record<string, unknown>) => ({}) });
loose.loadModel('a', { anything: 1, memoryGuard: { pin: true } });
const unknown = withMemoryGuard({ loadModel: async (_name: string, _options?: unknown) => ({}) });
unknown.loadModel('a', { anything: 1, memoryGuard: { pin: true } });
// @ts-expect-error an option of the guard of another type
unknown.loadModel('a', { anything: 1, memoryGuard: { pin: 'yes' } });

// A path in the options, and contexts that a model makes later.
const llama = withMemoryGuard({
  loadModel: async (_options: { modelPath: string; gpuLayers?: number }) => ({
    createContext: async (_options?: { contextSize?: number }) => ({ sequences: 1 }),
    dispose: async () => {},
  }),
});
const loaded = await llama.loadModel({ modelPath: 'model.gguf', gpuLayers: 0, memoryGuard: { downgrade: false } });
const context = await loaded.createContext({ memoryGuard: { force: true } });
expectTypeOf(context.sequences).toEqualTypeOf<number>();
expectTypeOf(context.ready).toEqualTypeOf<() => Promise<void>>();
// @ts-expect-error no path
await llama.loadModel({ memoryGuard: {} });

// The package's own SDK.
const own = withMemoryGuard(await NexaSDK.initialize({ runtime: 'llama', modelsDir: './models' }));
await using model = await own.loadModel('qwen2audio', { quantization: 'Q5_K_M', kvCacheType: ['f16', 'q8_0'] });
expectTypeOf(model).toExtend<NexaModel>();
expectTypeOf(model.quantization).toEqualTypeOf<string | undefined>();
for await (const text of model.generate({ prompt: 'What is said?', audio: 'speech.wav' })) {
  expectTypeOf(text).toEqualTypeOf<string>();
}
expectTypeOf(model.dispose()).toEqualTypeOf<Promise<void>>();
// @ts-expect-error a runtime that there is not
await NexaSDK.initialize({ runtime: 'cuda' });

// A program that loads a model by itself.
const server = await nexa.guard.spawn('server', ({ modelPath, contextSize }) => [`${modelPath}`, `${contextSize}`], {
  modelPath: 'a.gguf',
  contextSize: { min: 2048, max: 4096 },
  pin: true,
  env: { A: 'b', C: undefined },
  stdio: ['ignore', 'pipe', 2],
  ready: async (program, { aborted }) => [program.pid, aborted],
  onKilled: 'reload-smaller',
});
expectTypeOf(server).toEqualTypeOf<SpawnedProgram>();
expectTypeOf(server.use(({ pid }) => pid)).toEqualTypeOf<Promise<number>>();
expectTypeOf(server.use(async () => 'text')).toEqualTypeOf<Promise<string>>();
expectTypeOf(server[Symbol.asyncDispose]()).toEqualTypeOf<Promise<void>>();
expectTypeOf((await server.ended).signal).toEqualTypeOf<string | undefined>();
await nexa.guard.spawn('server', ['--quiet'], { footprint: '2 GiB' });
// @ts-expect-error an option that it hasn't
await nexa.guard.spawn('server', [], { footprint: 1, keepAlive: 1 });
// @ts-expect-error nothing says what it needs
await nexa.guard.spawn('server', []);
// @ts-expect-error arguments are texts
await nexa.guard.spawn('server', ['-c', 2048], { footprint: 1 });

// One guard for several SDKs, and for calls of the program's own.
const guard = createMemoryGuard({ evict: 'idle', minFreeBytes: '1 GiB' });
expectTypeOf(guard).toEqualTypeOf<MemoryGuard>();
expectTypeOf(guard.wrap(sdk).guard).toExtend<MemoryGuard>();
expectTypeOf(await guard.wrap(sdk).loadModel('qwen2audio')).toEqualTypeOf<GuardedModel<Model>>();
// @ts-expect-error there is no SDK yet
createMemoryGuard({ adapter: {} });

// An object whose loads stand elsewhere, named by an adapter: the ways of a call that it has, with `memoryGuard` in them.
declare class Session {
  static create(path: string, options?: { threads?: number }): Promise<Session>;
  static create(bytes: Uint8Array, options?: { threads?: number }): Promise<Session>;
  run(): Promise<number>;
  release(): void;
}
declare const sessions: { Session: typeof Session; open: { deep: (name: string) => Promise<Model> }; version: 2 };
const named = guard.wrap(sessions, { loads: ['Session.create', 'open.deep'] });
await using session = await named.Session.create('a', { threads: 2, memoryGuard: { pin: true } });
expectTypeOf(session.run()).toEqualTypeOf<Promise<number>>();
expectTypeOf(session.quantization).toEqualTypeOf<QuantizationName | undefined>();
expectTypeOf(await named.Session.create(new Uint8Array(1), { memoryGuard: {} })).toEqualTypeOf(session);
expectTypeOf(await named.open.deep('a', { memoryGuard: {} })).toEqualTypeOf<GuardedModel<Model>>();
expectTypeOf(named.version).toEqualTypeOf<2>();
expectTypeOf(named.guard).toEqualTypeOf<MemoryGuard>();
expectTypeOf(withMemoryGuard(sessions, { adapter: { loads: { 'open.deep': {} } } }).guard).toEqualTypeOf<MemoryGuard>();
// @ts-expect-error an option of the object of another type
await named.Session.create('a', { threads: '2' });
// @ts-expect-error nothing loads
guard.wrap(sessions);

await using alone = await guard.load(
  { name: 'm', footprint: '1 GiB', dispose() {} },
  async ({ quantization, contextSize }) => {
    expectTypeOf(quantization).toEqualTypeOf<string | undefined>();
    expectTypeOf(contextSize).toEqualTypeOf<number | undefined>();
    return sdk.loadModel('m');
  },
);
expectTypeOf(alone.id).toEqualTypeOf<number>();
const pipe = await guard.load(
  {
    name: 'pipe',
    candidates: [
      { quantization: 'fp16', footprint: '1 GiB', dtype: 1 },
      { quantization: 'q8', footprint: '1 GiB', dtype: 2 },
    ],
    dispose: (model: (text: string) => string) => model,
  },
  ({ candidate }) => {
    expectTypeOf(candidate?.dtype).toEqualTypeOf<number | undefined>();
    return (text: string) => text;
  },
);
expectTypeOf(pipe('text')).toEqualTypeOf<string>();
expectTypeOf(pipe.dispose()).toEqualTypeOf<Promise<void>>();
// @ts-expect-error an option that there is not
await guard.load({ name: 'm', bytes: 1 }, () => ({}));
// @ts-expect-error a model is an object
await guard.load({ name: 'm' }, () => 5);

// A module whose sessions are made by a class of it.
declare class OnnxSession {
  static create(path: string, options?: { enableCpuMemArena?: boolean }): Promise<OnnxSession>;
  static create(bytes: Uint8Array, options?: { enableCpuMemArena?: boolean }): Promise<OnnxSession>;
  run(feeds: Record<string, unknown>): Promise<Record<string, unknown>>;
  release(): Promise<void>;
}
declare const runtime: { readonly InferenceSession: typeof OnnxSession; readonly Tensor: typeof Object };
const ort = withMemoryGuard(runtime);
const onnxSession = await ort.InferenceSession.create('model.onnx', {
  enableCpuMemArena: false,
  memoryGuard: { pin: true },
});
expectTypeOf(onnxSession.run({})).resolves.toEqualTypeOf<Record<string, unknown>>();
expectTypeOf(ort.guard).toEqualTypeOf<MemoryGuard>();
// @ts-expect-error an option that there is not
await ort.InferenceSession.create('model.onnx', { memoryGuard: { pinned: true } });
await createMemoryGuard().wrap(runtime).InferenceSession.create(new ArrayBuffer(8), 0, 8);
