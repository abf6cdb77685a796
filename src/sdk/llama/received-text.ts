/** The text of one completion as it comes in pieces, with what is measured of it. It knows no engine. */

export class ReceivedText {
  readonly #startMs = performance.now();
  readonly #onText: (text: string) => void;
  #text = '';
  #pieces = 0;
  #firstTextMs: number | undefined;

  /** Time is measured from here on. */
  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  get text(): string {
    return this.#text;
  }

  /** Pieces that came, empty ones among them. */
  get pieces(): number {
    return this.#pieces;
  }

  /** Milliseconds until the first text; `undefined` if none came in a piece. */
  get firstTextMs(): number | undefined {
    return this.#firstTextMs;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  push(piece: string): void {
    this.#pieces += 1;
    if (piece === '') return;
    this.#firstTextMs ??= this.elapsedMs;
    this.#give(piece);
  }

  /** The engine holds back what could have become a `stop` text; the whole text has it. */
  end(whole: string): void {
    const rest = whole.startsWith(this.#text) ? whole.slice(this.#text.length) : '';
    if (rest !== '') this.#give(rest);
  }

  #give(text: string): void {
    this.#text += text;
    this.#onText(text);
  }
}
