/**
 * Asks the installed engine about projectors by really loading each beside a small language model, since what it says while it only
 * measures one is lost. The engine is in a process of its own, which is started again if a file ends it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { writeModel } from './architectures.mjs';
import { killChild } from './kill-child.mjs';

/** @typedef {{ loaded: boolean, log: string }} ProjectorLoad */

const PATIENCE_MS = 60_000;

/** A folder with a language model, and one process that loads projectors one after the other. */
export class ProjectorQuestions {
  #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-projector-'));
  #model = path.join(this.#folder, 'model.gguf');
  // A file, since Node makes pipes non-blocking: what the engine prints into a full one is lost.
  #said = path.join(this.#folder, 'said.txt');
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;

  /** @param {number} width of the language model */
  constructor(width) {
    writeModel(this.#model, { architecture: 'qwen2', hidden: width, layers: 1, heads: 8, kvHeads: 2, vocab: 512 });
  }

  /** @param {string} file @returns {Promise<ProjectorLoad>} */
  async load(file) {
    this.#child ??= this.#start();
    const child = this.#child;
    const from = fs.statSync(this.#said).size;
    const read = () => fs.readFileSync(this.#said).subarray(from).toString();
    const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    const answered = new AbortController();
    try {
      child.send(file, () => {});
      return await Promise.race([
        once(child, 'message', { signal: answered.signal }).then(([loaded]) => ({ loaded, log: read() })),
        once(child, 'close', { signal: answered.signal }).then(([code, signal]) => {
          this.#child = undefined;
          return { loaded: false, log: `${read()}\nthe engine's process ended: ${signal ?? code}` };
        }),
      ]);
    } finally {
      clearTimeout(patience);
      answered.abort();
    }
  }

  async close() {
    if (this.#child) await killChild(this.#child);
    fs.rmSync(this.#folder, { recursive: true });
  }

  #start() {
    const said = fs.openSync(this.#said, 'a');
    const child = fork(fileURLToPath(import.meta.url), ['--answer', this.#model], {
      stdio: ['ignore', said, said, 'ipc'],
      env: { ...process.env, GGML_NO_BACKTRACE: '1' },
    });
    fs.closeSync(said);
    return child;
  }
}

/** Loads what the other process names. @param {string} model */
async function answerQuestions(model) {
  /** @type {string[]} */
  const waiting = [];
  process.on('message', (/** @type {string} */ file) => waiting.push(file));
  const llama = createRequire(import.meta.url)('@fugood/llama.node');
  await llama.initLlama();
  const context = await llama.loadModel({ model, n_gpu_layers: 0, n_ctx: 256, n_batch: 64, ctx_shift: false });
  const answer = async (/** @type {string} */ file) => {
    let loaded = false;
    try {
      loaded = await context.initMultimodal({ path: file, use_gpu: false });
      await context.releaseMultimodal();
    } catch (error) {
      console.error(String(error));
    }
    process.send?.(loaded);
  };
  process.removeAllListeners('message');
  for (const file of waiting) await answer(file);
  process.on('message', answer);
}

const [, script, first, model] = process.argv;
if (first === '--answer' && model && script && import.meta.url === pathToFileURL(script).href) {
  await answerQuestions(model);
}
