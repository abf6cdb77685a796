/**
 * Makes texts that files and other processes wrote fit to be shown: a terminal obeys control characters, and characters of direction make a
 * text read otherwise than it is. It knows no text by its meaning.
 */

/** Controls, format characters (of direction too), separators of lines, and halves of a character. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Controls that are no end of a line and no tab. */
const CONTROLS = /(?![\n\t])\p{Cc}/gu;

/** A text on one line in which every character is seen: what can't be printed stands as `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeUnits);
}

/** A text of several lines, such as a model's answer, without what a terminal obeys. */
export function printableLines(text: string): string {
  return text.replace(CONTROLS, escapeUnits);
}

/** JSON with the same meaning in which nothing is unprintable. Ends of lines between its parts stay. */
export function printableJson(json: string): string {
  return json.split('\n').map(printable).join('\n');
}

/** The same value with all texts in it printable. Objects become plain ones; one that stands in two places is still one. */
export function printableTexts<T>(value: T, known = new Map<unknown, unknown>()): T {
  if (typeof value === 'string') return printable(value) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (known.has(value)) return known.get(value) as T;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  known.set(value, copy);
  for (const [key, each] of Object.entries(value)) (copy as Record<string, unknown>)[key] = printableTexts(each, known);
  return copy as T;
}

function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }).join('');
}
