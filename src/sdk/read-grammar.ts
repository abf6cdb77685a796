/** Reads a grammar in llama.cpp's GBNF without recursion, as far as it takes to see what its rules refer to. It knows no option and no engine. */
import { GrammarText } from './grammar-text.ts';

/** A part of a sequence: the index of a rule, or `CHARACTER` for what takes a character of the answer. */
export type Item = number;
export const CHARACTER: Item = -1;

/** A rule with a name, a group in parentheses, or a repetition. */
export interface GrammarRule {
  /** Of a group or a repetition the name of the rule that it stands in. */
  readonly name: string;
  /** One list of items for each alternative; `undefined` for a rule that is named and defined nowhere. */
  readonly alternatives: readonly (readonly Item[])[] | undefined;
}

/** What a grammar may have at most. */
export interface GrammarBounds {
  /** Groups within groups, and repetitions of repetitions. */
  readonly nested: number;
  /** Rules, groups and repetitions. */
  readonly rules: number;
}

/** What is read now: a rule, or a group in it. */
interface Frame {
  readonly rule: number;
  readonly alternatives: Item[][];
  sequence: Item[];
  /** Where in the sequence that begins which a repetition repeats; `undefined` before the first item. */
  last: number | undefined;
  /** How many repetitions repeat one another there. */
  repeats: number;
}

const NAME = /[a-zA-Z0-9-]+/y;

/**
 * Reads the rules.
 *
 * @throws SyntaxError that says what is wrong, as the end of a sentence.
 */
export function readGrammar(text: string, most: GrammarBounds): readonly GrammarRule[] {
  return new GrammarReader(text, most).read();
}

class GrammarReader {
  readonly #text: GrammarText;
  readonly #most: GrammarBounds;
  readonly #rules: { name: string; alternatives: Item[][] | undefined }[] = [];
  readonly #byName = new Map<string, number>();
  readonly #frames: Frame[] = [];

  constructor(text: string, most: GrammarBounds) {
    this.#text = new GrammarText(text);
    this.#most = most;
  }

  read(): readonly GrammarRule[] {
    this.#text.skipSpace(true);
    while (this.#text.peek() !== undefined) this.#readRule();
    const missing = this.#rules.find(({ alternatives }) => alternatives === undefined);
    if (missing) throw new SyntaxError(`it names the rule ${JSON.stringify(missing.name)}, which is defined nowhere`);
    if (!this.#byName.has('root')) throw new SyntaxError('it has no rule named "root"');
    return this.#rules;
  }

  #readRule(): void {
    const name = this.#text.take(NAME, 'the name of a rule');
    this.#text.skipSpace(false);
    this.#text.take(/::=/y, '`::=`');
    this.#text.skipSpace(true);
    this.#open(this.#findRule(name));
    while (this.#readPart()) {
      // Each call reads one part of the rule.
    }
    this.#text.take(/\r\n|\r|\n|$/y, 'the end of the line');
    this.#close();
    this.#text.skipSpace(true);
  }

  /** Reads an item, a repetition, a bar or a parenthesis. False at the end of the rule. */
  #readPart(): boolean {
    const frame = this.#frames.at(-1)!;
    const isNested = this.#frames.length > 1;
    const mark = this.#text.peek();
    switch (mark) {
      case '"':
      case '[':
        this.#addCharacters(frame, this.#text.readQuoted(mark === '"' ? '"' : ']'));
        break;
      case '.':
      case '<':
      case '!':
        this.#text.take(/\.|!?<[^>]*>/y, 'a token such as <[5]>');
        this.#addCharacters(frame, 1);
        break;
      case '*':
      case '+':
      case '?':
      case '{':
        this.#repeat(frame);
        break;
      case '(':
        this.#text.skip();
        this.#open(this.#addRule(frame));
        this.#text.skipSpace(true);
        return true;
      case '|':
        this.#text.skip();
        frame.alternatives.push(frame.sequence);
        Object.assign(frame, { sequence: [], last: undefined });
        this.#text.skipSpace(true);
        return true;
      case ')':
        if (!isNested) return false;
        this.#text.skip();
        this.#close();
        this.#addReference(this.#frames.at(-1)!, frame.rule);
        break;
      default: {
        const name = this.#text.tryTake(NAME);
        if (name === undefined && isNested) throw this.#text.problem('`)`');
        if (name === undefined) return false;
        this.#addReference(frame, this.#findRule(name));
      }
    }
    this.#text.skipSpace(this.#frames.length > 1);
    return true;
  }

  /** `S*` and `S{2,5}` become what llama.cpp makes of them: `S S R`, where `R` is `S R |` or `S |`. */
  #repeat(frame: Frame): void {
    const [least, most] = this.#text.readTimes();
    const start = frame.last;
    if (start === undefined || start === frame.sequence.length) throw this.#text.problem('something to repeat');
    if (++frame.repeats > this.#most.nested) throw this.#tooDeep('repetitions');
    if (most < least)
      throw this.#text.problem(`a largest number of repetitions that is at least ${least}, not ${most}`);
    const repeated = frame.sequence.slice(start);
    if (least === 0) frame.sequence.length = start;
    if (most === least) return;
    const rule = this.#addRule(frame);
    this.#rules[rule]!.alternatives = [most === Number.POSITIVE_INFINITY ? [...repeated, rule] : repeated, []];
    frame.sequence.push(rule);
  }

  /** An empty text adds nothing, so that there is nothing to repeat behind it. */
  #addCharacters(frame: Frame, count: number): void {
    Object.assign(frame, { last: frame.sequence.length, repeats: 0 });
    if (count > 0) frame.sequence.push(CHARACTER);
  }

  #addReference(frame: Frame, rule: number): void {
    Object.assign(frame, { last: frame.sequence.length, repeats: 0 });
    frame.sequence.push(rule);
  }

  #open(rule: number): void {
    if (this.#frames.length > this.#most.nested) throw this.#tooDeep('parentheses');
    this.#frames.push({ rule, alternatives: [], sequence: [], last: undefined, repeats: 0 });
  }

  #close(): void {
    const { rule, alternatives, sequence } = this.#frames.pop()!;
    this.#rules[rule]!.alternatives = [...alternatives, sequence];
  }

  #findRule(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const rule = this.#push(name);
    this.#byName.set(name, rule);
    return rule;
  }

  /** Adds a rule for a group or a repetition. */
  #addRule({ rule }: Frame): number {
    return this.#push(this.#rules[rule]!.name);
  }

  #push(name: string): number {
    if (this.#rules.length >= this.#most.rules) {
      throw new SyntaxError(`it has more than ${this.#most.rules} rules, groups and repetitions`);
    }
    return this.#rules.push({ name, alternatives: undefined }) - 1;
  }

  #tooDeep(what: string): SyntaxError {
    return new SyntaxError(`it is nested deeper than ${this.#most.nested} ${what}`);
  }
}
