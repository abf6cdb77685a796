/** Has engines asked by processes of this package. It knows no engine and no memory rules. */

import { findChild } from '../children/find-child.ts';
import { startChild } from '../children/start-child.ts';
import type { EngineFiles } from '../core/engine-files.ts';
import { readMessage } from '../core/errors.ts';
import { AnswerStore } from '../footprint/engine/answer-store.ts';
import { EngineAsker, type EngineAskerParts } from '../footprint/engine/engine-asker.ts';
import type { EnginePort } from '../footprint/engine/engine-port.ts';
import { ASK_ROLE } from '../footprint/engine/question-message.ts';

/**
 * The C library's own default, which it keeps to only if it is said: else it comes to keep what was freed, up to 32 MiB, and what a context took is told
 * 20 MiB too high or too low (18.1 MiB of a qwen35, told as 0 to 37).
 */
const GIVE_BACK = { MALLOC_MMAP_THRESHOLD_: '131072' };

export interface OpenEnginesParts extends Pick<EngineAskerParts, 'hold'> {
  /** The folder in which answers are kept; absent if nothing is kept. */
  readonly directory?: string;
  /** Hears, once for each sentence, why an engine could not be asked. */
  readonly tellProblem: (message: string, cause: unknown) => void;
}

/** The engines that a guard may ask. */
export interface Engines {
  /** The one with these libraries. */
  of(files: EngineFiles): EnginePort;
  close(): void;
}

export function openEngines({ directory, hold, tellProblem }: OpenEnginesParts): Engines {
  const asker = new EngineAsker({
    start: async () => startChild(findChild(undefined), [ASK_ROLE], undefined, GIVE_BACK),
    hold,
    ...(directory !== undefined && { store: new AnswerStore(directory) }),
  });
  const told = new Set<string>();
  return {
    of: (files) => ({
      async ask(asked) {
        try {
          return await asker.ask(files, asked);
        } catch (error) {
          const reason = readMessage(error);
          const message = `The engine could not be asked what a load takes: ${reason.replace(/\.$/, '')}.`;
          if (!told.has(message)) tellProblem(message, error);
          told.add(message);
          return message;
        }
      },
    }),
    close: () => asker.close(),
  };
}
