/** Walks through the text of a grammar, part by part, and says what is wrong with it and where. It knows no rules. */

const ESCAPES: Readonly<Record<string, number>> = {
  ...{ t: 0, r: 0, n: 0, '\\': 0, '"': 0, '[': 0, ']': 0 },
  ...{ x: 2, u: 4, U: 8 },
};

export class GrammarText {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next character; `undefined` at the end. */
  peek(): string | undefined {
    return this.#text[this.#at];
  }

  skip(): void {
    this.#at++;
  }

  /** Moves over space and comments. */
  skipSpace(newlines: boolean): void {
    const space = newlines ? /[ \t\r\n]+|#[^\r\n]*/y : /[ \t]+|#[^\r\n]*/y;
    while (this.tryTake(space)) {
      // A comment may follow space, and space a comment.
    }
  }

  /** Takes what matches here. The pattern must be sticky. */
  take(pattern: RegExp, expected: string): string {
    const taken = this.tryTake(pattern);
    if (taken === undefined) throw this.problem(expected);
    return taken;
  }

  tryTake(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  /** Reads a text in quotes, or a class of characters. Returns how many characters it names. */
  readQuoted(end: '"' | ']'): number {
    this.skip();
    if (end === ']') this.tryTake(/\^/y);
    let length = 0;
    for (; this.peek() !== end; length++) {
      if (this.peek() === undefined) throw this.problem(`\`${end}\``);
      if (this.peek() === '\\') this.#skipEscape();
      else this.skip();
    }
    this.skip();
    return length;
  }

  /** Reads `*`, `+`, `?` or `{2,5}` as the least and the most repetitions. */
  readTimes(): readonly [least: number, most: number] {
    const mark = this.peek();
    if (mark === '{') return this.#readBraces();
    this.skip();
    return [mark === '+' ? 1 : 0, mark === '?' ? 1 : Number.POSITIVE_INFINITY];
  }

  problem(expected: string): SyntaxError {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return new SyntaxError(
      `line ${line} needs ${expected} ${rest === '' ? 'at its end' : `at ${JSON.stringify(rest)}`}`,
    );
  }

  #readBraces(): readonly [least: number, most: number] {
    const braces = this.take(/\{[^}]*\}/y, '`}`');
    // Space and comments may stand between the parts.
    const parts = /^\{(\d+)(?:(,)(\d+)?)?\}$/.exec(braces.replace(/#[^\r\n]*|\s/g, ''));
    if (parts === null) throw this.problem('numbers such as {2,5} before it');
    const least = Number(parts[1]);
    if (parts[2] === undefined) return [least, least];
    return [least, parts[3] === undefined ? Number.POSITIVE_INFINITY : Number(parts[3])];
  }

  #skipEscape(): void {
    this.skip();
    const digits = ESCAPES[this.peek() ?? ''];
    if (digits === undefined) throw this.problem('an escape such as \\n, \\x41 or \\]');
    this.skip();
    if (digits > 0) this.take(new RegExp(`[0-9a-fA-F]{${digits}}`, 'y'), `${digits} hexadecimal digits`);
  }
}
