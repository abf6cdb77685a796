/** What the engine would print: it is kept from the output, handed to listeners, and searched for a reason after a failure. */
import { loadAddon } from '../../addon/load-addon.ts';
import type { LogLevel, LogListener } from '../runtime.ts';

/** The addon's part: it reaches the loggers of a native library without the library's help. */
export interface NativeEngineLog {
  /** Sends what the library at this path prints to a queue. Returns how much of the library was reached. */
  silence(path: string): NativeReach;
  /** Drops lines below this level. ggml's levels are 1 debug, 2 info, 3 warn, 4 error. */
  keep(level: number): void;
  /** Empties the queue. Level and text of each line, in turn. */
  drain(): readonly (number | string)[];
  /** Whether a constructor of the engine may unwind when it fails, so that the process goes on. */
  catchNextThrow(on: boolean): void;
  /** The next work that the engine starts waits for `startHeldWork`. */
  holdNextWork(): void;
  /** False if the work could not be started. */
  startHeldWork(): boolean;
}

/** How much of the engine's library `silence` reached. */
export interface NativeReach {
  /** Functions that set a logger. */
  readonly loggers: number;
  /** Calls that print. */
  readonly calls: number;
  /** Whether `catchNextThrow` works. */
  readonly catches: boolean;
  /** Whether `holdNextWork` works. */
  readonly holds: boolean;
}

/** By the numbers that ggml gives the levels; 5 continues a line. */
const LEVELS: readonly LogLevel[] = ['info', 'debug', 'info', 'warn', 'error', 'info'];
const KEEP_ALL = 0;
const KEEP_ERRORS = 4;

/** The log of an engine whose library lies at `libraryPath`. Without the addon or a path nothing is kept from the output. */
export class EngineLog {
  readonly #native: NativeEngineLog | undefined;
  readonly #listeners = new Set<LogListener>();

  constructor(libraryPath: string | undefined, native: NativeEngineLog | null | undefined = loadNativeLog()) {
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

function loadNativeLog(): NativeEngineLog | undefined {
  return (loadAddon() as { engineLog?: NativeEngineLog } | undefined)?.engineLog;
}
