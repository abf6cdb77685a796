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
import type { Capabilities, GenerateResult, RuntimeGenerate, RuntimeModel } from '../runtime.ts';
import { readFinishReason, readProfile, Utf8Text } from './generate-result.ts';
import { type LoadedLibraryModel, textFailure } from './library-errors.ts';
import { type LibraryModelKind, refuseTextOptions } from './library-options.ts';
import { refuseMediaOrder } from './media-order.ts';
import { toNativeSampling } from './sampling.ts';

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
    refuseMediaOrder(request.messages ?? []);
    const startMs = performance.now();
    let firstTextMs: number | undefined;
    const text = new Utf8Text((piece) => {
      firstTextMs ??= performance.now() - startMs;
      onText(piece);
    });
    const result = await this.#call((model) => this.#start(model, request, (bytes) => text.push(bytes)));
    text.end();
    return {
      text: text.text,
      finishReason: readFinishReason(result, request.maxTokens),
      promptTokens: result.promptTokens,
      generatedTokens: result.generatedTokens,
      ...(firstTextMs !== undefined && { firstTextMs }),
      totalMs: performance.now() - startMs,
      profile: readProfile(result),
    };
  }

  stop(): void {
    if (this.#model) this.#nexa.stop(this.#model);
  }

  async format(messages: readonly ChatTurn[], settings: ChatSettings): Promise<string> {
    refuseTextOptions(this.#kind, settings);
    refuseMediaOrder(messages);
    const bytes = await this.#call((model) => this.#nexa.format(model, toNativeChat(messages, settings)));
    return new TextDecoder().decode(bytes);
  }

  reset(): Promise<void> {
    return this.#call((model) => this.#nexa.reset(model));
  }

  saveKvCache(path: string): Promise<void> {
    return this.#call((model) => this.#nexa.saveKvCache(model, path));
  }

  loadKvCache(path: string): Promise<void> {
    return this.#call((model) => this.#nexa.loadKvCache(model, path));
  }

  async dispose(): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    if (model) await this.#nexa.destroy(model);
  }

  #start(model: ModelHandle, request: RuntimeGenerate, onBytes: (bytes: Uint8Array) => void): Promise<NativeResult> {
    const { prompt, raw, audioPaths: audio, imagePaths: images = [], maxTokens, stop } = request;
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
      stop,
      audio,
      images,
    };
    return this.#nexa.generate(model, generate, onBytes);
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
