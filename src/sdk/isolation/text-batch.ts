/** Text on its way to another process: the first piece goes at once, and of many that come quickly several go together. */

/** A reader sees no delay of so few milliseconds, and an engine that writes faster sends fewer messages. */
const APART_MS = 4;

export class TextBatch {
  readonly #send: (text: string) => void;
  #text = '';
  #sentMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  push(text: string): void {
    this.#text += text;
    const leftMs = this.#sentMs + APART_MS - performance.now();
    if (leftMs <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), leftMs);
  }

  /** Sends what is kept. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#text === '') return;
    this.#sentMs = performance.now();
    this.#send(this.#text);
    this.#text = '';
  }
}
