/**
 * How many tokens a text takes at least: the fewest pieces of the vocabulary that it can be put together from, whatever a tokenizer
 * does. Whitespace counts nothing by itself, since some tokens swallow it.
 */
import type { Vocabulary } from './vocabulary.ts';

const FIRST_PRINTABLE = 0x21;

/** What each letter of a token in a byte-level vocabulary stands for (GPT-2's alphabet: bytes that print are themselves). */
const BYTES_BY_LETTER: ReadonlyMap<number, number> = (() => {
  const letters = new Map<number, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const prints = (byte >= FIRST_PRINTABLE && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    letters.set(prints ? byte : next++, byte);
  }
  return letters;
})();

/** The fewest tokens of the text; once they are more than `most`, some number above it. A byte that no token has counts as one. */
export function countFewestTokens(text: string, vocabulary: Vocabulary, most: number): number {
  const bytes = Buffer.from(text, 'utf8');
  const pieces = new PieceTree(vocabulary);
  // The fewest tokens up to each place, in a ring as long as the longest piece.
  const ring = pieces.longestBytes + 1;
  const fewest = new Uint32Array(ring).fill(0xffff_ffff);
  fewest[0] = 0;
  for (let at = 0; at < bytes.length; at++) {
    const here = fewest[at % ring]!;
    // What lies further back than the longest piece can't be reached any more.
    fewest[at % ring] = 0xffff_ffff;
    const reach = (length: number, tokens: number) => {
      const place = (at + length) % ring;
      if (tokens < fewest[place]!) fewest[place] = tokens;
    };
    reach(1, here + (isSpace(bytes[at]!) ? 0 : 1));
    pieces.match(bytes, at, (length) => reach(length, here + 1));
    if (at % ring === 0 && Math.min(...fewest) > most) return most + 1;
  }
  return fewest[bytes.length % ring]!;
}

const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** All tokens by their bytes, as a tree of which each node is a number. */
class PieceTree {
  longestBytes = 1;
  #byte = new Uint8Array(1024);
  #child = new Uint32Array(1024);
  #sibling = new Uint32Array(1024);
  #isPiece = new Uint8Array(1024);
  #nodes = 1;

  constructor(vocabulary: Vocabulary) {
    for (let id = 0; id < vocabulary.size; id++) {
      const token = vocabulary.token(id);
      this.#add(token);
      const meant = decodeToken(token);
      if (meant) this.#add(meant);
    }
  }

  /** Calls `found` with the length of each piece that begins at `at`. */
  match(bytes: Buffer, at: number, found: (length: number) => void): void {
    let node = 0;
    for (let index = at; index < bytes.length; index++) {
      node = this.#find(node, bytes[index]!);
      if (node === 0) return;
      if (this.#isPiece[node]) found(index - at + 1);
    }
  }

  #find(parent: number, byte: number): number {
    let node = this.#child[parent]!;
    while (node !== 0 && this.#byte[node] !== byte) node = this.#sibling[node]!;
    return node;
  }

  #add(piece: Buffer): void {
    let node = 0;
    for (const byte of piece) node = this.#find(node, byte) || this.#append(node, byte);
    if (node !== 0) this.#isPiece[node] = 1;
    this.longestBytes = Math.max(this.longestBytes, piece.length);
  }

  #append(parent: number, byte: number): number {
    const node = this.#nodes++;
    if (node === this.#byte.length) this.#grow();
    this.#byte[node] = byte;
    this.#sibling[node] = this.#child[parent]!;
    this.#child[parent] = node;
    return node;
  }

  #grow(): void {
    const length = this.#byte.length * 2;
    this.#byte = grow(this.#byte, new Uint8Array(length));
    this.#isPiece = grow(this.#isPiece, new Uint8Array(length));
    this.#child = grow(this.#child, new Uint32Array(length));
    this.#sibling = grow(this.#sibling, new Uint32Array(length));
  }
}

function grow<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** What a token stands for where that isn't what is written: in byte-level vocabularies, and where a mark stands for a space. */
function decodeToken(token: Buffer): Buffer | undefined {
  // Plain letters stand for themselves in both.
  if (token.every((byte) => byte < 0x80)) return undefined;
  const letters = [...token.toString('utf8')];
  const bytes = letters.map((letter) => BYTES_BY_LETTER.get(letter.codePointAt(0)!));
  if (bytes.every((byte) => byte !== undefined)) return Buffer.from(bytes as number[]);
  return Buffer.from(letters.map((letter) => (letter === '\u2581' ? ' ' : letter)).join(''), 'utf8');
}
