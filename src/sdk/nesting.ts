/** How deep the texts may be nested that an engine parses by recursion. It knows no option by name. */

/**
 * What is nested deeper is refused. With the 8 MiB of stack that the loader's threads have, the libraries that were tried end the process at 4500
 * parentheses of a template, 18,000 of a grammar and 21,000 levels of a schema; a thread of 1 MiB would at 560.
 */
export const MOST_NESTED = 128;

/**
 * How many operators one expression may join, and how many branches one `if` may have. The libraries end the process at 9200 operators and 12,000
 * branches; the older one takes more than 20 s for 1000 branches.
 */
export const MOST_CHAINED = 512;

/** How deep arrays and objects in a JSON text are nested. The text must be one that `JSON.parse` takes. */
export function countJsonLevels(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isInText = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (isInText) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) isInText = false;
    } else if (code === QUOTE) isInText = true;
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\[]{}'].map((mark) =>
  mark.charCodeAt(0),
);
