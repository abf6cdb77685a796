/** Text between an engine and its reader, who may be slower, gone, or not there yet. It knows no engine. */
import type { GenerateResult } from './runtime.ts';

type State =
  | { readonly kind: 'open' }
  | { readonly kind: 'ended'; readonly result: GenerateResult }
  | { readonly kind: 'failed'; readonly error: unknown };

export class TextQueue {
  #texts: string[] = [];
  #state: State = { kind: 'open' };
  #wake: (() => void) | undefined;

  /** False once the text has ended or failed: what is pushed then is dropped. */
  get open(): boolean {
    return this.#state.kind === 'open';
  }

  push(text: string): void {
    if (!this.open) return;
    this.#texts.push(text);
    this.#wake?.();
  }

  /** Ends the text. What was pushed before can still be read. */
  end(result: GenerateResult): void {
    this.#settle({ kind: 'ended', result });
  }

  /** Ends the text with an error, which the reader gets at once; unread text is dropped. */
  fail(error: unknown): void {
    if (this.open) this.#texts = [];
    this.#settle({ kind: 'failed', error });
  }

  /** The next piece, or the result after the last one; rejects with the error of `fail`. One reader at a time. */
  async next(): Promise<IteratorResult<string, GenerateResult>> {
    while (this.#texts.length === 0 && this.open) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#state.kind === 'failed') throw this.#state.error;
    const value = this.#texts.shift();
    if (value !== undefined) return { done: false, value };
    return { done: true, value: (this.#state as { result: GenerateResult }).result };
  }

  #settle(state: State): void {
    if (this.open) this.#state = state;
    this.#wake?.();
  }
}
