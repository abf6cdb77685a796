/** What stands in for the process: streams that keep what is written, keys and signals that a test sends. */
import type { Io, Keys, Output } from '../../src/cli/io.ts';

export class FakeOutput implements Output {
  readonly isTTY: boolean;
  columns: number;
  rows: number;
  text = '';
  readonly #resized = new Set<() => void>();

  constructor({ isTTY = false, columns = 80, rows = 24 } = {}) {
    this.isTTY = isTTY;
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): void {
    this.text += text;
  }

  on(_event: 'resize', listener: () => void): void {
    this.#resized.add(listener);
  }

  off(_event: 'resize', listener: () => void): void {
    this.#resized.delete(listener);
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    for (const listener of this.#resized) listener();
  }

  get listeners(): number {
    return this.#resized.size;
  }
}

export class FakeKeys implements Keys {
  readonly isTTY: boolean;
  raw = false;
  reading = false;
  readonly #typed = new Set<(data: Buffer) => void>();

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  setRawMode(raw: boolean): void {
    this.raw = raw;
  }

  on(_event: 'data', listener: (data: Buffer) => void): void {
    this.#typed.add(listener);
  }

  off(_event: 'data', listener: (data: Buffer) => void): void {
    this.#typed.delete(listener);
  }

  resume(): void {
    this.reading = true;
  }

  pause(): void {
    this.reading = false;
  }

  type(keys: string): void {
    for (const listener of this.#typed) listener(Buffer.from(keys));
  }
}

export interface FakeIo extends Io {
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;
  readonly stdin: FakeKeys;
  interrupt(signal?: 'SIGINT' | 'SIGTERM'): void;
  readonly interruptible: () => number;
}

export function fakeIo(terminal: { isTTY?: boolean; columns?: number; rows?: number } = {}, env = {}): FakeIo {
  const listeners = new Set<(signal: 'SIGINT' | 'SIGTERM') => void>();
  return {
    stdout: new FakeOutput(terminal),
    stderr: new FakeOutput(terminal),
    stdin: new FakeKeys(terminal.isTTY),
    env,
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    interrupt(signal = 'SIGINT') {
      for (const listener of listeners) listener(signal);
    },
    interruptible: () => listeners.size,
  };
}
