/** A runtime's model that does what a test says, and a handle on it: nothing is computed. */
import type { ChatSettings, ChatTurn } from '../../src/sdk/chat-messages.ts';
import { NexaModel } from '../../src/sdk/nexa-model.ts';
import type { GenerateResult, RuntimeGenerate, RuntimeModel } from '../../src/sdk/runtime.ts';

/** A runtime's model whose tokens come when the test says so. It refuses what the contract rules out. */
export class ScriptedModel implements RuntimeModel {
  readonly capabilities = { audio: true, vision: false };
  readonly requests: RuntimeGenerate[] = [];
  stops = 0;
  resets = 0;
  disposals = 0;
  readonly disposesAtOnce: boolean;
  readonly #stopsAtToken: boolean;
  #stopping = false;
  #running:
    | { push(text: string): void; end(result: Partial<GenerateResult>): void; fail(error: Error): void }
    | undefined;

  /** `stopsAtToken`: a text that is stopped ends at its next token, and not some time later. */
  constructor({ stopsAtToken = false, disposesAtOnce = false } = {}) {
    this.#stopsAtToken = stopsAtToken;
    this.disposesAtOnce = disposesAtOnce;
  }

  generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult> {
    if (this.#running || this.disposals > 0) throw new Error('broken contract');
    this.requests.push(request);
    let text = '';
    this.#stopping = false;
    return new Promise<GenerateResult>((resolve, reject) => {
      this.#running = {
        push: (piece) => {
          text += piece;
          onText(piece);
        },
        end: (result) =>
          resolve({
            text,
            finishReason: 'length',
            promptTokens: 3,
            truncated: false,
            generatedTokens: 2,
            totalMs: 1,
            ...result,
          }),
        fail: reject,
      };
    }).finally(() => {
      this.#running = undefined;
    });
  }

  push(...texts: string[]): void {
    for (const text of texts) {
      if (this.#stopping) this.#running?.end({ finishReason: 'stopped' });
      else this.#running?.push(text);
    }
  }

  end(): void {
    this.#running?.end({});
  }

  fail(error: Error): void {
    this.#running?.fail(error);
  }

  stop(): void {
    this.stops += 1;
    if (this.#stopsAtToken) {
      this.#stopping = true;
      return;
    }
    // An engine ends at its next token, later than now.
    setTimeout(() => this.#running?.end({ finishReason: 'stopped' }), 5);
  }

  async format(messages: readonly ChatTurn[], settings: ChatSettings): Promise<string> {
    return JSON.stringify([messages, settings]);
  }

  async reset(): Promise<void> {
    this.resets += 1;
  }

  async dispose(): Promise<void> {
    if (this.#running && !this.disposesAtOnce) throw new Error('broken contract');
    this.disposals += 1;
    this.#running?.fail(new Error('its process was ended'));
  }
}

/** A handle on a scripted model, and the handles that were told to be disposed. */
export function makeModel(options?: ConstructorParameters<typeof ScriptedModel>[0]): {
  raw: ScriptedModel;
  model: NexaModel;
  gone: NexaModel[];
} {
  const raw = new ScriptedModel(options);
  const gone: NexaModel[] = [];
  const facts = { name: 'm', contextSize: 2048, microBatchSize: 512, modelPath: '/m.gguf' };
  return { raw, model: new NexaModel(facts, raw, (each) => gone.push(each)), gone };
}

/** Long enough for what is due now. */
export const settle = () => new Promise((resolve) => setTimeout(resolve, 1));

export async function read(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}
