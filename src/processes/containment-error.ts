/** The error for a process that could not be put into a group of its own, or whose limit could not be changed. */
import { printable } from '../core/printable.ts';

/** One sentence: Expected …, found …; do …. Whoever asked goes on without a wall for that process, and tells why. */
export class ContainmentError extends Error {
  override readonly name = 'ContainmentError';

  constructor(expected: string, found: string, advice: string, options?: { cause?: unknown }) {
    super(printable(`Expected ${expected}, found ${found}; ${advice}.`), options);
  }
}
