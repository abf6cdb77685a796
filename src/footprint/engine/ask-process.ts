/** One process that asks one build of an engine, one question at a time. It may crash, hang or lie: then it is ended, and that is said. */
import type { StartedChild } from '../../children/start-child.ts';
import { describeEnd } from '../../core/describe-end.ts';
import type { EngineFiles } from '../../core/engine-files.ts';
import { type EngineAnswer, type EngineQuestion, isAnswer } from './engine-question.ts';
import { type QuestionMessage, readAnswerMessage } from './question-message.ts';

/** Why a question has no answer, and whether any other could have one. */
export class NoAnswerError extends Error {
  /** The libraries themselves can't be asked. */
  readonly engineFailed: boolean;

  constructor(message: string, engineFailed: boolean) {
    super(message);
    this.engineFailed = engineFailed;
  }
}

/** A question that is waited for. */
interface Waiting {
  readonly question: EngineQuestion;
  resolve(answer: EngineAnswer): void;
  reject(error: NoAnswerError): void;
}

export class AskProcess {
  readonly #child: StartedChild;
  readonly #engine: EngineFiles;
  #checked: boolean;
  #waiting: Waiting | undefined;
  #ended: string | undefined;
  #kills = false;
  readonly #whenGone: Promise<void>;

  constructor(child: StartedChild, engine: EngineFiles, checked: boolean) {
    this.#child = child;
    this.#engine = engine;
    this.#checked = checked;
    child.onMessage((message) => this.#receive(message));
    child.onOutput(() => {});
    this.#whenGone = new Promise((resolve) => {
      child.onExit((exitCode, signal) => {
        this.#end(exitCode, signal);
        resolve();
      });
    });
    child.hold(false);
  }

  /** Whether it is gone, or about to be: it can't be asked any more. */
  get gone(): boolean {
    return this.#ended !== undefined || this.#kills;
  }

  /** Rejects with a `NoAnswerError` if the engine refuses, the process ends or nothing comes within `limitMs`. */
  async ask(question: EngineQuestion, limitMs: number): Promise<EngineAnswer> {
    if (this.#ended !== undefined) throw new NoAnswerError(this.#ended, false);
    const timer = setTimeout(() => this.#fail(`it did not answer within ${limitMs / 1000} s`, false), limitMs);
    this.#child.hold(true);
    try {
      return await new Promise<EngineAnswer>((resolve, reject) => {
        this.#waiting = { question, resolve, reject };
        const message: QuestionMessage = { engine: this.#engine, checked: this.#checked, question };
        this.#child.send(message);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
      this.#child.hold(false);
    }
  }

  kill(): void {
    this.#kills = true;
    this.#child.kill();
  }

  /** Resolves when it has ended, and what it held is free again: the program stays alive for that. */
  end(): Promise<void> {
    this.#child.hold(true);
    this.kill();
    return this.#whenGone;
  }

  #receive(value: unknown): void {
    const message = readAnswerMessage(value);
    const waiting = this.#waiting;
    if (message && 'problem' in message) {
      waiting?.reject(new NoAnswerError(message.problem, !message.believed));
    } else if (message && waiting && isAnswer(message.answer, waiting.question)) {
      this.#checked = true;
      waiting.resolve(message.answer);
    } else {
      this.#fail('it sent what is no answer', false);
    }
  }

  #end(exitCode: number | null, signal: NodeJS.Signals | null): void {
    this.#ended = describeEnd('The process that asks the engine', {
      ...(signal !== null && { signal }),
      ...(exitCode !== null && { exitCode }),
      hung: false,
    });
    this.#waiting?.reject(new NoAnswerError(this.#ended, false));
  }

  /** What it says from now on is not heard. */
  #fail(problem: string, engineFailed: boolean): void {
    this.#waiting?.reject(new NoAnswerError(problem, engineFailed));
    this.kill();
  }
}
