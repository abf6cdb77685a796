/** What passes between a program and the process that asks an engine for it. */
import type { EngineFiles } from '../../core/engine-files.ts';
import type { EngineQuestion } from './engine-question.ts';

/** What the process is started with in its arguments, so that it becomes that. */
export const ASK_ROLE = 'ask';

/** To the process, one at a time. All of them are for the same libraries. */
export interface QuestionMessage {
  readonly engine: EngineFiles;
  /** Whether these libraries have been checked, by whoever asked before. */
  readonly checked: boolean;
  readonly question: EngineQuestion;
}

/** From the process: the answer, or why there is none. `believed` is false if the libraries can't be asked anything. */
export type AnswerMessage = { readonly answer: unknown } | { readonly problem: string; readonly believed: boolean };

/** Reads what came, which may be anything; `undefined` if it is none of them. */
export function readAnswerMessage(value: unknown): AnswerMessage | undefined {
  const { answer, problem, believed } = Object(value) as { answer?: unknown; problem?: unknown; believed?: unknown };
  if (answer !== undefined) return { answer };
  return typeof problem === 'string' ? { problem, believed: believed === true } : undefined;
}
