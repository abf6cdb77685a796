/** One model of the SDK's library. It knows the addon's calls and no files besides their paths. */

import type {
  LayoutName,
  ModelHandle,
  NativeChat,
  NativeFailure,
  NativeMessage,
  NativeResult,
  NexaBinding,
} from '../../addon/nexa-binding.ts';
import { type ChatSettings, type ChatTurn, makeTurn } from '../chat-messages.ts';
import { refuseLeftRecursion } from '../check-grammar.ts';
import { isSuspect, refuseLongPrompt } from '../refuse-long-prompt.ts';
import type { Capabilities, GenerateResult, RuntimeGenerate, RuntimeModel } from '../runtime.ts';
import { readFinishReason, readProfile, Utf8Text } from './generate-result.ts';
import { readKvCacheNote, removeKvCacheNote, writeKvCacheNote } from './kv-cache-note.ts';
import { type LoadedLibraryModel, multimodalCache, textFailure } from './library-errors.ts';
import { type LibraryModelKind, refuseTextOptions } from './library-options.ts';
import { toNativeSampling } from './sampling.ts';

/** The library rounds a context up to a multiple of this. */
const CONTEXT_STEP = 256;

/** What is known of a model once it is loaded. */
export interface NexaLibraryModelFacts extends LoadedLibraryModel {
  readonly layout: LayoutName;
  readonly longestAudioSeconds?: number;
}

export class NexaLibraryModel implements RuntimeModel {
  readonly capabilities: Capabilities;
  readonly longestAudioSeconds: number | undefined;
  readonly #nexa: NexaBinding;
  readonly #facts: LoadedLibraryModel;
  readonly #kind: LibraryModelKind;
  #model: ModelHandle | undefined;
  #stopped = false;

  constructor(nexa: NexaBinding, model: ModelHandle, facts: NexaLibraryModelFacts, capabilities: Capabilities) {
    this.#nexa = nexa;
    this.#model = model;
    this.#facts = facts;
    this.#kind = { layout: facts.layout, hasProjector: facts.projectorPath !== undefined };
    this.capabilities = capabilities;
    this.longestAudioSeconds = facts.longestAudioSeconds;
  }

  async generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult> {
    refuseTextOptions(this.#kind, request);
    if (this.#kind.layout === 'nexa-1.0') refuseLeftRecursion(request.grammar);
    const startMs = performance.now();
    let firstTextMs: number | undefined;
    const text = new Utf8Text((piece) => {
      firstTextMs ??= performance.now() - startMs;
      onText(piece);
    });
    this.#stopped = false;
    if (isLong(request, this.#facts.contextSize)) await this.#refuseLongPrompt(request);
    const result = await this.#call((model) => this.#start(model, request, (bytes) => text.push(bytes)));
    text.end();
    return {
      text: text.text,
      finishReason: readFinishReason(result, request.maxTokens),
      promptTokens: result.promptTokens,
      cachedPromptTokens: result.reusedTokens,
      truncated: result.truncated,
      generatedTokens: result.generatedTokens,
      ...(firstTextMs !== undefined && { firstTextMs }),
      totalMs: performance.now() - startMs,
      profile: readProfile(result),
    };
  }

  stop(): void {
    this.#stopped = true;
    if (this.#model) this.#nexa.stop(this.#model);
  }

  async format(messages: readonly ChatTurn[], settings: ChatSettings): Promise<string> {
    refuseTextOptions(this.#kind, settings);
    const bytes = await this.#call((model) => this.#nexa.format(model, toNativeChat(messages, settings)));
    return new TextDecoder().decode(bytes);
  }

  reset(): Promise<void> {
    return this.#call((model) => this.#nexa.reset(model));
  }

  async saveKvCache(path: string): Promise<void> {
    this.#refuseProjector();
    // A note about an older file of this name must not outlive it.
    await removeKvCacheNote(path);
    const held = await this.#call((model) => this.#nexa.saveKvCache(model, path));
    await writeKvCacheNote(path, this.#facts.modelPath, held);
  }

  async loadKvCache(path: string): Promise<void> {
    this.#refuseProjector();
    const held = await readKvCacheNote(path, this.#facts.modelPath);
    await this.#call((model) => this.#nexa.loadKvCache(model, path, held));
  }

  async dispose(): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    if (model) await this.#nexa.destroy(model);
  }

  #refuseProjector(): void {
    if (this.#facts.projectorPath !== undefined) throw multimodalCache();
  }

  #start(model: ModelHandle, request: RuntimeGenerate, onBytes: (bytes: Uint8Array) => void): Promise<NativeResult> {
    const { prompt, raw, audioPaths: audio, imagePaths: images = [], maxTokens, truncate, stop } = request;
    // In the order in which the library takes them.
    const media = [
      ...images.map((path) => ({ type: 'image', path }) as const),
      ...audio.map((path) => ({ type: 'audio', path }) as const),
    ];
    const turns = raw ? [] : (request.messages ?? [makeTurn(prompt, media)]);
    const generate = {
      ...toNativeChat(turns, request),
      ...toNativeSampling(request),
      prompt,
      maxTokens,
      truncate,
      stop,
      audio,
      images,
    };
    const result = this.#nexa.generate(model, generate, onBytes);
    if (this.#stopped) this.#nexa.stop(model);
    return result;
  }

  /** The library reads a prompt of megabytes to its end before it says that it is too long, and can't be interrupted. */
  async #refuseLongPrompt(request: RuntimeGenerate): Promise<void> {
    const { modelPath, projectorPath } = this.#facts;
    const contextSize = roundUp(this.#facts.contextSize);
    const { prompt, raw, messages = [makeTurn(prompt, [])] } = request;
    const text = raw ? prompt : await this.format(messages, request);
    await refuseLongPrompt(text, { modelPath, contextSize, hasMedia: projectorPath !== undefined });
  }

  /** Makes a call of the addon, whose failures become this package's errors. */
  async #call<T>(call: (model: ModelHandle) => Promise<T>): Promise<T> {
    try {
      if (this.#model === undefined) throw { call: '', code: 0, text: 'disposed', detail: '' } satisfies NativeFailure;
      return await call(this.#model);
    } catch (failure) {
      throw failure instanceof Error ? failure : textFailure(this.#facts, failure as NativeFailure);
    }
  }
}

const roundUp = (contextSize: number) => Math.ceil(contextSize / CONTEXT_STEP) * CONTEXT_STEP;

/** Whether its start must stay, and it has so many characters that it hardly fits in the context. */
function isLong({ prompt, messages = [], truncate }: RuntimeGenerate, contextSize: number): boolean {
  const parts = messages.flatMap((turn) => turn.parts);
  const length = parts.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), prompt.length);
  return !truncate && isSuspect(length, roundUp(contextSize));
}

function toNativeChat(turns: readonly ChatTurn[], { tools, thinking }: ChatSettings): NativeChat {
  return {
    messages: turns.map(toNativeMessage),
    ...(tools !== undefined && { tools }),
    ...(thinking !== undefined && { thinking }),
  };
}

function toNativeMessage({ role, parts }: ChatTurn): NativeMessage {
  return {
    role,
    parts: parts.map((part) => ({ type: part.type, text: part.type === 'text' ? part.text : part.path })),
  };
}
