/**
 * The calls of the file system that don't block. `node:fs/promises` must not be used: a worker thread that is ended while it makes one of its
 * calls takes the whole process with it (`Assertion failed: (req_wrap_async) != nullptr`), because there Node itself makes the object that
 * the end refuses. The calls with a callback bring theirs along.
 */
import * as fs from 'node:fs';
import { promisify } from 'node:util';

export const lstat = promisify(fs.lstat);
export const mkdir = promisify(fs.mkdir);
export const opendir = promisify(fs.opendir);
export const readdir = promisify(fs.readdir);
export const readFile = promisify(fs.readFile);
export const realpath = promisify(fs.realpath);
export const rename = promisify(fs.rename);
export const rm = promisify(fs.rm);
export const rmdir = promisify(fs.rmdir);
export const stat = promisify(fs.stat);
export const writeFile = promisify(fs.writeFile);

const openDescriptor = promisify(fs.open);
const closeDescriptor = promisify(fs.close);
const readDescriptor = promisify(fs.read);
const writeDescriptor = promisify(fs.writeFile);
const statDescriptor = promisify(fs.fstat);

/** What a call gives, or nothing if it fails: for what may be missing. */
export function orNothing<T>(call: Promise<T>): Promise<T | undefined> {
  return call.catch(() => undefined);
}

/** An open file. Whoever opens it closes it; what a thread leaves open is closed with the thread. */
export class OpenFile {
  readonly #descriptor: number;
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** `flags` are those of `fs.constants`. Rejects with the system's error. */
  static async open(path: string, flags: number, mode?: number): Promise<OpenFile> {
    return new OpenFile(await openDescriptor(path, flags, mode));
  }

  stat(): Promise<fs.Stats> {
    return this.#run(() => statDescriptor(this.#descriptor));
  }

  /** Reads up to `length` bytes at `position` of the file to `offset` of `into`, and resolves to how many there were: 0 at the end. */
  async read(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    const read = () => readDescriptor(this.#descriptor, into, offset, length, position);
    return (await this.#run(read)).bytesRead;
  }

  /** Writes the whole text at the place where the file stands. */
  write(text: string): Promise<void> {
    return this.#run(() => writeDescriptor(this.#descriptor, text));
  }

  /** Once everything that runs has ended, and once: nothing is done with it any more, since another file may get its number. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#running).then(() => closeDescriptor(this.#descriptor));
    return this.#closing;
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing) throw new Error('the file is closed');
    const running = call();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}
