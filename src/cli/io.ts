/** What the command line writes to and is stopped by: the process, or what stands in its place in a test. It knows no command. */
import colors from 'picocolors';
import { printableJson } from '../core/printable.ts';

/** A stream that may be a terminal. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** The keyboard. */
export interface Keys {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (data: Buffer) => void): unknown;
  off(event: 'data', listener: (data: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Keys;
  readonly env: NodeJS.ProcessEnv;
  /** The file descriptor of stderr, for another thread to write to. Absent if stderr has none. */
  readonly stderrFd?: number;
  /** From now on Ctrl-C and a request to end call `listener` instead of ending the process. Returns the function that undoes it. */
  onInterrupt(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * The process itself. If the reader of its output goes away, as with `nexa-memory-guard watch | head`, it exits with 0. What can't be told on
 * stderr is lost, and changes neither the work nor how it exits.
 */
export function openProcessIo({ stdout, stderr, stdin, env }: NodeJS.Process, exit: (code: number) => void): Io {
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => exit(code === 'EPIPE' ? 0 : 1));
  stderr.on('error', () => {});
  return {
    stdout,
    stderr,
    stdin,
    env,
    stderrFd: 2,
    onInterrupt(listener) {
      for (const signal of SIGNALS) process.on(signal, listener);
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener);
      };
    },
  };
}

/** What a command may draw with. */
export interface Screen {
  readonly colors: ReturnType<typeof colors.createColors>;
  /** Columns of the terminal, or of a page if there is no terminal. */
  readonly width: number;
  /** Columns after which sentences are broken. Without a terminal they stay in one line each, for whatever reads them. */
  readonly textWidth: number;
  /** Whether the terminal can show blocks and arrows. */
  readonly unicode: boolean;
}

const PAGE_COLUMNS = 100;

/** Colours only on a terminal, and none with `NO_COLOR` or on a dumb terminal. */
export function detectScreen({ isTTY, columns }: Pick<Output, 'isTTY' | 'columns'>, env: NodeJS.ProcessEnv): Screen {
  const { NO_COLOR, TERM } = env;
  const colored = isTTY === true && !NO_COLOR && TERM !== 'dumb';
  return {
    colors: colors.createColors(colored),
    width: (isTTY && columns) || PAGE_COLUMNS,
    textWidth: (isTTY && columns) || Number.POSITIVE_INFINITY,
    unicode: TERM !== 'linux' && TERM !== 'dumb',
  };
}

/** Prints a value as indented JSON. */
export function writeJson({ stdout }: Pick<Io, 'stdout'>, value: unknown): void {
  stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}
