/**
 * The models of the Electron example, for its main process: node-llama-cpp loads off the thread that serves the windows. It knows no
 * Electron, so that it runs and is tested under plain Node.
 */
import { LlamaChatSession } from 'node-llama-cpp';

/** @typedef {import('nexa-memory-guard').Guarded<import('node-llama-cpp').Llama>} GuardedLlama */
/** @typedef {{ type: string, message: string }} Notice what windows are told */

export class Models {
  /** @type {GuardedLlama} */ #llama;
  /** @type {Promise<LlamaChatSession> | undefined} */ #session;

  /**
   * @param {GuardedLlama} llama
   * @param {(notice: Notice) => void} notify
   */
  constructor(llama, notify) {
    this.#llama = llama;
    // Events are objects with numbers and errors; a window gets what can be cloned and shown.
    for (const type of /** @type {const} */ ([
      'admitted',
      'downgraded',
      'refused',
      'warning',
      'critical',
      'ok',
      'degraded',
    ])) {
      llama.guard.on(type, (/** @type {Notice} */ { message }) => notify({ type, message }));
    }
  }

  /** Loads the model for the first question. @param {string} modelPath @param {string} prompt @param {(text: string) => void} onText */
  async ask(modelPath, prompt, onText) {
    if (this.#llama.guard.status().status === 'critical')
      throw new Error('Memory is short; close something and ask again.');
    this.#session ??= this.#open(modelPath).catch((error) => {
      this.#session = undefined;
      throw error;
    });
    const session = await this.#session;
    return session.prompt(prompt, { maxTokens: 64, onTextChunk: onText });
  }

  /** Weights and context are admitted one after the other; what was loaded goes again if the context is refused. @param {string} modelPath */
  async #open(modelPath) {
    const model = await this.#llama.loadModel({ modelPath });
    try {
      const context = await model.createContext({ contextSize: { min: 512, max: 4096 } });
      return new LlamaChatSession({ contextSequence: context.getSequence() });
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  async close() {
    await this.#llama.dispose();
    this.#llama.guard.close();
  }
}
