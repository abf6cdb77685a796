/** Which errors say that the process lacks something in this moment, and nothing of what it tried. */

/** Error codes of a process that has no descriptor or no memory left, and what the dynamic linker says then. */
const PASSING_CODES = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];
const PASSING_TEXT = /too many open files|cannot allocate memory/i;

/** Whether the next try may succeed. */
export function isPassing(error: unknown): boolean {
  const { code, message } = Object(error) as NodeJS.ErrnoException;
  return PASSING_CODES.includes(code ?? '') || PASSING_TEXT.test(message ?? '');
}
