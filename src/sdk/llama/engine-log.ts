/** What the engine would print: kept from the output, handed to listeners, and searched for a reason after a failure. */
import { loadAddon } from '../../addon/load-addon.ts';
import type { LogLevel, LogListener } from '../runtime.ts';

/** The addon's part: loggers of a native library, reached without the library's help. */
export interface NativeEngineLog {
  /** Sends what the library at this path prints to a queue; how many setters and calls were reached. */
  silence(path: string): NativeReach;
  /** ggml's levels: 1 debug, 2 info, 3 warn, 4 error. Lower ones are dropped. */
  keep(level: number): void;
  /** Level and text, in turn. */
  drain(): readonly (number | string)[];
  /** Lets the engine's constructor unwind when it fails. */
  catchNextThrow(on: boolean): void;
  /** The next work that the engine starts waits for `startHeldWork`, which is false where it could not be started. */
  holdNextWork(): void;
  startHeldWork(): boolean;
}

export interface NativeReach {
  readonly loggers: number;
  readonly calls: number;
  readonly catches: boolean;
  readonly holds: boolean;
}

const LEVELS: readonly LogLevel[] = ['info', 'debug', 'info', 'warn', 'error', 'info'];
const KEEP_ALL = 0;
const KEEP_ERRORS = 4;

export class EngineLog {
  readonly #native: NativeEngineLog | undefined;
  readonly #listeners = new Set<LogListener>();

  constructor(libraryPath: string | undefined, native: NativeEngineLog | null | undefined = addonLog()) {
    this.#native = native ?? undefined;
    if (libraryPath !== undefined) native?.silence(libraryPath);
  }

  /** Returns the way to stop listening. */
  listen(listener: LogListener): () => void {
    this.#listeners.add(listener);
    this.#native?.keep(KEEP_ALL);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#native?.keep(KEEP_ERRORS);
    };
  }

  /** Hands on what has come, and returns the errors among it. */
  flush(): readonly string[] {
    const drained = this.#native?.drain() ?? [];
    const errors: string[] = [];
    for (let i = 0; i < drained.length; i += 2) {
      const level = LEVELS[drained[i] as number] ?? 'info';
      const text = String(drained[i + 1]).trimEnd();
      if (level === 'error') errors.push(text);
      if (text !== '') this.#tell(level, text);
    }
    return errors;
  }

  /** Runs a load: a constructor that fails rejects instead of taking the process with it. */
  async catching<T>(load: () => Promise<T>): Promise<T> {
    this.#native?.catchNextThrow(true);
    try {
      return await load();
    } finally {
      this.#native?.catchNextThrow(false);
    }
  }

  /** Makes a call that starts work in the background: the work begins when the call has noted everything it needs. */
  starting<T>(call: () => Promise<T>): Promise<T> {
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

/** The line that says why, of the lines that a failure leaves. */
export function reasonIn(errors: readonly string[]): string | undefined {
  const found = errors
    .map((line) => /error loading model: (.+)/.exec(line)?.[1])
    .find((reason) => reason !== undefined);
  return found ?? errors.find((line) => line !== '');
}

function addonLog(): NativeEngineLog | undefined {
  return (loadAddon() as { engineLog?: NativeEngineLog } | undefined)?.engineLog;
}
