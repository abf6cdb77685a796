/** The handle of a loaded model: one text at a time, stopped when nobody wants it. It knows no engine and no files. */
import { resolve } from 'node:path';
import { MemoryGuardError } from '../core/errors.ts';
import { DEFAULT_IMAGE_PIXELS } from '../core/image-pixels.ts';
import { path as checkPath } from '../core/validate.ts';
import { limitAudio } from './audio/longest-audio.ts';
import { type ChatMessage, checkMessages, listPaths, printTools, readTurns } from './chat-messages.ts';
import { listMedia, prepareGenerate, refuseMedia } from './prepare-generate.ts';
import { readGenerateOptions, readTemplateOptions } from './read-sdk-options.ts';
import type { Capabilities, GenerateResult, RuntimeGenerate, RuntimeModel } from './runtime.ts';
import type { GenerateOptions } from './sdk-options.ts';
import { TextQueue } from './text-queue.ts';

/** What is known of a model once it is loaded. */
export interface NexaModelFacts {
  readonly name: string;
  readonly quantization?: string | undefined;
  readonly contextSize: number;
  readonly microBatchSize: number;
  readonly kvCacheType?: string | undefined;
  readonly maxAudioSeconds?: number | undefined;
  readonly maxImagePixels?: number | undefined;
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
}

/** Streams that were begun and are no longer reachable: nobody will read them, so the engine must not go on computing them. */
const dropped = new FinalizationRegistry<() => void>((stop) => stop());

/**
 * A loaded model, from `NexaSDK.loadModel`. It does one thing at a time, in the order in which it is asked. Every method throws or
 * rejects with `ERR_RUNTIME` once the model is disposed.
 */
export class NexaModel {
  /** A known model such as 'qwen2audio', a repository, or the file's name without its ending. */
  readonly name: string;
  /** Quantization in the name of the file that was loaded, such as 'Q4_K_M'; `undefined` if the name has none. */
  readonly quantization: string | undefined;
  /** Tokens of prompt, media and answer together. */
  readonly contextSize: number;
  /** Tokens that are computed at once: at most `microBatchSize` of the load, and no more than the context has. */
  readonly microBatchSize: number;
  /** Type of the cached keys and values; `undefined` if the runtime was told none. */
  readonly kvCacheType: string | undefined;
  /** How long the sounds of one text may last together: what the context holds, and no more than the load allows; 0 without a projector. */
  readonly maxAudioSeconds: number;
  /** Width times height of the largest picture that is taken. */
  readonly maxImagePixels: number;
  /** Absolute path of the model's file; of a split model that of the first one. */
  readonly modelPath: string;
  /** Absolute path of the projector; `undefined` if the model was loaded without one. */
  readonly projectorPath: string | undefined;
  /** Whether the model hears and sees. */
  readonly capabilities: Capabilities;
  /** The process that the model lives in; `undefined` if that is this one. */
  readonly pid: number | undefined;

  readonly #model: RuntimeModel;
  readonly #maxAudioSeconds: number | undefined;
  readonly #onDisposed: ((model: NexaModel) => void) | undefined;
  /** Fulfilled when everything that was asked for so far is done. */
  #turn: Promise<void> = Promise.resolve();
  #running: TextQueue | undefined;
  #lastResult: GenerateResult | undefined;
  #disposal: Promise<void> | undefined;

  /** @internal Programs get a model from `NexaSDK.loadModel()`. */
  constructor(facts: NexaModelFacts, model: RuntimeModel, onDisposed?: (model: NexaModel) => void) {
    this.name = facts.name;
    this.quantization = facts.quantization;
    this.contextSize = facts.contextSize;
    this.microBatchSize = Math.min(facts.microBatchSize, facts.contextSize);
    this.kvCacheType = facts.kvCacheType;
    this.#maxAudioSeconds = facts.maxAudioSeconds;
    this.maxAudioSeconds = limitAudio(model.longestAudioSeconds, facts.maxAudioSeconds).longestSeconds;
    this.maxImagePixels = facts.maxImagePixels ?? DEFAULT_IMAGE_PIXELS;
    this.modelPath = facts.modelPath;
    this.projectorPath = facts.projectorPath;
    this.capabilities = Object.freeze({ ...model.capabilities });
    this.pid = model.pid;
    this.#model = model;
    this.#onDisposed = onDisposed;
  }

  /** The text that was finished or stopped last, with its numbers; `undefined` before the first. */
  get lastResult(): GenerateResult | undefined {
    return this.#lastResult;
  }

  /**
   * Streams the answer in pieces of text; the generator's return value is the `GenerateResult`. Work starts with the first read and
   * waits for texts that were asked for before. Text that comes while nobody reads is kept. The engine stops at its next token if
   * the loop is left, if the stream is dropped, or if the signal aborts; in the last case the read rejects at once with the signal's
   * reason. What is asked of the model next waits until the engine has stopped.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` for a bad option, or for media that the model can't take; the first read rejects
   * with it for a file that isn't there or isn't of its kind. Reads reject with `ERR_CONTEXT_FULL` if the prompt and its media don't
   * fit in the context, and with `ERR_RUNTIME` if the engine fails.
   * @example
   * for await (const text of model.generate({ prompt: 'What is said?', audio: 'speech.wav' })) {
   *   process.stdout.write(text);
   * }
   * console.log(model.lastResult?.finishReason);
   */
  generate(options: GenerateOptions): AsyncGenerator<string, GenerateResult, void> {
    this.#assertUsable();
    const resolved = readGenerateOptions(options);
    const { audio, images } = listMedia(resolved);
    refuseMedia(this, audio, images);
    const queue = new TextQueue();
    const stream = this.#stream(
      () =>
        prepareGenerate(resolved, {
          contextSize: this.contextSize,
          longestAudioSeconds: this.#model.longestAudioSeconds,
          maxAudioSeconds: this.#maxAudioSeconds,
          maxImagePixels: this.maxImagePixels,
        }),
      resolved.signal,
      queue,
    );
    dropped.register(stream, () => this.#cancel(queue, undefined));
    return stream;
  }

  /**
   * The text that the model's chat template makes of a conversation.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` for bad messages, for a bad option, or for media that the model can't take;
   * rejects with `ERR_RUNTIME` if the engine fails or the template refuses the conversation.
   */
  applyChatTemplate(
    messages: readonly ChatMessage[],
    options: Pick<GenerateOptions, 'tools' | 'thinking'> = {},
  ): Promise<string> {
    const turns = readTurns(checkMessages(messages, 'messages'));
    const { tools, thinking } = readTemplateOptions(options);
    refuseMedia(this, listPaths(turns, 'audio'), listPaths(turns, 'image'));
    return this.#inTurn(() => this.#model.format(turns, { tools: printTools(tools), thinking }));
  }

  /** Forgets the conversation, so that the next one starts with an empty context. */
  reset(): Promise<void> {
    return this.#inTurn(() => this.#model.reset());
  }

  /**
   * Writes what the context holds to a file, so that a long prompt need not be read again, and a note beside it (`path` with
   * `.json` behind it) of the text that this is. Of models without a projector only.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` if `path` is no path, `ERR_RUNTIME` if the runtime has nothing like it; rejects
   * with `ERR_RUNTIME` if the engine fails, a file can't be written, or it isn't known what the context holds.
   */
  saveKvCache(path: string): Promise<void> {
    return this.#moveKvCache('saveKvCache', path);
  }

  /**
   * Takes what `saveKvCache` of the same model wrote: the context then holds what it held when it was saved. The next prompt is
   * given whole; what it shares with the cache is not read again. If it doesn't begin with all of it, or if the model puts a token
   * before every prompt, the cache is given up and the prompt is read whole.
   *
   * @throws MemoryGuardError As `saveKvCache` does; rejects with `ERR_RUNTIME` if the note is missing or is of another model.
   */
  loadKvCache(path: string): Promise<void> {
    return this.#moveKvCache('loadKvCache', path);
  }

  /** Stops what runs and gives the memory back; texts that are being read reject. A second call changes nothing. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  /** The same as `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async *#stream(
    prepared: () => Promise<RuntimeGenerate>,
    signal: AbortSignal | undefined,
    queue: TextQueue,
  ): AsyncGenerator<string, GenerateResult, void> {
    signal?.throwIfAborted();
    this.#assertUsable();
    const preparation = prepared();
    // The reader hears of it at once, even while other texts are in front of this one.
    preparation.catch((error) => queue.fail(error));
    const abort = () => this.#cancel(queue, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const work = this.#turn.then(() => this.#run(preparation, queue));
    this.#turn = work;
    try {
      for (;;) {
        const next = await queue.next();
        if (next.done) return next.value;
        yield next.value;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      // Who leaves the loop gets the result of the engine's next token. An abort or a disposal doesn't wait for the engine, which may
      // be in the middle of a long prompt; the next text does.
      const left = queue.open && this.#running === queue;
      this.#cancel(queue, undefined);
      if (left) await work;
    }
  }

  /** Runs work after everything that was asked for before it. */
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

  #moveKvCache(call: 'saveKvCache' | 'loadKvCache', path: string): Promise<void> {
    checkPath(path, 'path');
    const work = this.#model[call]?.bind(this.#model);
    if (work === undefined) {
      throw new MemoryGuardError('ERR_RUNTIME', `This runtime has no \`${call}\`; the SDK's own library has.`);
    }
    return this.#inTurn(() => work(resolve(path)));
  }

  /** Never rejects: an error goes to the reader of the text. */
  async #run(preparation: Promise<RuntimeGenerate>, queue: TextQueue): Promise<void> {
    try {
      const request = await preparation;
      if (!queue.open) return;
      this.#assertUsable();
      this.#running = queue;
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
    // From here on every other method must see that `#disposal` is set.
    await undefined;
    // The engine may be in the middle of a long prompt: what ends it at once doesn't wait for its next token.
    const atOnce = this.#running && this.#model.disposesAtOnce;
    if (this.#running) this.#cancel(this.#running, this.#disposedError());
    if (atOnce) await this.#model.dispose();
    await this.#turn;
    if (!atOnce) await this.#model.dispose();
    this.#onDisposed?.(this);
  }

  #assertUsable(): void {
    if (this.#disposal) throw this.#disposedError();
  }

  #disposedError(): MemoryGuardError {
    return new MemoryGuardError('ERR_RUNTIME', `The model ${JSON.stringify(this.name)} is disposed; load it again.`);
  }
}
