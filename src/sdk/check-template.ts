/** The check of a chat template before an engine parses it by recursion. It knows Jinja's brackets and statements, and nothing of what they do. */
import { MemoryGuardError } from '../core/errors.ts';
import { type Check, nativeText } from '../core/validate.ts';
import { MOST_CHAINED, MOST_NESTED } from './nesting.ts';

/** Statements that a statement `end...` closes. */
const OPENING = /^(for|if|macro|call|filter|generation|block|with|autoescape|raw)\b/;
/** What two parts of an expression are joined by. Parsers make one more level of each. */
const JOINING = /\b(?:and|or|not|in|is|if|else)\b|\*\*|\/\/|[=!<>]=|[-+*/%~<>|.]/g;

export const checkTemplate: Check<string> = (value, name) => {
  const text = nativeText(value, name);
  const fault = findTemplateFault(text);
  if (fault === undefined) return text;
  const message = `Expected \`${name}\` to be a chat template that engines can parse, but ${fault}.`;
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
};

/** What is too deep in a template, as the end of a sentence; `undefined` if nothing is. */
export function findTemplateFault(text: string): string | undefined {
  /** For each open statement how many `elif` it has; a parser goes one level deeper for each. */
  const open: number[] = [];
  let branches = 0;
  for (const tag of listTags(text)) {
    if (tag.depth > MOST_NESTED) return `its brackets are nested deeper than ${MOST_NESTED}`;
    if ((tag.code.match(JOINING)?.length ?? 0) > MOST_CHAINED) {
      return `an expression in it has more than ${MOST_CHAINED} operators`;
    }
    if (tag.mark !== '%') continue;
    const statement = tag.code.replace(/^[-+]?\s*/, '');
    if (statement.startsWith('end')) branches -= open.pop() ?? 0;
    else if (/^elif\b/.test(statement)) {
      if (++branches > MOST_CHAINED) return `an \`if\` in it has more than ${MOST_CHAINED} branches`;
      open.push((open.pop() ?? 0) + 1);
    } else if (OPENING.test(statement) || /^set\b[^=]*$/.test(statement)) open.push(0);
    if (open.length > MOST_NESTED) return `its statements are nested deeper than ${MOST_NESTED}`;
  }
  return undefined;
}

/** The inside of `{{ }}` or `{% %}`. */
interface Tag {
  readonly mark: '{' | '%';
  /** Without its texts in quotes. */
  readonly code: string;
  /** How deep its brackets are nested. */
  readonly depth: number;
}

function* listTags(text: string): Generator<Tag, void> {
  const start = /\{[{%#]/g;
  for (let found = start.exec(text); found !== null; found = start.exec(text)) {
    const mark = found[0][1];
    if (mark === '#') {
      const end = text.indexOf('#}', start.lastIndex);
      if (end < 0) return;
      start.lastIndex = end + 2;
      continue;
    }
    const tag = readTag(text, start.lastIndex, mark === '%' ? '%' : '{');
    yield tag;
    start.lastIndex = tag.end;
  }
}

/** Reads up to the end of the tag, or of the text. */
function readTag(text: string, start: number, mark: Tag['mark']): Tag & { readonly end: number } {
  const close = mark === '%' ? '%}' : '}}';
  let code = '';
  let depth = 0;
  let deepest = 0;
  let at = start;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (depth === 0 && text.startsWith(close, at)) break;
    if (char === '"' || char === "'") {
      at = skipQuoted(text, at, char);
      continue;
    }
    if ('([{'.includes(char)) deepest = Math.max(deepest, ++depth);
    else if (')]}'.includes(char)) depth = Math.max(0, depth - 1);
    code += char;
  }
  return { mark, code, depth: deepest, end: at + close.length };
}

/** The place of the closing quote. */
function skipQuoted(text: string, start: number, quote: string): number {
  let at = start + 1;
  for (; at < text.length && text[at] !== quote; at++) if (text[at] === '\\') at++;
  return at;
}
