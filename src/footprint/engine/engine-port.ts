/** What an estimate needs of whoever asks engines. It holds no behaviour. */
import type { AskedQuestion, EngineAnswer } from './engine-question.ts';

/** One engine that can be asked. */
export interface EnginePort {
  /** Resolves to the answer, or to the sentence that says why there is none. Never rejects. */
  ask(asked: AskedQuestion): Promise<EngineAnswer | string>;
}
