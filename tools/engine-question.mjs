/**
 * Asks the installed engine about files without loading them: it reads headers only and simulates the rest. The engine is in a
 * process of its own, which is started again if a file ends it.
 *   node tools/engine-question.mjs FILE [CONTEXT PARAMETERS as JSON]...
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  findContextLayout,
  findModelLayout,
  findProjectorLayout,
  writeParameters,
} from '../lib/footprint/engine/parameter-layout.js';
import { killChild } from './kill-child.mjs';

/** @typedef {{ name: string, host: boolean, weightsBytes: number, contextBytes: number, computeBytes: number }} Buffers */
/** @typedef {Record<string, number>} Parameters of a context, in llama.cpp's words; a flag is 0 or 1 */
/** @typedef {{ buffers: Buffers[] | undefined, log: string }} Laid one context; without buffers the engine refused */
/** @typedef {{ opened: boolean, log: string, contexts: Laid[] }} Answer */
/** @typedef {{ bytes: number | undefined, log: string }} ProjectorAnswer */

const ADDON = '../build/Release/nexa_memory_guard.node';
const LIBRARY = `@fugood/node-llama-${process.platform}-${process.arch}/index.node`;
/** An ask takes 2 to 200 ms. */
const PATIENCE_MS = 20_000;

/** False where the addon or the engine isn't built, or the addon can't ask it. */
export function canAskEngine() {
  const require = createRequire(import.meta.url);
  try {
    require.resolve(LIBRARY);
    return require(ADDON).EngineLibrary !== undefined;
  } catch {
    return false;
  }
}

/** One engine in one process, asked one question after the other. */
export class EngineQuestions {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #said = '';

  /**
   * Opens a model and lays contexts out. If the engine ended its process, nothing was opened, and the log is what it printed.
   * @param {string} file @param {readonly Parameters[]} [contexts] @param {Parameters} [parameters] of the model
   * @returns {Promise<Answer>}
   */
  async askModel(file, contexts = [], parameters = {}) {
    const answer = await this.#ask({ file, contexts, parameters });
    if (typeof answer !== 'string') return answer;
    if (contexts.length < 2) return { opened: false, log: answer, contexts: [] };
    // One of them ended the process.
    const apart = [];
    for (const each of contexts) apart.push(await this.askModel(file, [each], parameters));
    const { opened, log } = apart.find((each) => each.opened) ?? { opened: false, log: answer };
    return { opened, log, contexts: apart.map((each) => each.contexts[0] ?? { buffers: undefined, log: each.log }) };
  }

  /** @param {string} file @param {Parameters} [parameters] @returns {Promise<ProjectorAnswer>} */
  async askProjector(file, parameters = {}) {
    const answer = await this.#ask({ file, parameters, projector: true });
    const said = this.#said;
    return typeof answer === 'string' ? { bytes: undefined, log: answer } : { ...answer, log: `${answer.log}${said}` };
  }

  async close() {
    if (this.#child) await killChild(this.#child);
    this.#child = undefined;
  }

  /** @param {object} question @returns {Promise<any>} a text if the engine's process ended */
  async #ask(question) {
    this.#said = '';
    this.#child ??= this.#start();
    const child = this.#child;
    const ended = new AbortController();
    const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    try {
      child.send(question, () => {});
      const answered = once(child, 'message', { signal: ended.signal }).then(([answer]) => answer);
      const gone = once(child, 'close', { signal: ended.signal }).then(([code, signal]) => {
        this.#child = undefined;
        return `${this.#said}\nthe engine's process ended: ${signal ?? code}`;
      });
      return await Promise.race([answered, gone]);
    } finally {
      clearTimeout(patience);
      ended.abort();
    }
  }

  #start() {
    const child = fork(fileURLToPath(import.meta.url), ['--answer'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, GGML_NO_BACKTRACE: '1' },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data) => {
        this.#said += data;
      });
    }
    return child;
  }
}

/** Answers what the other process asks. */
function answerQuestions() {
  const require = createRequire(import.meta.url);
  const engine = new (require(ADDON).EngineLibrary)([require.resolve(LIBRARY)], '');
  const defaults = engine.defaults();
  const layouts = {
    model: findModelLayout(defaults.model) ?? {},
    context: findContextLayout(defaults.context) ?? {},
    projector: findProjectorLayout(defaults.projector) ?? {},
  };
  const takeLog = () => engine.takeLog().toString();
  process.on('message', (/** @type {any} */ { file, contexts, parameters, projector }) => {
    if (projector) {
      const set = { use_gpu: 0, warmup: 1, ...parameters };
      const devices = engine.measureProjector(file, writeParameters(defaults.projector, layouts.projector, set));
      const bytes = devices?.reduce((/** @type {number} */ sum, /** @type {any} */ device) => sum + device.bytes, 0);
      process.send?.({ bytes, log: takeLog() });
      return;
    }
    const set = { n_gpu_layers: 0, load_mode: 0, no_alloc: 1, ...parameters };
    const opened = engine.openModel(file, writeParameters(defaults.model, layouts.model, set));
    const log = takeLog();
    const laid = !opened
      ? []
      : contexts.map((/** @type {Parameters} */ each) => {
          const buffers = engine.measure(writeParameters(defaults.context, layouts.context, each))?.buffers;
          return { buffers, log: takeLog() };
        });
    process.send?.({ opened, log, contexts: laid });
  });
}

const [, script, first, ...rest] = process.argv;
if (first && script && import.meta.url === pathToFileURL(script).href) {
  if (first === '--answer') {
    answerQuestions();
  } else {
    const questions = new EngineQuestions();
    const contexts = rest.map((text) => JSON.parse(text));
    console.log(JSON.stringify(await questions.askModel(first, contexts), undefined, 1));
    await questions.close();
  }
}
