/** What an engine prints, as lines. It is told from errors by its words, since a process prints no levels. */
import type { LogLevel } from '../runtime.ts';

/** No line is longer; the rest of a longer one is dropped. */
const MOST_CHARACTERS = 4096;
/** So many errors are kept for whoever asks why something failed: the last. */
const MOST_ERRORS = 32;

export class OutputLines {
  readonly #tell: ((level: LogLevel, text: string) => void) | undefined;
  readonly #decoder = new TextDecoder();
  #rest = '';
  #errors: string[] = [];

  constructor(tell?: (level: LogLevel, text: string) => void) {
    this.#tell = tell;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop()!.slice(0, MOST_CHARACTERS);
    for (const line of lines) this.add(line);
  }

  /** One line, of a level if that is known. */
  add(line: string, level: LogLevel = findLevel(line)): void {
    const text = line.slice(0, MOST_CHARACTERS).trimEnd();
    if (text === '') return;
    if (level === 'error') this.#errors = [...this.#errors, text].slice(-MOST_ERRORS);
    this.#tell?.(level, text);
  }

  /** The process has ended: what it printed last may lack its end. */
  end(): void {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = '';
    this.add(rest);
  }

  /** The errors since this was asked last. */
  takeErrors(): readonly string[] {
    const errors = this.#errors;
    this.#errors = [];
    return errors;
  }
}

function findLevel(line: string): LogLevel {
  // It found another way: `tensor 'x' (q4_0) cannot be used with preferred buffer type CPU_REPACK, using CPU instead`.
  if (/, using \S+ instead/i.test(line)) return 'warn';
  if (/\berror\b|\bfailed\b|\bunable to\b|\bcannot\b|\bbad_alloc\b|terminate called|Assertion|GGML_ASSERT/i.test(line))
    return 'error';
  return /\bwarn(ing)?\b/i.test(line) ? 'warn' : 'info';
}
