/** One loaded model of the engine and what it takes to call it safely. It knows no files besides their paths. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { invalidOption, MemoryGuardError } from '../../core/errors.ts';
import { type ChatSettings, type ChatTurn, turnOf } from '../chat-messages.ts';
import type { Capabilities, FinishReason, GenerateResult, RuntimeGenerate, RuntimeModel } from '../runtime.ts';
import { type EngineLog, reasonIn } from './engine-log.ts';
import { engineRequest, MEDIA_MARKER, markedText, messageOf, profileOf } from './engine-request.ts';
import type { Completion, FormattedChat, LlamaContext } from './llama-engine.ts';

export interface LlamaModelFacts {
  readonly modelPath: string;
  readonly contextSize: number;
  readonly capabilities: Capabilities | undefined;
  /** In place of the model's own. */
  readonly chatTemplate?: string | undefined;
}

/** Models that generate now. An exit waits for the engine's threads, so it must stop them: 9.7 s became 0.1 s. */
const running = new Set<LlamaModel>();
let watchesExit = false;

export class LlamaModel implements RuntimeModel {
  readonly capabilities: Capabilities;
  readonly #log: EngineLog;
  readonly #modelPath: string;
  readonly #contextSize: number;
  readonly #chatTemplate: string | undefined;
  #context: LlamaContext | undefined;
  #stopped = false;
  /** Set while the engine completes: only then does it have something to stop. */
  #completing = false;
  #broken = false;

  constructor(context: LlamaContext, log: EngineLog, facts: LlamaModelFacts) {
    this.#context = context;
    this.#log = log;
    this.#modelPath = facts.modelPath;
    this.#contextSize = facts.contextSize;
    this.#chatTemplate = facts.chatTemplate;
    // The engine would see images too, but nobody has tried it with this package.
    this.capabilities = { audio: facts.capabilities?.audio ?? false, vision: false };
  }

  async generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult> {
    const context = this.#usable();
    const { audioPaths, prompt } = request;
    const turns = request.messages ?? [
      turnOf(
        prompt,
        audioPaths.map((path) => ({ type: 'audio', path })),
      ),
    ];
    const marked = audioPaths.length > 0 ? markedText(turns) : undefined;
    if (marked !== undefined) {
      throw invalidOption('prompt', `a text without ${MEDIA_MARKER}, which stands for audio`, marked);
    }
    this.#stopped = false;
    const startMs = performance.now();
    const chat = request.raw ? { prompt } : this.#format(context, turns, request);
    const promptTokens = await this.#countTokens(context, chat.prompt, audioPaths);
    let text = '';
    let pieces = 0;
    let firstTextMs: number | undefined;
    const completion = await this.#complete(context, engineRequest(request, chat), (piece) => {
      pieces += 1;
      if (piece === '') return;
      firstTextMs ??= performance.now() - startMs;
      text += piece;
      this.#log.flush();
      onText(piece);
    });
    // What could have become a `stop` text is held back until the end.
    const rest = completion?.text.startsWith(text) ? completion.text.slice(text.length) : '';
    if (rest !== '') onText(rest);
    const reason = completion ? this.#finishReason(completion) : 'stopped';
    return {
      text: text + rest,
      finishReason: reason,
      promptTokens,
      // The engine leaves the first token out where it came right after a prompt of text.
      generatedTokens: reason === 'length' ? request.maxTokens : Math.max(pieces, completion?.tokens_predicted ?? 0),
      ...(firstTextMs !== undefined && { firstTextMs }),
      totalMs: performance.now() - startMs,
      ...(completion?.timings && { profile: profileOf(completion.timings) }),
    };
  }

  async format(turns: readonly ChatTurn[], settings: ChatSettings): Promise<string> {
    return this.#format(this.#usable(), turns, settings).prompt;
  }

  async reset(): Promise<void> {
    this.#usable().clearCache(false);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#completing) this.#context?.stopCompletion();
  }

  async dispose(): Promise<void> {
    // No variable may hold the context where only a collection can end it.
    const release = this.#broken ? collectGarbage : this.#context?.release.bind(this.#context);
    this.#context = undefined;
    await release?.();
    this.#log.flush();
  }

  #format(context: LlamaContext, turns: readonly ChatTurn[], { tools, thinking }: ChatSettings): FormattedChat {
    return context.getFormattedChat(turns.map(messageOf), this.#chatTemplate, {
      ...(tools !== undefined && { tools: JSON.parse(tools) }),
      ...(thinking !== undefined && { enable_thinking: thinking }),
    });
  }

  #usable(): LlamaContext {
    if (this.#context === undefined || this.#broken) throw this.#unusable();
    return this.#context;
  }

  /**
   * Asks the tokenizer first: a completion that fails in its prompt leaves the engine with a pointer to freed memory that
   * its next call writes to. Decoding the audio twice costs 0.15 s on two
   * busy cores, whatever its length up to 30 s.
   */
  async #countTokens(context: LlamaContext, prompt: string, audioPaths: readonly string[]): Promise<number> {
    const { length } = await context.tokenize(prompt, { media_paths: audioPaths }).then(
      ({ tokens }) => tokens,
      (cause) => {
        throw this.#failed('could not read the prompt and its audio', cause);
      },
    );
    if (length < this.#contextSize) return length;
    const message = `The prompt takes ${length} tokens${audioPaths.length > 0 ? ' with its audio' : ''}, but the context has ${this.#contextSize}; shorten it or load the model with a larger \`contextSize\`.`;
    throw new MemoryGuardError('ERR_RUNTIME', message);
  }

  /** `undefined` where it was stopped before it began. */
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
      const onToken = tokenListener(onText);
      return await this.#log.starting(() => context.completion(options, onToken));
    } catch (cause) {
      this.#broken = true;
      throw this.#failed('failed', cause);
    } finally {
      this.#completing = false;
      running.delete(this);
      this.#log.flush();
    }
  }

  #finishReason(completion: Completion): FinishReason {
    if (completion.interrupted) return 'stopped';
    if (completion.stopped_eos) return 'end';
    if (completion.stopped_words) return 'stop';
    if (completion.context_full) return 'context';
    if (completion.stopped_limited) return 'length';
    throw this.#failed('ended a text for no reason', new Error('no token could be computed'));
  }

  #failed(what: string, cause: unknown): MemoryGuardError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const line = reasonIn(this.#log.flush());
    const detail = line === undefined || line === reason ? '' : ` (${line})`;
    return new MemoryGuardError('ERR_RUNTIME', `The engine ${what}: ${reason}${detail}.`, { cause });
  }

  #unusable(): MemoryGuardError {
    const why = this.#broken ? 'failed inside the engine and can only be disposed' : 'is disposed';
    return new MemoryGuardError('ERR_RUNTIME', `The model ${JSON.stringify(this.#modelPath)} ${why}; load it again.`);
  }
}

/** Apart, so that a listener that the engine keeps longer than it should does not keep the engine's context. */
function tokenListener(onText: (text: string) => void): (token: { readonly token: string }) => void {
  return ({ token }) => onText(token);
}

function stopAtExit(): void {
  if (!watchesExit) process.on('exit', stopRunning);
  watchesExit = true;
}

function stopRunning(): void {
  for (const model of running) model.stop();
}

/** A model whose completion failed must not be released: that would write through the stale pointer. Its finalizer is safe. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Let go of the frames that still see the context, then let the finalizers run.
  await setImmediate();
  collect();
  await setImmediate();
}
