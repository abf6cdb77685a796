/** A program that was started for the models in it: its life, its end, and who uses it. It knows no memory. */
// biome-ignore lint/suspicious/noTsIgnore: Node's types may be missing where the package is used: then it is `any` there
/** @ts-ignore */
import type { ChildProcess } from 'node:child_process';
import { describeEnd } from '../core/describe-end.ts';
import { MemoryGuardError } from '../core/errors.ts';
import type { ProcessEnd } from '../core/model-process.ts';
import { endWithProgram } from './end-with-program.ts';

/** A program from `guard.spawn`. Its whole process tree is counted, and ended with it. */
export class SpawnedProgram {
  readonly pid: number;
  /** Names it in events and errors. */
  readonly name: string;
  /** Node's own object, for its input and output. */
  readonly process: ChildProcess;
  /** Resolves when the program has ended, whatever ended it. */
  readonly ended: Promise<ProcessEnd>;
  /** @internal */
  readonly shared = false;
  /** @internal */
  readonly tree = true;
  readonly #stopTimeoutMs: number;
  readonly #letGo: () => void;
  #asked = false;
  #end: ProcessEnd | undefined;

  /** @internal Programs get one from `guard.spawn`. */
  constructor(process: ChildProcess, name: string, stopTimeoutMs: number) {
    this.process = process;
    this.pid = process.pid!;
    this.name = name;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.ended = new Promise((resolve) => {
      process.once('exit', (exitCode, signal) => resolve(this.#ended(exitCode, signal)));
    });
    this.#letGo = endWithProgram(this);
  }

  /** How it ended. `undefined` while it runs. */
  get end(): ProcessEnd | undefined {
    return this.#end;
  }

  /**
   * Runs work on the program. It is not idle until what `run` gives has settled, and so is neither evicted nor stopped meanwhile.
   *
   * @throws MemoryGuardError `ERR_MODEL_KILLED` if the program has ended, and is not to be started again.
   * @example
   * ```ts
   * const answer = await server.use(() => fetch('http://127.0.0.1:8080/health'));
   * ```
   */
  async use<T>(run: (program: SpawnedProgram) => T | Promise<T>): Promise<T> {
    if (this.#end) {
      const message = `${describeEnd(`The program ${JSON.stringify(this.name)}`, this.#end)}; start it again.`;
      throw new MemoryGuardError('ERR_MODEL_KILLED', message);
    }
    return run(this);
  }

  /** Ends the program and all its processes: by `SIGTERM`, and after `stopTimeoutMs` by `SIGKILL`. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#asked = true;
    if (this.#end) return;
    this.process.ref();
    signalGroup(this.pid, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(this.pid, 'SIGKILL'), this.#stopTimeoutMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal This process ends. */
  endNow(): void {
    this.#asked = true;
    signalGroup(this.pid, 'SIGKILL');
  }

  #ended(exitCode: number | null, signal: NodeJS.Signals | null): ProcessEnd {
    this.#letGo();
    // What it started and left behind holds memory that was promised to it.
    signalGroup(this.pid, 'SIGKILL');
    this.#end = Object.freeze({
      ...(signal !== null && { signal }),
      ...(exitCode !== null && { exitCode }),
      // A program that is done ends by itself, and nobody has killed it.
      asked: this.#asked || exitCode === 0,
      hung: false,
    });
    return this.#end;
  }
}

/** The program and all that it started. What has ended meanwhile needs no signal. Windows has no groups, and there the program alone gets it. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch {
    // see above
  }
}
