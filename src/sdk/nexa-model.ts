/** The handle of a loaded model: one text at a time, stopped when nobody wants it. It knows no engine and no files. */
import { resolve } from 'node:path';
import { invalidOption, MemoryGuardError } from '../core/errors.ts';
import { type ChatMessage, checkMessages, pathsOf, toolsJson, turnsOf } from './chat-messages.ts';
import { mediaOf, prepare } from './prepare-generate.ts';
import { path as pathRule } from './rules.ts';
import type { Capabilities, GenerateResult, RuntimeGenerate, RuntimeModel } from './runtime.ts';
import { type GenerateOptions, readGenerateOptions } from './sdk-options.ts';
import { TextQueue } from './text-queue.ts';

export interface ModelFacts {
  readonly name: string;
  readonly quantization?: string | undefined;
  readonly contextSize: number;
  readonly microBatchSize: number;
  readonly kvCacheType?: string | undefined;
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
}

/** Streams that were dropped half-way: nobody will read them, so nothing may go on computing them. */
const dropped = new FinalizationRegistry<() => void>((stop) => stop());

export class NexaModel {
  readonly name: string;
  /** Of the file that was loaded, where its name says. */
  readonly quantization: string | undefined;
  readonly contextSize: number;
  /** Tokens that are computed at once: at most `microBatchSize` of the load, and no more than the context has. */
  readonly microBatchSize: number;
  /** Of keys and values, where the runtime was told one. */
  readonly kvCacheType: string | undefined;
  readonly modelPath: string;
  readonly projectorPath: string | undefined;
  readonly capabilities: Capabilities;

  readonly #model: RuntimeModel;
  readonly #onDisposed: ((model: NexaModel) => void) | undefined;
  /** Fulfilled when everything that was asked for so far is done. */
  #turn: Promise<void> = Promise.resolve();
  #running: TextQueue | undefined;
  #lastResult: GenerateResult | undefined;
  #disposal: Promise<void> | undefined;

  constructor(facts: ModelFacts, model: RuntimeModel, onDisposed?: (model: NexaModel) => void) {
    this.name = facts.name;
    this.quantization = facts.quantization;
    this.contextSize = facts.contextSize;
    this.microBatchSize = Math.min(facts.microBatchSize, facts.contextSize);
    this.kvCacheType = facts.kvCacheType;
    this.modelPath = facts.modelPath;
    this.projectorPath = facts.projectorPath;
    this.capabilities = Object.freeze({ ...model.capabilities });
    this.#model = model;
    this.#onDisposed = onDisposed;
  }

  /** The numbers of the text that was finished or stopped last. */
  get lastResult(): GenerateResult | undefined {
    return this.#lastResult;
  }

  /**
   * Streams the answer; the generator's return value is its result. Work starts with the first read and waits for
   * texts asked for before. Leaving the loop, dropping it, or the signal, stops the engine at its next token; a text that
   * is being read rejects with the signal's reason. Text that comes while nobody reads is kept.
   * Throws `ERR_INVALID_OPTION` and `ERR_RUNTIME`.
   */
  generate(options: GenerateOptions): AsyncGenerator<string, GenerateResult, void> {
    this.#assertUsable();
    const generate = readGenerateOptions(options);
    const { audio, images } = mediaOf(generate);
    this.#assertAble(audio, images);
    const queue = new TextQueue();
    const stream = this.#stream(() => prepare(generate), generate.signal, queue);
    dropped.register(stream, () => this.#cancel(queue, undefined));
    return stream;
  }

  /** What the model's chat template makes of a conversation. Throws `ERR_INVALID_OPTION` and `ERR_RUNTIME`. */
  applyChatTemplate(
    messages: readonly ChatMessage[],
    { tools, thinking }: Pick<GenerateOptions, 'tools' | 'thinking'> = {},
  ): Promise<string> {
    checkMessages(messages);
    const turns = turnsOf(messages);
    this.#assertAble(pathsOf(turns, 'audio'), pathsOf(turns, 'image'));
    return this.#inTurn(() => this.#model.format(turns, { tools: toolsJson(tools), thinking }));
  }

  /** Forgets the conversation, so that the next one starts with an empty context. */
  reset(): Promise<void> {
    return this.#inTurn(() => this.#model.reset());
  }

  /** Keeps what the context holds in a file, so that a long prompt need not be read again. */
  saveKvCache(path: string): Promise<void> {
    return this.#kvCache('saveKvCache', path);
  }

  /** Takes what `saveKvCache` of the same model kept; the next prompt begins with the text that it held. */
  loadKvCache(path: string): Promise<void> {
    return this.#kvCache('loadKvCache', path);
  }

  /** Stops what runs, gives the memory back, and does nothing the second time. Texts that are being read reject. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async *#stream(
    prepared: () => Promise<RuntimeGenerate>,
    signal: AbortSignal | undefined,
    queue: TextQueue,
  ): AsyncGenerator<string, GenerateResult, void> {
    signal?.throwIfAborted();
    const request = await prepared();
    signal?.throwIfAborted();
    this.#assertUsable();
    const abort = () => this.#cancel(queue, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const work = this.#turn.then(() => this.#run(request, queue));
    this.#turn = work;
    try {
      for (;;) {
        const next = await queue.next();
        if (next.done) return next.value;
        yield next.value;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#cancel(queue, undefined);
      // A text that still waited for its turn has nothing to wait for.
      if (this.#running === queue) await work;
    }
  }

  /** After what was asked for before; waits for no text that comes later. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#assertUsable();
    const done = this.#turn.then(() => {
      this.#assertUsable();
      return work();
    });
    this.#turn = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  #kvCache(call: 'saveKvCache' | 'loadKvCache', path: string): Promise<void> {
    if (!pathRule.accepts(path)) throw invalidOption('path', pathRule.expected, path);
    const work = this.#model[call]?.bind(this.#model);
    if (work === undefined) {
      throw new MemoryGuardError('ERR_RUNTIME', `This runtime has no \`${call}\`; the SDK's own library has.`);
    }
    return this.#inTurn(() => work(resolve(path)));
  }

  /** Never rejects: what goes wrong belongs to the reader. */
  async #run(request: RuntimeGenerate, queue: TextQueue): Promise<void> {
    if (!queue.open) return;
    if (this.#disposal) return queue.fail(this.#gone());
    this.#running = queue;
    try {
      const result = await this.#model.generate(request, (text) => queue.push(text));
      this.#lastResult = Object.freeze(result);
      queue.end(result);
    } catch (error) {
      queue.fail(error);
    } finally {
      this.#running = undefined;
    }
  }

  #cancel(queue: TextQueue, reason: unknown): void {
    if (!queue.open) return;
    queue.fail(reason);
    if (this.#running === queue) this.#model.stop();
  }

  async #dispose(): Promise<void> {
    // The rest must see that `#disposal` is set.
    await undefined;
    if (this.#running) this.#cancel(this.#running, this.#gone());
    await this.#turn;
    await this.#model.dispose();
    this.#onDisposed?.(this);
  }

  #assertUsable(): void {
    if (this.#disposal) throw this.#gone();
  }

  #gone(): MemoryGuardError {
    return new MemoryGuardError('ERR_RUNTIME', `The model ${JSON.stringify(this.name)} is disposed; load it again.`);
  }

  #assertAble(audio: readonly string[], images: readonly string[]): void {
    if (audio.length > 0 && !this.capabilities.audio) throw this.#unable('audio', 'hears');
    if (images.length > 0 && !this.capabilities.vision) throw this.#unable('images', 'sees');
  }

  #unable(option: 'audio' | 'images', does: 'hears' | 'sees'): MemoryGuardError {
    const found = this.projectorPath
      ? `its projector ${JSON.stringify(this.projectorPath)} ${does} nothing`
      : 'it was loaded without a projector; put its mmproj file beside it or pass `projectorPath`';
    const message = `The model ${JSON.stringify(this.name)} takes no \`${option}\`: ${found}.`;
    return new MemoryGuardError('ERR_INVALID_OPTION', message);
  }
}
