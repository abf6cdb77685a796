/** What the engine would print: it is kept from the output, handed to listeners, and searched for a reason after a failure. */
import type { NativeEngineLog } from '../../addon/addon.ts';
import { loadAddon } from '../../addon/load-addon.ts';
import type { LogLevel, LogListener } from '../runtime.ts';

/** By the numbers that ggml gives the levels. */
const LEVELS: readonly LogLevel[] = ['info', 'debug', 'info', 'warn', 'error'];
const KEEP_ALL = 0;
const KEEP_ERRORS = 4;

/** The log of an engine whose library lies at `libraryPath`. Without the addon or a path nothing is kept from the output. */
export class EngineLog {
  readonly #native: NativeEngineLog | undefined;
  readonly #listeners = new Set<LogListener>();

  constructor(libraryPath: string | undefined, native: NativeEngineLog | null | undefined = loadAddon()?.engineLog) {
    this.#native = native ?? undefined;
    if (libraryPath !== undefined) native?.silence(libraryPath);
  }

  /** Hands every line to `listener` from now on. Returns the function that ends this. */
  listen(listener: LogListener): () => void {
    this.#listeners.add(listener);
    this.#native?.keep(KEEP_ALL);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#native?.keep(KEEP_ERRORS);
    };
  }

  /** Hands on the lines that have come, and returns the errors among them. */
  flush(): readonly string[] {
    const drained = this.#native?.drain() ?? [];
    const errors: string[] = [];
    for (let at = 0; at < drained.length; at += 2) {
      const level = LEVELS[Number(drained[at])] ?? 'info';
      const text = String(drained[at + 1]).trimEnd();
      if (level === 'error') errors.push(text);
      if (text !== '') this.#tell(level, text);
    }
    return errors;
  }

  /** Runs a load so that it rejects if the engine's constructor fails, which else ends the process. */
  async catchThrows<T>(load: () => Promise<T>): Promise<T> {
    this.#native?.catchNextThrow(true);
    try {
      return await load();
    } finally {
      this.#native?.catchNextThrow(false);
    }
  }

  /** Makes a call that starts work in the background, and lets the work begin only once the call has returned. */
  startWork<T>(call: () => Promise<T>): Promise<T> {
    this.#native?.holdNextWork();
    let started: boolean | undefined;
    let work: Promise<T>;
    try {
      work = call();
    } finally {
      started = this.#native?.startHeldWork();
    }
    return started === false ? Promise.reject(new Error('no thread took the work')) : work;
  }

  /** Runs a synchronous call of the engine that reports through `console.log`. */
  withoutConsole<T>(run: () => T): T {
    const log = console.log;
    console.log = (...texts: unknown[]) => this.#tell('info', texts.join(' '));
    try {
      return run();
    } finally {
      console.log = log;
    }
  }

  /** A listener's own error must not end a load. */
  #tell(level: LogLevel, text: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(level, text);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }
}

/** Of the lines that a failure leaves the one that says why; `undefined` if none does. */
export function findReason(errors: readonly string[]): string | undefined {
  const found = errors
    .map((line) => /error loading model: (.+)/.exec(line)?.[1])
    .find((reason) => reason !== undefined);
  return found ?? errors.find((line) => line !== '');
}
