/** One loaded model of the engine and what it takes to call it safely. It knows no files besides their paths. */
import { setImmediate } from 'node:timers/promises';
import { collectGarbage } from '../../core/collect-garbage.ts';
import { invalidOption, MemoryGuardError, readMessage } from '../../core/errors.ts';
import { type ChatSettings, type ChatTurn, makeTurn } from '../chat-messages.ts';
import { contextFull } from '../context-full.ts';
import { explainEngineFailure } from '../engine-failure.ts';
import { cutPrompt, isSuspect, refuseLongPrompt } from '../refuse-long-prompt.ts';
import type { Capabilities, FinishReason, GenerateResult, RuntimeGenerate, RuntimeModel } from '../runtime.ts';
import { beginWork } from './begin-work.ts';
import { findMarkedText, MEDIA_MARKER, makeCompletionOptions, readProfile, toEngineMessage } from './engine-request.ts';
import type { Completion, FormattedChat, LlamaContext } from './llama-engine.ts';
import { ReceivedText } from './received-text.ts';

/** What is known of a model once it is loaded. */
export interface LlamaModelFacts {
  readonly modelPath: string;
  readonly contextSize: number;
  /** `undefined` for a model without a projector. */
  readonly capabilities: Capabilities | undefined;
  readonly longestAudioSeconds?: number;
  /** The templates of the model's file by their names, as `CheckedModel` has them. */
  readonly templates?: ReadonlyMap<string, string>;
  /** Is used in place of the model's own. */
  readonly chatTemplate?: string | undefined;
}

/** Models that generate now. An exit waits for the engine's threads, so it stops these models: an exit of 9.7 s took 0.1 s then. */
const running = new Set<LlamaModel>();
let watchesExit = false;

export class LlamaModel implements RuntimeModel {
  readonly capabilities: Capabilities;
  readonly longestAudioSeconds: number | undefined;
  readonly #modelPath: string;
  readonly #contextSize: number;
  readonly #chatTemplate: string | undefined;
  readonly #templates: ReadonlyMap<string, string>;
  #context: LlamaContext | undefined;
  #stopped = false;
  /** True while the engine completes: only then does it have something to stop. */
  #completing = false;
  #broken = false;

  constructor(context: LlamaContext, facts: LlamaModelFacts) {
    this.#context = context;
    this.#modelPath = facts.modelPath;
    this.#contextSize = facts.contextSize;
    this.#chatTemplate = facts.chatTemplate;
    this.#templates = facts.templates ?? new Map();
    this.longestAudioSeconds = facts.longestAudioSeconds;
    // The engine can see images too, but that was not tried with this package.
    this.capabilities = { audio: facts.capabilities?.audio ?? false, vision: false };
  }

  async generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult> {
    const context = this.#getContext();
    const { audioPaths, prompt } = request;
    const audio = audioPaths.map((path) => ({ type: 'audio', path }) as const);
    const turns = request.messages ?? [makeTurn(prompt, audio)];
    if (audio.length > 0) refuseMarker(turns);
    this.#stopped = false;
    const received = new ReceivedText(onText);
    const chat = request.raw ? { prompt } : this.#format(context, turns, request);
    const { prompt: fitting, promptTokens, truncated } = await this.#fitPrompt(context, chat.prompt, request);
    const options = makeCompletionOptions(request, { ...chat, prompt: fitting });
    const completion = await this.#complete(context, options, (piece) => received.push(piece));
    if (completion) received.end(completion.text);
    const finishReason = completion ? this.#readFinishReason(completion) : 'stopped';
    const { text, pieces, firstTextMs } = received;
    const counted = Math.max(pieces, completion?.tokens_predicted ?? 0);
    return {
      text,
      finishReason,
      promptTokens,
      truncated,
      // The engine leaves the first token out if it came right after a prompt of text.
      generatedTokens: finishReason === 'length' ? request.maxTokens : counted,
      ...(firstTextMs !== undefined && { firstTextMs }),
      totalMs: received.elapsedMs,
      ...(completion?.timings && { profile: readProfile(completion.timings) }),
    };
  }

  async format(turns: readonly ChatTurn[], settings: ChatSettings): Promise<string> {
    return this.#format(this.#getContext(), turns, settings).prompt;
  }

  async reset(): Promise<void> {
    this.#getContext().clearCache(false);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#completing) this.#context?.stopCompletion();
  }

  async dispose(): Promise<void> {
    // No variable may hold the context here: a broken one is ended by a collection only.
    const release = this.#broken ? runFinalizers : this.#context?.release.bind(this.#context);
    this.#context = undefined;
    await release?.();
  }

  #format(context: LlamaContext, turns: readonly ChatTurn[], { tools, thinking }: ChatSettings): FormattedChat {
    const params = {
      ...(tools !== undefined && { tools: JSON.parse(tools) }),
      ...(thinking !== undefined && { enable_thinking: thinking }),
    };
    this.#refuseTemplate(context);
    const own = (tools !== undefined && this.#templates.get('tool_use')) || this.#templates.get('');
    try {
      return context.getFormattedChat(turns.map(toEngineMessage), this.#chatTemplate ?? own, params);
    } catch (cause) {
      throw engineError('could not format the conversation', cause);
    }
  }

  /**
   * The engine ends the process over a template that it can't parse, also if another one is given in its place, over an empty one as soon as
   * it is asked whether it can, and over one that is given to a model without any.
   */
  #refuseTemplate(context: LlamaContext): void {
    if (this.#templates.size === 0 && this.#chatTemplate === undefined) return;
    const isKnown = () => this.#chatTemplate === undefined && context.isLlamaChatSupported();
    if (this.#templates.get('') !== '' && (context.isJinjaSupported() || isKnown())) return;
    const what =
      this.#templates.size === 0
        ? 'takes no `chatTemplate` for a model without a template,'
        : "can't parse the chat template in";
    const message = `The engine ${what} ${JSON.stringify(this.#modelPath)}; give the whole prompt with \`raw: true\`.`;
    throw new MemoryGuardError('ERR_RUNTIME', message);
  }

  #getContext(): LlamaContext {
    if (this.#context === undefined || this.#broken) throw this.#unusableError();
    return this.#context;
  }

  /**
   * The tokenizer is asked before the completion, since a completion that fails in its prompt leaves the engine with a pointer to
   * freed memory, to which its next call writes. Decoding the audio twice costs 0.15 s on two busy cores, whatever its length up
   * to 30 s.
   */
  async #fitPrompt(
    context: LlamaContext,
    whole: string,
    { audioPaths, truncate, maxTokens }: RuntimeGenerate,
  ): Promise<FittingPrompt> {
    const hasMedia = audioPaths.length > 0;
    const cuts = truncate === true && !hasMedia;
    const prompt = cuts ? cutPrompt(whole, this.#contextSize) : whole;
    // The tokenizer takes tens of bytes for each byte, which nobody has promised to the model.
    if (!cuts && isSuspect(prompt.length, this.#contextSize)) {
      await refuseLongPrompt(prompt, { modelPath: this.#modelPath, contextSize: this.#contextSize, hasMedia });
    }
    const tokens = await context.tokenize(prompt, { media_paths: audioPaths }).then(
      (tokenized) => tokenized.tokens,
      (cause) => {
        throw engineError('could not read the prompt and its audio', cause);
      },
    );
    if (tokens.length < this.#contextSize) {
      return { prompt, promptTokens: tokens.length, truncated: prompt !== whole };
    }
    if (!cuts) throw contextFull({ tokens: tokens.length, contextSize: this.#contextSize, hasMedia });
    // The end of the prompt, with room for the answer in up to half of the context.
    const kept = this.#contextSize - 1 - Math.min(maxTokens, Math.floor(this.#contextSize / 2));
    const end = [...tokens.subarray(tokens.length - Math.max(kept, 1))];
    return { prompt: await context.detokenize(end), promptTokens: end.length, truncated: true };
  }

  /** `undefined` if it was stopped before it began. */
  async #complete(
    context: LlamaContext,
    options: object,
    onText: (text: string) => void,
  ): Promise<Completion | undefined> {
    if (this.#stopped) return undefined;
    stopAtExit();
    running.add(this);
    this.#completing = true;
    try {
      const onToken = makeTokenListener(onText);
      return await beginWork(() => context.completion(options, onToken));
    } catch (cause) {
      this.#broken = true;
      throw engineError('failed', cause);
    } finally {
      this.#completing = false;
      running.delete(this);
    }
  }

  #readFinishReason(completion: Completion): FinishReason {
    if (completion.interrupted) return 'stopped';
    if (completion.stopped_eos) return 'end';
    if (completion.stopped_words) return 'stop';
    if (completion.context_full) return 'context';
    if (completion.stopped_limited) return 'length';
    throw engineError('ended a text for no reason', new Error('no token could be computed'));
  }

  #unusableError(): MemoryGuardError {
    const why = this.#broken ? 'failed inside the engine and can only be disposed' : 'is disposed';
    return new MemoryGuardError('ERR_RUNTIME', `The model ${JSON.stringify(this.#modelPath)} ${why}; load it again.`);
  }
}

function engineError(what: string, cause: unknown): MemoryGuardError {
  const reason = readMessage(cause);
  return explainEngineFailure({ what, reason, atFile: false }, [], cause);
}

/** A prompt that the context has room for. */
interface FittingPrompt {
  readonly prompt: string;
  readonly promptTokens: number;
  readonly truncated: boolean;
}

/** A function of its own: the engine keeps the listener longer than it should, and through it would keep the engine's context. */
function makeTokenListener(onText: (text: string) => void): (token: { readonly token: string }) => void {
  return ({ token }) => onText(token);
}

function refuseMarker(turns: readonly ChatTurn[]): void {
  const marked = findMarkedText(turns);
  if (marked === undefined) return;
  throw invalidOption('prompt', `a text without ${MEDIA_MARKER}, which stands for audio`, marked);
}

function stopAtExit(): void {
  if (!watchesExit) process.on('exit', stopRunning);
  watchesExit = true;
}

function stopRunning(): void {
  for (const model of running) model.stop();
}

/** A model whose completion failed must not be released, since that writes through the stale pointer. Its finalizer is safe. */
async function runFinalizers(): Promise<void> {
  // The frames that still see the context end first; then the finalizers run.
  await setImmediate();
  collectGarbage();
  await setImmediate();
}
