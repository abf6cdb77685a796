/** The checks of a grammar before an engine reads it: engines end the process over some, and the older library ignores what it can't read. It knows no engine's interface. */
import { MemoryGuardError } from '../core/errors.ts';
import { type Check, nativeText } from '../core/validate.ts';
import { MOST_NESTED } from './nesting.ts';
import { CHARACTER, type GrammarRule, readGrammar } from './read-grammar.ts';

/** A chain of 50,000 rules survives in every library that was tried; 10,000 that each wait for the next take 12 s. */
const MOST_RULES = 10_000;

export const checkGrammar: Check<string> = (value, name) => {
  const text = nativeText(value, name);
  read(text, name);
  return text;
};

/**
 * Refuses a grammar with a rule that begins with itself, also if what stands before it can be empty. The older generation of the SDK's
 * library ends the process over the latter.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function refuseLeftRecursion(text: string | undefined): void {
  const rule = text === undefined ? undefined : findLeftRecursion(read(text, 'grammar'));
  if (rule === undefined) return;
  const message = `Expected \`grammar\` to have no rule that begins with itself, but ${JSON.stringify(rule)} does; write what repeats behind what must be there.`;
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
}

function read(text: string, name: string): readonly GrammarRule[] {
  try {
    return readGrammar(text, { nested: MOST_NESTED, rules: MOST_RULES });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = `Expected \`${name}\` to be a grammar in llama.cpp's GBNF, but ${error.message}.`;
    throw new MemoryGuardError('ERR_INVALID_OPTION', message, { cause: error });
  }
}

/** The name of a rule that can be reached from itself without a character in between. */
function findLeftRecursion(rules: readonly GrammarRule[]): string | undefined {
  const canBeEmpty = findEmptyRules(rules);
  /** 1 while the search is below the rule, 2 once it is done. */
  const states = new Uint8Array(rules.length);
  for (let start = 0; start < rules.length; start++) {
    const path = states[start] === 0 ? [{ rule: start, left: listFirsts(rules[start]!, canBeEmpty) }] : [];
    if (path.length > 0) states[start] = 1;
    while (path.length > 0) {
      const { rule, left } = path.at(-1)!;
      const next = left.pop();
      if (next === undefined) {
        states[rule] = 2;
        path.pop();
      } else if (states[next] === 1) return rules[next]!.name;
      else if (states[next] === 0) {
        states[next] = 1;
        path.push({ rule: next, left: listFirsts(rules[next]!, canBeEmpty) });
      }
    }
  }
  return undefined;
}

/** The rules that something can begin with that this rule makes. */
function listFirsts({ alternatives = [] }: GrammarRule, canBeEmpty: Uint8Array): number[] {
  return alternatives.flatMap((sequence) => {
    const end = sequence.findIndex((item) => item === CHARACTER || canBeEmpty[item] === 0);
    return (end < 0 ? sequence : sequence.slice(0, end + 1)).filter((item) => item !== CHARACTER);
  });
}

/** 1 for each rule that can make the empty text. */
function findEmptyRules(rules: readonly GrammarRule[]): Uint8Array {
  const canBeEmpty = new Uint8Array(rules.length);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [index, { alternatives = [] }] of rules.entries()) {
      if (canBeEmpty[index] === 1) continue;
      const isEmpty = alternatives.some((sequence) =>
        sequence.every((item) => item !== CHARACTER && canBeEmpty[item] === 1),
      );
      if (!isEmpty) continue;
      canBeEmpty[index] = 1;
      changed = true;
    }
  }
  return canBeEmpty;
}
