/** One loaded model of the engine and what it takes to call it safely. It knows no files besides their paths. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { invalidOption, MemoryGuardError } from '../../errors.ts';
import type { Capabilities, FinishReason, GenerateResult, RuntimeGenerate, RuntimeModel } from '../runtime.ts';
import type { ChatMessage, Completion, LlamaContext } from './engine.ts';
import { type EngineLog, reasonIn } from './enginelog.ts';

export interface LlamaModelFacts {
  readonly modelPath: string;
  readonly contextSize: number;
  readonly capabilities: Capabilities | undefined;
}

/** Stands for an audio file in the engine's prompt. */
const MEDIA_MARKER = '<__media__>';

/** Models that generate now. An exit waits for the engine's threads, so it must stop them: 9.7 s became 0.1 s. */
const running = new Set<LlamaModel>();
let watchesExit = false;

export class LlamaModel implements RuntimeModel {
  readonly capabilities: Capabilities;
  readonly #log: EngineLog;
  readonly #modelPath: string;
  readonly #contextSize: number;
  #context: LlamaContext | undefined;
  #stopped = false;
  /** Set while the engine completes: only then does it have something to stop. */
  #completing = false;
  #broken = false;

  constructor(context: LlamaContext, log: EngineLog, { modelPath, contextSize, capabilities }: LlamaModelFacts) {
    this.#context = context;
    this.#log = log;
    this.#modelPath = modelPath;
    this.#contextSize = contextSize;
    this.capabilities = capabilities ?? { audio: false, vision: false };
  }

  async generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult> {
    const context = this.#context;
    if (context === undefined || this.#broken) throw this.#unusable();
    const { audioPaths, prompt } = request;
    if (audioPaths.length > 0 && prompt.includes(MEDIA_MARKER)) {
      throw invalidOption('prompt', `a text without ${MEDIA_MARKER}, which stands for audio`, prompt);
    }
    this.#stopped = false;
    const startMs = performance.now();
    const chat = context.getFormattedChat([message(request)]);
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
    };
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

function message({ prompt, audioPaths }: RuntimeGenerate): ChatMessage {
  const audio = audioPaths.map((url) => ({ type: 'input_audio', input_audio: { format: 'wav', url } }) as const);
  return { role: 'user', content: [...audio, { type: 'text', text: prompt }] };
}

function engineRequest(
  request: RuntimeGenerate,
  chat: { prompt: string; additional_stops?: readonly string[] },
): object {
  const { temperature, topK, topP, seed } = request;
  return {
    prompt: chat.prompt,
    media_paths: request.audioPaths,
    n_predict: request.maxTokens,
    stop: [...request.stop, ...(chat.additional_stops ?? [])],
    ...(temperature !== undefined && { temperature }),
    // At temperature 0 this engine still draws; only one candidate leaves nothing to draw.
    ...((topK !== undefined || temperature === 0) && { top_k: temperature === 0 ? 1 : topK }),
    ...(topP !== undefined && { top_p: topP }),
    ...(seed !== undefined && { seed }),
  };
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
