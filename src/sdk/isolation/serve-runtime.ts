/** What runs in the process of a model: a runtime that does what its program asks for. It knows no channel and no engine. */
import { loadAddon } from '../../addon/load-addon.ts';
import { openRuntime } from '../open-runtime.ts';
import type { LogLevel, Runtime, RuntimeGenerate, RuntimeLoad, RuntimeModel } from '../runtime.ts';
import type { InitializeOptions } from '../sdk-options.ts';
import type { LoadedThere, OpenedThere, ProcessMessage, ProgramMessage } from './child-message.ts';
import { sendError } from './sent-error.ts';
import { TextBatch } from './text-batch.ts';

/** What a load says besides the runtime's own request. */
type AskedLoad = RuntimeLoad & { readonly reportsProgress: boolean };

type ModelCall = Extract<ProgramMessage, { readonly type: 'model' }>;

/** Returns the function that takes the program's messages. What it answers goes to `send`. */
export function serveRuntime(
  send: (message: ProcessMessage) => void,
  open: (options: InitializeOptions) => Promise<Runtime> = openRuntime,
): (message: ProgramMessage) => void {
  const server = new RuntimeServer(send, open);
  return (message) => server.take(message);
}

class RuntimeServer {
  readonly #send: (message: ProcessMessage) => void;
  readonly #open: (options: InitializeOptions) => Promise<Runtime>;
  readonly #models = new Map<number, RuntimeModel>();
  #runtime!: Runtime;
  #nextModel = 1;

  constructor(send: (message: ProcessMessage) => void, open: (options: InitializeOptions) => Promise<Runtime>) {
    this.#send = send;
    this.#open = open;
  }

  take(message: ProgramMessage): void {
    if (message.type === 'ping') this.#send({ type: 'pong' });
    else if (message.type === 'stop') this.#models.get(message.model)?.stop();
    else void this.#answer(message);
  }

  async #answer(message: Exclude<ProgramMessage, { readonly type: 'ping' | 'stop' }>): Promise<void> {
    const { call } = message;
    try {
      this.#send({ type: 'done', call, value: await this.#run(message) });
    } catch (error) {
      this.#send({ type: 'failed', call, error: sendError(error) });
    }
  }

  #run(message: Exclude<ProgramMessage, { readonly type: 'ping' | 'stop' }>): Promise<unknown> {
    const [first] = message.args;
    switch (message.type) {
      case 'open':
        return this.#openRuntime(first as InitializeOptions);
      case 'load':
        return this.#load(message.call, first as AskedLoad);
      case 'plugins':
        return Promise.resolve(this.#runtime.plugins?.() ?? []);
      case 'devices':
        return Promise.resolve(this.#runtime.devices?.(first as string) ?? []);
      case 'model':
        return this.#callModel(message);
    }
  }

  async #openRuntime(options: InitializeOptions): Promise<OpenedThere> {
    const onLog = (level: LogLevel, text: string) => this.#send({ type: 'log', level, text });
    this.#runtime = await this.#open({ ...options, onLog });
    const { name, version, kvCacheTypes, library } = this.#runtime;
    return { name, version, kvCacheTypes, library };
  }

  async #load(call: number, { reportsProgress, ...request }: AskedLoad): Promise<LoadedThere> {
    const onProgress = reportsProgress
      ? (percent: number) => this.#send({ type: 'progress', call, percent })
      : undefined;
    const loaded = await this.#runtime.load({ ...request, onProgress });
    const model = this.#nextModel++;
    this.#models.set(model, loaded);
    const { capabilities, longestAudioSeconds, saveKvCache } = loaded;
    return { model, ...capabilities, longestAudioSeconds, keepsKvCache: saveKvCache !== undefined };
  }

  async #callModel({ call, model, method, args }: ModelCall): Promise<unknown> {
    const loaded = this.#models.get(model)!;
    if (method === 'generate') return this.#generate(call, loaded, args[0] as RuntimeGenerate);
    if (method === 'dispose') return this.#dispose(model, loaded);
    return (loaded[method] as (...args: readonly unknown[]) => Promise<unknown>).apply(loaded, [...args]);
  }

  /** Other models live here, so this process stays: what an allocator would keep for them goes back to the system. */
  async #dispose(model: number, loaded: RuntimeModel): Promise<void> {
    this.#models.delete(model);
    await loaded.dispose();
    await loadAddon()?.trimHeap();
  }

  async #generate(call: number, model: RuntimeModel, request: RuntimeGenerate): Promise<unknown> {
    const batch = new TextBatch((text) => this.#send({ type: 'text', call, text }));
    try {
      return await model.generate(request, (text) => batch.push(text));
    } finally {
      batch.flush();
    }
  }
}
