/** Keeps what engines answered on disk, one file for each question, so that nobody asks twice. A file that can't be trusted is ignored. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { KiB } from '../../core/bytes.ts';
import { lstat, mkdir, OpenFile, orNothing, readdir, rename, rm } from '../../core/file-system.ts';
import { loadNodeModule } from '../../core/node-module.ts';
import { readSmallFile } from '../../core/read-small-file.ts';
import { type EngineAnswer, type EngineQuestion, isAnswer } from './engine-question.ts';

const FOLDER = 'engine-answers';
const FORMAT = 2;
/** Stands in place of an answer. */
const CHECKED = 'understood';
/** An answer takes 1 KiB. */
const MOST_BYTES = 64 * KiB;
/** How many are kept; those that were written longest ago are forgotten. */
const KEPT_ANSWERS = 512;
/** So many more may be there until somebody looks. */
const SWEEP_AFTER = 64;

export class AnswerStore {
  readonly #directory: string;
  /** What this process knows already. */
  readonly #known = new Map<string, EngineAnswer>();
  #written = 0;

  /** Lies in a folder of its own below `directory`. */
  constructor(directory: string) {
    this.#directory = join(directory, FOLDER);
  }

  /** Resolves to the answer that was kept for this question under this key, of this process or another. Never rejects. */
  async find(key: string, question: EngineQuestion): Promise<EngineAnswer | undefined> {
    const known = this.#known.get(key);
    if (known) return known;
    const found = await orNothing(this.#read(key));
    if (!isAnswer(found, question)) return undefined;
    this.#remember(key, found);
    return found;
  }

  /** Keeps an answer. Resolves when it is on disk, or can't be: then only this process knows it. */
  async keep(key: string, answer: EngineAnswer): Promise<void> {
    this.#remember(key, answer);
    await orNothing(this.#write(key, answer));
  }

  /** Resolves to whether a program noted that this engine is understood. Never rejects. */
  async isChecked(engineKey: string): Promise<boolean> {
    return (await orNothing(this.#read(engineKey))) === CHECKED;
  }

  /** Notes that this engine is understood, for every program. Never rejects. */
  async noteChecked(engineKey: string): Promise<void> {
    await orNothing(this.#write(engineKey, CHECKED));
  }

  #remember(key: string, answer: EngineAnswer): void {
    this.#known.delete(key);
    this.#known.set(key, answer);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KEPT_ANSWERS) break;
      this.#known.delete(oldest);
    }
  }

  async #read(key: string): Promise<unknown> {
    const options = { mostBytes: MOST_BYTES, refuseLink: true, refuseOtherUser: true };
    const bytes = await readSmallFile(this.#place(key), options);
    const { format, answer } = JSON.parse(bytes.toString()) as { format?: unknown; answer?: unknown };
    return format === FORMAT ? answer : undefined;
  }

  async #write(key: string, answer: EngineAnswer | typeof CHECKED): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    if (this.#written++ % SWEEP_AFTER === 0) await this.#sweep();
    const temporary = `${this.#place(key)}.${loadNodeModule('node:crypto').randomUUID()}`;
    try {
      const { O_WRONLY, O_CREAT, O_EXCL } = constants;
      const file = await OpenFile.open(temporary, O_WRONLY | O_CREAT | O_EXCL | (constants.O_NOFOLLOW ?? 0), 0o600);
      try {
        await file.write(JSON.stringify({ format: FORMAT, answer }));
      } finally {
        await file.close();
      }
      await rename(temporary, this.#place(key));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Forgets the oldest, and what a process left that was killed while it wrote. */
  async #sweep(): Promise<void> {
    const names = await readdir(this.#directory);
    if (names.length <= KEPT_ANSWERS) return;
    const files = await Promise.all(
      names.map(async (name) => ({
        name,
        ms: (await orNothing(lstat(join(this.#directory, name))))?.mtimeMs ?? 0,
      })),
    );
    files.sort((one, other) => one.ms - other.ms);
    const old = files.slice(0, files.length - KEPT_ANSWERS);
    await Promise.all(old.map(({ name }) => rm(join(this.#directory, name), { force: true })));
  }

  #place(key: string): string {
    return join(this.#directory, `${key}.json`);
  }
}
