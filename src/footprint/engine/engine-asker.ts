/** Asks engines in processes of their own: several files side by side, each question once, and none that failed before. It knows no memory rules. */

import { availableParallelism, cpus } from 'node:os';
import type { StartedChild } from '../../children/start-child.ts';
import type { EngineFiles } from '../../core/engine-files.ts';
import { describeError } from '../../core/errors.ts';
import { stat } from '../../core/file-system.ts';
import { loadNodeModule } from '../../core/node-module.ts';
import type { FileIdentity } from '../../gguf/read-gguf.ts';
import type { AnswerStore } from './answer-store.ts';
import { AskProcess, NoAnswerError } from './ask-process.ts';
import type { AskedQuestion, EngineAnswer, EngineQuestion } from './engine-question.ts';

/** The slowest model that was measured takes 0.6 s: this is for a machine that is fifty times busier. */
const LIMIT_MS = 30_000;
/** So long a process waits for the next question: a ladder's files come one after the other. */
const IDLE_MS = 250;

export interface EngineAskerParts {
  readonly start: () => Promise<StartedChild>;
  /** Where answers are kept; absent if nothing is kept on disk. */
  readonly store?: AnswerStore;
  /** Reserves what a process takes, until what it returns is called. `undefined`: there is not enough memory for it. */
  readonly hold: (bytes: number) => (() => void) | undefined;
  readonly limitMs?: number;
}

/** A process that no question is waiting for. */
interface IdleProcess {
  readonly key: string;
  readonly process: AskProcess;
  readonly timer: NodeJS.Timeout;
}

export class EngineAsker {
  readonly #parts: EngineAskerParts;
  readonly #limitMs: number;
  /** As many processes run at once as there are processors. */
  readonly #most = Math.max(1, availableParallelism());
  #running = 0;
  readonly #line: (() => void)[] = [];
  /** Processes that memory is reserved for, and those that wait for what they have. */
  #holding = 0;
  readonly #roomless: (() => void)[] = [];
  readonly #idle: IdleProcess[] = [];
  /** Questions that are being asked, by their keys: whoever asks the same waits for the same answer. */
  readonly #asked = new Map<string, Promise<EngineAnswer>>();
  /** Why a question, or an engine, is not asked again. */
  readonly #failed = new Map<string, NoAnswerError>();
  readonly #checked = new Set<string>();
  /** Those that are asked something now. */
  readonly #busy = new Set<AskProcess>();
  #closed = false;

  constructor(parts: EngineAskerParts) {
    this.#parts = parts;
    this.#limitMs = parts.limitMs ?? LIMIT_MS;
  }

  /** Rejects with a `NoAnswerError` that says why the engine can't be asked, or has no answer. */
  async ask(engine: EngineFiles, asked: AskedQuestion): Promise<EngineAnswer> {
    const engineKey = await identifyEngine(engine);
    const key = hash([engineKey, asked.question, asked.files.map(identifyFile)]);
    const failed = this.#failed.get(engineKey) ?? this.#failed.get(key);
    if (failed) throw failed;
    const known = await this.#parts.store?.find(key, asked.question);
    if (known) return known;
    const asking = this.#asked.get(key) ?? this.#askOnce(engine, engineKey, key, asked);
    this.#asked.set(key, asking);
    return asking.finally(() => this.#asked.delete(key));
  }

  /** Ends all processes: who still waits for an answer gets none. */
  close(): void {
    this.#closed = true;
    for (const process of this.#busy) process.kill();
    for (const process of this.#takeAllIdle()) process.kill();
  }

  async #askOnce(engine: EngineFiles, engineKey: string, key: string, asked: AskedQuestion): Promise<EngineAnswer> {
    await this.#enter();
    const letGo = await this.#hold(asked.bytes);
    try {
      if (!letGo) throw new NoAnswerError('there is not enough memory for a process that asks it', false);
      const answer = await this.#askProcess(engine, engineKey, asked.question);
      void this.#parts.store?.keep(key, answer);
      return answer;
    } catch (error) {
      const failure = error instanceof NoAnswerError ? error : new NoAnswerError(describeError(error), true);
      if (letGo) this.#failed.set(failure.engineFailed ? engineKey : key, failure);
      throw failure;
    } finally {
      this.#letGo(letGo);
      this.#leave();
    }
  }

  async #askProcess(engine: EngineFiles, engineKey: string, question: EngineQuestion): Promise<EngineAnswer> {
    const process = this.#takeIdle(engineKey) ?? (await this.#startProcess(engine, engineKey));
    this.#busy.add(process);
    if (this.#closed) process.kill();
    try {
      const answer = await process.ask(question, this.#limitMs);
      if (!this.#checked.has(engineKey)) void this.#parts.store?.noteChecked(engineKey);
      this.#checked.add(engineKey);
      return answer;
    } finally {
      this.#busy.delete(process);
      this.#putIdle(engineKey, process);
    }
  }

  async #startProcess(engine: EngineFiles, engineKey: string): Promise<AskProcess> {
    const checked = this.#checked.has(engineKey) || (await this.#parts.store?.isChecked(engineKey)) === true;
    if (checked) this.#checked.add(engineKey);
    return new AskProcess(await this.#parts.start(), engine, checked);
  }

  #takeIdle(key: string): AskProcess | undefined {
    const index = this.#idle.findIndex((each) => each.key === key && !each.process.gone);
    if (index < 0) return undefined;
    const [{ process, timer }] = this.#idle.splice(index, 1) as [IdleProcess];
    clearTimeout(timer);
    return process;
  }

  #takeAllIdle(): readonly AskProcess[] {
    const all = this.#idle.splice(0);
    for (const { timer } of all) clearTimeout(timer);
    return all.map(({ process }) => process);
  }

  #putIdle(key: string, process: AskProcess): void {
    if (process.gone) return;
    const timer = setTimeout(() => {
      this.#idle.splice(
        this.#idle.findIndex((each) => each.process === process),
        1,
      );
      process.kill();
    }, IDLE_MS).unref();
    this.#idle.push({ key, process, timer });
  }

  /**
   * If there is no room for one more beside those that ask now, once one of them is done; and those that only wait for a question give theirs
   * back. `undefined`: there is none for a single one.
   */
  async #hold(bytes: number): Promise<(() => void) | undefined> {
    for (;;) {
      const letGo = this.#parts.hold(bytes);
      if (letGo) this.#holding += 1;
      if (letGo) return letGo;
      if (this.#holding > 0) await new Promise<void>((resolve) => this.#roomless.push(resolve));
      else if (this.#idle.length > 0) await Promise.all(this.#takeAllIdle().map((process) => process.end()));
      else return undefined;
    }
  }

  #letGo(letGo: (() => void) | undefined): void {
    if (!letGo) return;
    letGo();
    this.#holding -= 1;
    for (const look of this.#roomless.splice(0)) look();
  }

  async #enter(): Promise<void> {
    if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#line.push(resolve));
    else this.#running += 1;
  }

  /** Whoever waits takes the place over. */
  #leave(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#running -= 1;
  }
}

/** The libraries as they lie there, and the processor that some of them are chosen by. */
async function identifyEngine({ libraries, backends }: EngineFiles): Promise<string> {
  try {
    const stats = await Promise.all(libraries.map((path) => stat(path)));
    const facts = stats.map(({ size, mtimeMs, ino }, index) => [libraries[index], size, mtimeMs, ino]);
    return hash([facts, backends, cpus()[0]?.model]);
  } catch (error) {
    throw new NoAnswerError(describeError(error), true);
  }
}

function identifyFile({ device, inode, sizeBytes, mtimeMs }: FileIdentity): readonly number[] {
  return [device, inode, sizeBytes, mtimeMs];
}

function hash(facts: unknown): string {
  return loadNodeModule('node:crypto').createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}
