/** The handle of a loaded model: one text at a time, stopped when nobody wants it. It knows no engine and no files. */
import { MemoryGuardError } from '../errors.ts';
import { checkAudioFile } from './audiofile.ts';
import { type Generate, type GenerateOptions, readGenerateOptions } from './options.ts';
import type { Capabilities, GenerateResult, RuntimeModel } from './runtime.ts';
import { TextQueue } from './textqueue.ts';

export interface ModelFacts {
  readonly name: string;
  readonly quantization?: string | undefined;
  readonly contextSize: number;
  readonly microBatchSize: number;
  readonly kvCacheType?: string | undefined;
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
}

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
   * texts asked for before. Leaving the loop, or the signal, stops the engine at its next token; a text that is being
   * read rejects with the signal's reason. Text that comes while nobody reads is kept.
   * Throws `ERR_INVALID_OPTION` and `ERR_RUNTIME`.
   */
  generate(options: GenerateOptions): AsyncGenerator<string, GenerateResult, void> {
    this.#assertUsable();
    const generate = readGenerateOptions(options);
    if (generate.audio.length > 0 && !this.capabilities.audio) throw this.#deaf();
    return this.#stream(generate);
  }

  /** Stops what runs, gives the memory back, and does nothing the second time. Texts that are being read reject. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async *#stream({ audio, signal, ...request }: Generate): AsyncGenerator<string, GenerateResult, void> {
    signal?.throwIfAborted();
    const audioPaths = await Promise.all(audio.map(checkAudioFile));
    signal?.throwIfAborted();
    this.#assertUsable();
    const queue = new TextQueue();
    const abort = () => this.#cancel(queue, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const work = this.#turn.then(() => this.#run({ ...request, audioPaths }, queue));
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

  /** Never rejects: what goes wrong belongs to the reader. */
  async #run(request: Parameters<RuntimeModel['generate']>[0], queue: TextQueue): Promise<void> {
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

  #deaf(): MemoryGuardError {
    const found = this.projectorPath
      ? `its projector ${JSON.stringify(this.projectorPath)} hears nothing`
      : 'it was loaded without a projector; put its mmproj file beside it or pass `projectorPath`';
    const message = `The model ${JSON.stringify(this.name)} takes no \`audio\`: ${found}.`;
    return new MemoryGuardError('ERR_INVALID_OPTION', message);
  }
}
