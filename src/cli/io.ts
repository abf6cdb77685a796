/** What the command line writes to and is stopped by: the process, or in tests what stands in for it. It knows no command. */
import colors from 'picocolors';

/** A stream that may be a terminal. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** Keys that are typed. */
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
  /** Of stderr, for another thread to write to; absent where it has none. */
  readonly stderrFd?: number;
  /** Calls back at Ctrl-C and at a polite request to end, instead of ending at once; returns the way to stop that. */
  onInterrupt(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** The process itself. A reader that goes away, as of `nexa-memory-guard watch | head`, ends it without a fault. */
export function processIo({ stdout, stderr, stdin, env }: NodeJS.Process, exit: (code: number) => void): Io {
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => exit(code === 'EPIPE' ? 0 : 1));
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
  /** Columns of the terminal, or of a page where there is none. */
  readonly width: number;
  /** Blocks and arrows, or plain letters where the terminal has none. */
  readonly unicode: boolean;
}

const PAGE_COLUMNS = 100;

/** Colours only on a terminal, and not where `NO_COLOR` or a dumb terminal forbids them. */
export function screenOf({ isTTY, columns }: Output, env: NodeJS.ProcessEnv): Screen {
  const { NO_COLOR, TERM } = env;
  const colored = isTTY === true && !NO_COLOR && TERM !== 'dumb';
  return {
    colors: colors.createColors(colored),
    width: (isTTY && columns) || PAGE_COLUMNS,
    unicode: TERM !== 'linux' && TERM !== 'dumb',
  };
}

export function writeJson({ stdout }: Pick<Io, 'stdout'>, value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
