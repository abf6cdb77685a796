/** Another process that does what it is asked for, one thing after the other. It measures nothing. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { killChild } from '../../tools/kill-child.mjs';

const PROGRAM = fileURLToPath(new URL('./program.mjs', import.meta.url));

export class DrivenProgram {
  #child;
  #ended;

  /** @param {import('node:child_process').ChildProcess} child */
  constructor(child) {
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`A program of the bench ended with ${signal ?? code}.`);
    });
    this.#ended.catch(() => {});
    child.setMaxListeners(0);
  }

  /** With models in itself, or in processes of their own. @param {'none' | 'process'} isolation */
  static async start(isolation) {
    // The engine prints where it likes.
    const child = fork(PROGRAM, [isolation], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const program = new DrivenProgram(child);
    await program.#hear();
    return program;
  }

  /** @param {string} name @param {object} [asked] @returns {Promise<any>} */
  async ask(name, asked = {}) {
    this.#child.send({ name, asked });
    const { result, error } = await this.#hear();
    if (error !== undefined) throw new Error(`${name}: ${error}`);
    return result;
  }

  close() {
    return killChild(this.#child);
  }

  /** What it says next. @returns {Promise<any>} */
  async #hear() {
    const [message] = await Promise.race([once(this.#child, 'message'), this.#ended]);
    return message;
  }
}
