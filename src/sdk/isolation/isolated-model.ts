/** A model that another process has loaded, behind the same interface as one of this process. It knows no engine. */
import { MemoryGuardError } from '../../core/errors.ts';
import type { ChatSettings, ChatTurn } from '../chat-messages.ts';
import type { Capabilities, GenerateResult, RuntimeGenerate, RuntimeModel } from '../runtime.ts';
import { isGenerateResult, isText, type LoadedThere, type ModelMethod } from './child-message.ts';
import type { CallListeners, EngineProcess } from './engine-process.ts';

export class IsolatedModel implements RuntimeModel {
  readonly capabilities: Capabilities;
  readonly longestAudioSeconds: number | undefined;
  readonly pid: number;
  readonly disposesAtOnce: boolean;
  saveKvCache?: (path: string) => Promise<void>;
  loadKvCache?: (path: string) => Promise<void>;
  readonly #process: EngineProcess;
  readonly #model: number;
  readonly #modelPath: string;
  #disposed = false;

  constructor(process: EngineProcess, loaded: LoadedThere, modelPath: string) {
    this.pid = process.pid;
    this.disposesAtOnce = !process.shared;
    this.capabilities = { audio: loaded.audio, vision: loaded.vision };
    this.longestAudioSeconds = loaded.longestAudioSeconds;
    this.#process = process;
    this.#model = loaded.model;
    this.#modelPath = modelPath;
    if (!loaded.keepsKvCache) return;
    this.saveKvCache = (path) => this.#callForNothing('saveKvCache', path);
    this.loadKvCache = (path) => this.#callForNothing('loadKvCache', path);
  }

  async generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult> {
    const result = await this.#call('generate', [request], { text: onText });
    return isGenerateResult(result) ? (result as GenerateResult) : this.#refuse('generate', result);
  }

  stop(): void {
    this.#process.send({ type: 'stop', model: this.#model });
  }

  async format(messages: readonly ChatTurn[], settings: ChatSettings): Promise<string> {
    const text = await this.#call('format', [messages, settings]);
    return isText(text) ? text : this.#refuse('format', text);
  }

  reset(): Promise<void> {
    return this.#callForNothing('reset');
  }

  /** Everything goes back to the system with its process, unless other models live in that one. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    if (!this.#process.shared) await this.#process.kill();
    else if (!this.#process.end) await this.#callForNothing('dispose').catch(ignoreKilled);
  }

  async #callForNothing(method: ModelMethod, ...args: readonly unknown[]): Promise<void> {
    await this.#call(method, args);
  }

  async #call(method: ModelMethod, args: readonly unknown[], listeners?: CallListeners): Promise<unknown> {
    if (this.#disposed && method !== 'dispose') {
      const message = `The model ${JSON.stringify(this.#modelPath)} is disposed; load it again.`;
      throw new MemoryGuardError('ERR_RUNTIME', message);
    }
    return this.#process.call({ type: 'model', model: this.#model, method, args }, listeners);
  }

  /** An engine went astray. */
  #refuse(method: ModelMethod, found: unknown): never {
    void this.#process.endAstray();
    const message = `Expected what \`${method}\` gives from the process of the model, found ${typeof found}; its process was ended, so load it again.`;
    throw new MemoryGuardError('ERR_RUNTIME', message);
  }
}

/** What was to be given up is gone. */
function ignoreKilled(error: unknown): void {
  if ((error as MemoryGuardError).code !== 'ERR_MODEL_KILLED') throw error;
}
